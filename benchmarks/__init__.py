"""Measure Event Lake: `make bench` runs the benchmarks, and `make bench-compare` compares two runs."""
