"""The counts that Spark makes of the raw and staging tables: frames in, frames out, and their rows as plain values."""
