"""Prove that read = raw + duplicates + quarantined."""
