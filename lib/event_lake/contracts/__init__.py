"""What the events of a type hold, as their owners wrote it down. Runs without Spark."""
