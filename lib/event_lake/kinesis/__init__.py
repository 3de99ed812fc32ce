"""Reading a Kinesis data stream exactly."""
