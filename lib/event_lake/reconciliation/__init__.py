"""Proving that read = raw + duplicates + quarantined."""
