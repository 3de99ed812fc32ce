"""Report on a running job: in a terminal, in the log and in CloudWatch."""
