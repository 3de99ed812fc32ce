"""What Spark counts of the raw and staging tables: frames in, rows out, and these as plain values by hour."""
