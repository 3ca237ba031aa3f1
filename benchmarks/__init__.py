"""Measurements of speed, memory and quality, one program per module: `python -m benchmarks.overhead --help`."""
