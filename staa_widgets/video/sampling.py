"""Sample frames from a clip: pure functions of the frames' times. Begin with `sample_uniform`, the simplest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.utils.numbers import is_positive_number
from staa_widgets.utils.text import quote_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames sampled from a clip.

    Parameters
    ----------
    indices
        int64 ``(T,)``, rising frame numbers within the clip.
    times
        float64 ``(T,)``, seconds of these frames.
    """

    indices: NDArray[np.int64]
    times: NDArray[np.float64]

    def __len__(self) -> int:
        """Return ``T``."""
        return len(self.indices)


def sample_uniform(times: NDArray[np.float64], n: int) -> Sample:
    """Sample the middle frame of each of `n` equal parts of a clip: ``floor((i + 1/2) F / n)``.

    Parameters
    ----------
    times
        float64 ``(F,)``, seconds of the clip's frames.
    n
        Number of frames to take.

    Raises
    ------
    TooFewFramesError
        If the clip has fewer than `n` frames.
    ParameterError
        If `n` is under 1.
    """
    _require_frames(len(times), n)
    return _make_sample(times, (2 * np.arange(n) + 1) * len(times) // (2 * n))


def sample_windows(times: NDArray[np.float64], n: int, stride: int, rate: float) -> tuple[Sample, ...]:
    """Return windows of `n` frames that together cover a clip, sampled at `rate` frames a second.

    All windows take their frames from one grid of sampled frames, so that overlapping windows share frames. The last
    window ends at the end of the grid; no frame is repeated to fill the window.

    Parameters
    ----------
    times
        float64 ``(F,)``, seconds of the clip's frames.
    n
        Frames in a window.
    stride
        Sampled frames from the start of one window to the start of the next, at most `n`.
    rate
        Frames a second. Above the clip's own frame rate every frame is taken once.

    Raises
    ------
    TooFewFramesError
        If the clip is shorter than one window.
    ParameterError
        If `n`, `stride` or `rate` is out of range.
    """
    grid = _frame_grid(times, rate)
    _require_frames(len(grid), n, rate)
    if not 1 <= stride <= n:
        raise ParameterError(f"stride must be from 1 to {n}, got {stride}.", "A larger stride would skip frames.")
    starts = [*range(0, len(grid) - n, stride), len(grid) - n]
    return tuple(_make_sample(times, grid[s : s + n]) for s in starts)


def sample_padded(times: NDArray[np.float64], n: int) -> Sample:
    """Return all frames of a clip of fewer than `n` frames, and its last frame again until there are `n`."""
    return _make_sample(times, np.minimum(np.arange(n), len(times) - 1))


def spread_repeats(sample_times: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Return times in which the repeats of the last frame are spread evenly over the time that the frame is shown."""
    repeats = int((sample_times == sample_times[-1]).sum())
    seconds = np.linspace(sample_times[-1], end, repeats, endpoint=False)
    return np.concatenate([sample_times[: len(sample_times) - repeats], seconds])


def slice_spans(sample_times: ArrayLike, start: float, end: float, group: int = 1) -> NDArray[np.float64]:
    """Return the interval of seconds of each slice, bounded by the midpoints between sampled frames.

    Parameters
    ----------
    sample_times
        ``(T,)`` rising seconds within ``[start, end)``.
    start, end
        Seconds at which the clip starts and ends.
    group
        ``k``, frames of a slice: a bound lies between the last frame of a slice and the first of the next.

    Returns
    -------
    NDArray
        float64 ``(T / k, 2)``, half-open intervals that tile ``[start, end)``.

    Raises
    ------
    ParameterError
        If the times do not rise within the range, or do not fall into groups of `group`.
    """
    moments = np.asarray(sample_times, np.float64)
    if moments.ndim != 1 or group < 1 or not moments.size or moments.size % group:
        raise ParameterError(
            f"Times of shape {moments.shape} cannot be divided into groups of {group}.",
            "Give one row of times, whose number is a multiple of the group.",
        )
    if np.any(np.diff(moments) <= 0) or not start <= moments[0] <= moments[-1] < end:
        raise ParameterError(
            f"The times must increase and lie between {start} and {end} s.", "Sort them, or widen the range."
        )
    cuts = (moments[group - 1 : -1 : group] + moments[group::group]) / 2
    return np.stack([np.r_[start, cuts], np.r_[cuts, end]], axis=1)


def _make_sample(times: NDArray[np.float64], indices: NDArray[np.int64]) -> Sample:
    return Sample(np.asarray(indices, np.int64), times[indices])


def _require_frames(count: int, n: int, rate: float | None = None) -> None:
    if n < 1:
        raise ParameterError(f"n must be at least 1, got {n}.", "Give the number of frames to sample.")
    if count < n:
        rate_text, hint = "", "Use a longer video or a wider range, or pad='last' to repeat the last frame."
        if rate is not None:
            rate_text = f" at {rate:g} per second"
            hint = "Use a longer video, a wider range or more frames per second."
        raise TooFewFramesError(f"The clip has {count} frames{rate_text}, but {n} are needed.", hint)


def _frame_grid(times: NDArray[np.float64], rate: float) -> NDArray[np.int64]:
    """Return the frames that are displayed at the middle of each interval of 1/rate seconds, each frame once."""
    if not is_positive_number(rate):
        raise ParameterError(
            f"rate must be a positive number, got {quote_value(rate)}.", "Give frames per second, such as rate=4."
        )
    if len(times) < 2:
        return np.arange(len(times))
    length = times[-1] - times[0] + np.median(np.diff(times))
    count = int(min(length * rate + 1e-6, 1e7))
    moments = times[0] + (np.arange(count) + 0.5) / rate
    return np.unique(np.searchsorted(times, moments, side="right") - 1)
