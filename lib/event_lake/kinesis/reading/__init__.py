"""The executors' part: they read a range of a shard, and make rows of its records."""
