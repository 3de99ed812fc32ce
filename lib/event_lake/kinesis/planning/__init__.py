"""What the driver decides: where each shard's next range begins and ends, and what is lost."""
