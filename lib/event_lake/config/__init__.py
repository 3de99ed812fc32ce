"""Define the settings, and read TOML files: those of the settings, of contracts and of thresholds."""
