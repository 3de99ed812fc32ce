"""The Spark source that reads each record of a Kinesis data stream exactly once."""
