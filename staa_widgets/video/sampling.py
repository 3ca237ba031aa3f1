"""Ways to sample frames from a clip: pure functions of the frames' times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError, TooFewFramesError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames chosen from a clip.

    Parameters
    ----------
    indices
        int64 ``(T,)``, within the clip, rising.
    times
        float64 ``(T,)``, their seconds.
    """

    indices: NDArray[np.int64]
    times: NDArray[np.float64]

    def __len__(self) -> int:
        """Return ``T``."""
        return len(self.indices)


def sample_uniform(times: NDArray[np.float64], n: int) -> Sample:
    """Take the middle frame of each of `n` equal parts: ``floor((i + 1/2) F / n)``.

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


def centre(times: NDArray[np.float64], n: int, step: int = 1) -> Sample:
    """Take every `step`-th frame, `n` in all, from the middle of the clip.

    Parameters
    ----------
    times
        float64 ``(F,)``, seconds of the clip's frames.
    n
        Number of frames to take.
    step
        Distance between them in frames.

    Raises
    ------
    TooFewFramesError
        If the clip is shorter than ``(n - 1) * step + 1`` frames.
    ParameterError
        If `n` or `step` is under 1.
    """
    if step < 1:
        raise ParameterError(f"step={step} goes nowhere.", "Give a whole number of frames, at least 1.")
    _require_frames(len(times), n)
    reach = (n - 1) * step + 1
    _require_frames(len(times), reach)
    return _make_sample(times, (len(times) - reach) // 2 + step * np.arange(n))


def dense(times: NDArray[np.float64], n: int, rate: float) -> Sample:
    """Take `n` frames, `rate` a second, from the middle of the clip.

    Parameters
    ----------
    times
        float64 ``(F,)``, seconds of the clip's frames.
    n
        Number of frames to take.
    rate
        Frames a second; what the clip does not have is not made up, so above its own rate every frame is taken.

    Raises
    ------
    TooFewFramesError
        If the clip is shorter than ``n / rate`` seconds.
    ParameterError
        If `n` is under 1 or `rate` no rate.
    """
    grid = _frame_grid(times, rate)
    _require_frames(len(grid), n, rate)
    start = (len(grid) - n) // 2
    return _make_sample(times, grid[start : start + n])


def sample_windows(times: NDArray[np.float64], n: int, stride: int, rate: float) -> tuple[Sample, ...]:
    """Cover a clip with windows of `n` frames, `rate` a second.

    All windows choose from one row of frames, so that windows which overlap share frames. The last one ends with the
    row; no frame is repeated to fill it.

    Parameters
    ----------
    times
        float64 ``(F,)``, seconds of the clip's frames.
    n
        Frames in a window.
    stride
        Sampled frames from the start of one window to the start of the next, at most `n`.
    rate
        Frames a second, as in `dense`.

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
        raise ParameterError(f"stride={stride} leaves frames out or goes nowhere.", f"Give 1 to {n}.")
    starts = [*range(0, len(grid) - n, stride), len(grid) - n]
    return tuple(_make_sample(times, grid[s : s + n]) for s in starts)


def slice_spans(sample_times: ArrayLike, start: float, end: float, group: int = 1) -> NDArray[np.float64]:
    """Share ``[start, end)`` out among sampled frames, cutting at the midpoints between them.

    Parameters
    ----------
    sample_times
        ``(T,)`` rising seconds within ``[start, end)``.
    start, end
        Seconds at which the clip starts and ends.
    group
        ``k``, frames to a slice: a cut lies between the last frame of one slice and the first of the next.

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
            f"Times of the shape {moments.shape} do not fall into groups of {group}.",
            "Give T times, T a multiple of it.",
        )
    if np.any(np.diff(moments) <= 0) or not start <= moments[0] <= moments[-1] < end:
        raise ParameterError(f"The times do not rise from {start} to {end} s.", "Sort them and widen the range.")
    cuts = (moments[group - 1 : -1 : group] + moments[group::group]) / 2
    return np.stack([np.r_[start, cuts], np.r_[cuts, end]], axis=1)


def _make_sample(times: NDArray[np.float64], indices: NDArray[np.int64]) -> Sample:
    return Sample(np.asarray(indices, np.int64), times[indices])


def _require_frames(count: int, n: int, rate: float | None = None) -> None:
    if n < 1:
        raise ParameterError(f"n={n} frames cannot be sampled.", "Give at least 1.")
    if count < n:
        at = "" if rate is None else f" at {rate:g} a second"
        raise TooFewFramesError(
            f"The clip has {count} frames{at}, and {n} are needed.",
            "Give a longer video, a wider range" + (" or more frames a second." if rate else "."),
        )


def _frame_grid(times: NDArray[np.float64], rate: float) -> NDArray[np.int64]:
    """Frames on show at the middle of each 1/rate seconds, each once."""
    if not 0 < rate < np.inf:
        raise ParameterError(f"rate={rate} is no rate.", "Give frames a second, such as rate=4.")
    if len(times) < 2:
        return np.arange(len(times))
    length = times[-1] - times[0] + np.median(np.diff(times))
    count = int(min(length * rate + 1e-6, 1e7))
    moments = times[0] + (np.arange(count) + 0.5) / rate
    return np.unique(np.searchsorted(times, moments, side="right") - 1)
