"""The jobs' work, below their command lines."""
