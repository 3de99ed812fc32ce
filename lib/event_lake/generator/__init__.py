"""Generate a repeatable load of realistic events."""
