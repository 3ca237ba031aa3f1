"""One module for each export format: mp4 movie, GIF, PNG image, CSV table, and Python code."""
