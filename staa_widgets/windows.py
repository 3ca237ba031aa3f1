"""Which frames of a clip a model is given, window by window, and how the windows become one answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from staa_widgets.clip import Clip
from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.record import Geometry
from staa_widgets.sampling import Sample, uniform, windows

LONGEST_SINGLE = 12.0
"""Seconds up to which one uniform window shows a model the whole clip."""

SECONDS = 4.0
"""Seconds that a window spans in longer clips."""


def choose(clip: Clip, geometry: Geometry, seconds: float | None = None) -> tuple[Sample, ...]:
    """Choose the frames of each window.

    All windows take theirs from one row, so that the last one, aligned to the end, shares whole slices with the one
    before it instead of showing the same time again in other frames.

    Parameters
    ----------
    clip
        The clip, ``F`` frames.
    geometry
        The model takes ``T`` frames at once, ``k`` a slice.
    seconds
        What a window spans; by default the whole clip up to `LONGEST_SINGLE`, beyond it `SECONDS`.

    Returns
    -------
    tuple[Sample, ...]
        ``W`` windows of ``T`` frames, in order.

    Raises
    ------
    TooFewFramesError
        If the clip has fewer than ``T`` frames.
    ParameterError
        If `seconds` is not positive.
    """
    if seconds is not None and not seconds > 0:
        raise ParameterError(f"window is {seconds} seconds.", "Give a positive number, or None.")
    count = geometry.frames
    once = (uniform(clip.times, count),)
    if clip.duration - clip.times[0] <= (seconds or LONGEST_SINGLE):
        return once
    try:
        found = windows(clip.times, count, count, count / (seconds or SECONDS))
    except TooFewFramesError:
        return once  # Enough frames, but most of them within a few moments.
    row = np.unique(np.concatenate([window.indices for window in found]))
    row = row[: len(row) // geometry.tubelet * geometry.tubelet]
    starts = [*range(0, len(row) - count, count), len(row) - count]
    return tuple(Sample(row[s : s + count], clip.times[row[s : s + count]]) for s in starts)


def merge(
    parts: Sequence[NDArray[np.floating]], sampled: NDArray[np.int64], weights: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Lay windows end to end; a slice that several saw gets their average.

    Parameters
    ----------
    parts
        ``W`` arrays ``(S, …)``.
    sampled
        int64 ``(W, S, k)``, the frames that each slice saw, by which it is recognised.
    weights
        Factor on each window.

    Returns
    -------
    values
        float32 ``(S', …)``, slices in order of time.
    sampled
        int64 ``(S', k)``.
    """
    frames, place = np.unique(sampled.reshape(-1, sampled.shape[-1]), axis=0, return_inverse=True)
    place = place.reshape(len(parts), -1)
    total = np.zeros((len(frames), *parts[0].shape[1:]), np.float32)
    for values, weight, at in zip(parts, weights, place, strict=True):
        total[at] += np.float32(weight) * values
    count = np.bincount(place.ravel()).astype(np.float32)
    return total / count.reshape(-1, *[1] * (total.ndim - 1)), frames
