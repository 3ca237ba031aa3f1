"""From a file, bytes or an array to frames with times, windows of sampled frames, previews and audio.

Begin with `clip`; behind it `probe` states facts about a file and `decode` reads its pixels.
"""
