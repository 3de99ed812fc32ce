"""The quality report: one page that needs nothing but a browser. Only this package imports the plotting library."""
