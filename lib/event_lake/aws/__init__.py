"""The AWS services other than Kinesis that Event Lake calls, one module for each."""
