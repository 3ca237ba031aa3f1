"""Read a video from a file, bytes or an array: its frames and their times, sampled windows, a preview and audio.

Begin with `clip`, which opens a video of any kind. `probe` reads the facts about a file, `decode` reads its pixels, and
`arrays` checks frames in memory. `windows` chooses the frames that the model sees.
"""
