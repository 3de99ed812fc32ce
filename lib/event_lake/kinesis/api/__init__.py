"""The calls to Kinesis and their answers, for the driver and the executors."""
