"""From records to the raw layer's three tables."""
