"""What an event is, in plain Python: no Spark, no I/O."""
