"""Mend the times of frames whose time stamps repeat, step back, jump or are missing. Begin with `mend_times`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

MAX_SECONDS = 1_000_000.0
"""Longest video in seconds, 11 days; a longer one comes from a wrong clock."""

JUMP_SECONDS = 20.0
"""Gap between two frames, in seconds, that is taken for a jump of the clock if all other gaps are regular."""

BROADCAST_JUMP_SECONDS = 5.0
"""As `JUMP_SECONDS`, for containers made for broadcast, whose clock jumps where recordings are joined."""

BROADCAST_CONTAINERS = frozenset({"mpegts", "mpeg"})

DEFAULT_RATE = 25.0
"""Frames a second of a stream that states neither times nor a rate."""

RATE_HINT = "fps= and times= apply only to a video given as an array of frames, to images and to bare streams."
"""What is wrong if a rate or times are given for a video that has its own."""

LOOK_AHEAD = 16
"""Frames with wrong time stamps in a row, beyond which the clock is taken to start again."""


def frame_step(seconds: NDArray[np.floating], rate: Fraction | float | None) -> float:
    """Return the usual seconds from one frame to the next: from the stream's rate, unless the times contradict it.

    Parameters
    ----------
    seconds
        float64 ``(F,)`` in order of display, NaN where a time stamp is missing.
    rate
        Frames a second that the container states; ``None`` if it states none.
    """
    gaps = np.diff(seconds)
    is_usual = (gaps >= 0) & (gaps <= 10 * np.median(gaps[gaps > 0])) if np.any(gaps > 0) else np.zeros(len(gaps), bool)
    mean = float(gaps[is_usual].mean()) if is_usual.any() else 0.0
    if rate and (mean == 0 or 0.5 <= mean * float(rate) <= 2):
        return 1 / float(rate)
    return mean or 1 / DEFAULT_RATE


def find_jump_limit(seconds: NDArray[np.floating], durations: NDArray[np.floating] | None, container: str) -> float:
    """Return the gap in seconds above which the clock has jumped; infinity if long gaps may be real pauses.

    Parameters
    ----------
    seconds
        float64 ``(F,)``, times of frames in order of display.
    durations
        float64 ``(F,)``, seconds that the container says each frame is shown, if known: a gap that the duration of its
        frame covers is real.
    container
        FFmpeg's name of the container.
    """
    gaps = np.diff(seconds)
    positive = gaps[gaps > 0]
    if len(positive) == 0:
        return np.inf
    median = float(np.median(positive))
    # Only where all other gaps are equal is a long one surely wrong: screen recorders leave out frames in a pause.
    if np.mean(np.abs(positive - median) <= 0.5 * median) < 0.9:
        return np.inf
    seconds_limit = BROADCAST_JUMP_SECONDS if container in BROADCAST_CONTAINERS else JUMP_SECONDS
    limit = max(seconds_limit, 50 * median)
    if durations is not None and np.any((gaps > limit) & (durations[:-1] >= 0.5 * gaps)):
        return np.inf
    return limit


def mend_times(seconds: NDArray[np.floating], step: float, jump_limit: float = np.inf) -> NDArray[np.float64]:
    """Return rising times of frames, counted from 0: those of the time stamps wherever these make sense.

    Frames whose stamps repeat, step back or are missing are spread evenly between their neighbors. Where the clock
    starts again or jumps, it goes on with the usual step.

    Parameters
    ----------
    seconds
        float64 ``(F,)``, in order of display, NaN where a time stamp is missing.
    step
        Usual seconds from one frame to the next.
    jump_limit
        Longest gap in seconds that is no jump.

    Returns
    -------
    NDArray
        float64 ``(F,)``.
    """
    count = len(seconds)
    if np.isnan(seconds).all():
        return np.arange(count, dtype=np.float64) * step
    raw, times = seconds.tolist(), [0.0] * count
    last = 0
    while last + 1 < count:
        following = _next_sound(raw, last, step, jump_limit)
        if following is None:
            following = last + 1
            end = times[last] + step
        else:
            end = times[last] + raw[following] - raw[last]
        for index in range(last + 1, following + 1):
            times[index] = times[last] + (end - times[last]) * (index - last) / (following - last)
        last = following
    return np.array(times)


def _next_sound(raw: list[float], last: int, step: float, jump_limit: float) -> int | None:
    """Return the next frame whose stamp agrees with that of frame `last`; ``None`` if the clock starts again."""
    for index in range(last + 1, min(last + 1 + LOOK_AHEAD, len(raw))):
        gap, frames = raw[index] - raw[last], index - last
        is_dense = frames > 1 and gap < 0.5 * frames * step
        if 0 < gap <= jump_limit and not is_dense:
            return index
    return None
