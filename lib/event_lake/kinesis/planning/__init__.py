"""The driver's part: it decides where each shard's next range begins and ends, and which records are lost."""
