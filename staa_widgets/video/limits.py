"""The number of pixels that may be decoded at once, so that a small file cannot take all memory.

The limit is asked before anything is decoded.
"""

from __future__ import annotations

import os

from staa_widgets.errors import ParameterError, VideoTooLargeError
from staa_widgets.utils.memory import available_memory

VARIABLE = "STAA_MAX_PIXELS"
"""Environment variable that sets the limit: a number of pixels."""

MEMORY_SHARE = 0.5
"""Share of the available memory that decoded frames may take."""

MAX_BYTES = 2 << 30
"""Bytes that decoded frames may take at most, however much memory is available."""

BYTES_PER_PIXEL = 3

FRAMES_IN_DECODER = 5
"""Frames for which decoding one takes memory, as measured for H.264 and GIF."""

LARGE_FRAME = 3840 * 2160
"""Pixels above which frames are decoded one at a time, by one thread: each thread holds frames of its own."""


def pixel_limit() -> int:
    """Return how many pixels may be decoded at once: frames times width times height.

    Raises
    ------
    ParameterError
        If the environment variable `VARIABLE` is set to anything but a positive number.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        try:
            pixels = float(text)
        except ValueError:
            pixels = 0.0
        if not 1 <= pixels < float("inf"):
            raise ParameterError(f"{VARIABLE} is {text!r}.", "Set it to a number of pixels, such as 2e9, or unset it.")
        return int(pixels)
    memory = available_memory()
    share = MAX_BYTES if memory is None else min(MAX_BYTES, int(memory * MEMORY_SHARE))
    return share // BYTES_PER_PIXEL


def check_frame_size(name: str, width: int, height: int) -> None:
    """Raise `VideoTooLargeError` if not even one frame of a file can be decoded within the limit."""
    pixels, limit = FRAMES_IN_DECODER * width * height, pixel_limit()
    if pixels > limit:
        raise VideoTooLargeError(
            f"To decode a frame of {name!r}, {width}x{height}, takes memory for {_millions(pixels)} pixels; "
            f"the limit is {_millions(limit)}.",
            "Make a copy with smaller frames, for example by ffmpeg -vf scale=1280:-2, "
            f"or set {VARIABLE} higher if there is memory.",
        )


def check_array_size(width: int, height: int) -> None:
    """Raise `VideoTooLargeError` if not even one frame of an array can be shown within the limit."""
    pixels, limit = width * height, pixel_limit()
    if pixels > limit:
        raise VideoTooLargeError(
            f"A frame of {width}x{height} has {_millions(pixels)} pixels; the limit is {_millions(limit)}.",
            f"Give smaller frames, or set {VARIABLE} higher if there is memory.",
        )


def check_frame_count(name: str, count: int, width: int, height: int) -> None:
    """Raise `VideoTooLargeError` if so many frames at once exceed the limit."""
    pixels, limit = count * width * height, pixel_limit()
    if pixels > limit:
        raise VideoTooLargeError(
            f"{count} frames of {name!r}, {width}x{height}, are {_millions(pixels)} pixels "
            f"({BYTES_PER_PIXEL * pixels / 1e9:.1f} GB); the limit is {_millions(limit)}.",
            "Choose fewer frames with start= and end=, smaller ones with open_clip(…, max_side=640), or read them one "
            f"at a time with iter_frames. {VARIABLE} sets the limit.",
        )


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f} million"
