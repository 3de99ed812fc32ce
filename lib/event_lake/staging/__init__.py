"""From raw events to one row per event."""
