"""Open a video of each kind of input: files, open files, frames in memory, images, and decoders of other libraries.

`staa_widgets.video.open` chooses the kind. Each file here has the functions for one kind, which return a `Clip`.
"""
