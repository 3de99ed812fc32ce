"""What a running job tells of itself, to people and to machines."""
