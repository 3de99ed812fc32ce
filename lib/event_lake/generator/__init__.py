"""A repeatable load of realistic events."""
