"""What is measured of the events, hour by hour, and what the measures are held to."""
