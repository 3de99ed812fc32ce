"""The measures, by topic. Each is declared in one place, with the function that computes it from a view of an hour."""
