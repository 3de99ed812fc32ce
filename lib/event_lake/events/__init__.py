"""Decide in plain Python, without Spark and without I/O, whether a record is an event."""
