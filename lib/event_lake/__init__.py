"""Event Lake: Kinesis events into Delta Lake, exactly once, with nothing lost silently."""

__version__ = "0.1.0"
