"""Settings, and the files that they, contracts and thresholds come from."""
