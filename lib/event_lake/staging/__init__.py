"""Bring raw events to the staging layer, which holds one row for each event."""
