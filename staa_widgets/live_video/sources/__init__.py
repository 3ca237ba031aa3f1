"""Live sources: files, frames, devices and network streams. Begin with `open_source` in `choose.py`."""
