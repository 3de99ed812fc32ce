"""Reach a lake where it is stored: its tables, checkpoints and leases, and the Spark session of the jobs."""
