"""Implement what the command lines of all jobs have in common."""
