"""The calls to Kinesis, and what they answer; the driver and the executors use it."""
