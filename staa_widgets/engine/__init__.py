"""The steps from a video to an explanation, in order.

Begin with `explain.py`: `explain` and `finish_run` contain every step. `request.py` and `run.py` define the two values
that are passed from step to step: a request, and the run that answers the request. `options.py` checks keywords,
`keys.py` makes the cache keys, `merge.py` merges the maps of windows, and `many.py` explains many videos.
"""
