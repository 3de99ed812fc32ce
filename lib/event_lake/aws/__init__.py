"""AWS services other than Kinesis, each behind one module."""
