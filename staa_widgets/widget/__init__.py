"""The player and the payload it shows."""
