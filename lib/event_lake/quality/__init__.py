"""The quality of the events: measured hour by hour, and held to thresholds."""
