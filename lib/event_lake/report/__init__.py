"""Make the quality report, an HTML page that needs only a browser. No other package imports the plotting library."""
