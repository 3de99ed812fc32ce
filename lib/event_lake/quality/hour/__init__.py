"""What is known of an hour, and what is expected of it, as plain values: no Spark, no I/O."""
