"""The values that say what is known of an hour, and what is expected of it: no Spark, no I/O."""
