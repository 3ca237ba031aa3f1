"""Read a video from a file, bytes or an array: its frames and their times, sampled windows, a preview and audio.

Begin with `clip`; it uses `probe` for the facts about a file and `decode` for its pixels.
"""
