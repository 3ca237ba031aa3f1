"""The order of the steps from a video to an explanation.

Begin with `explain.py`: `explain` and `finish_run` are the whole way; `request.py` and `run.py` are its two values.
"""
