"""Read a video from a file, bytes or an array: its frames and their times, sampled windows, a preview and audio.

Begin with `clip`, which opens any of them: `probe` reads the facts about a file and `decode` its pixels, `arrays`
checks frames in memory. `windows` chooses the frames that the model sees.
"""
