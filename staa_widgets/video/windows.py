"""Choose the frames of each window. Begin with `choose_windows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import overload

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.records.geometry import Geometry
from staa_widgets.utils.text import quote_value
from staa_widgets.video.clip import Clip
from staa_widgets.video.sampling import Sample, sample_padded, sample_uniform, sample_windows

WINDOW_NAMES = ("recipe", "whole")
"""Lengths of a window that are given by name: what the model was trained with, and the whole clip."""


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Sample]):
    """Windows of ``T`` frames over one grid of sampled frames; a window is created on access, as long videos have many.

    Parameters
    ----------
    indices
        Frames of the grid, int64 ``(n,)``, rising.
    times
        float64 ``(F,)``, seconds of all frames of the clip.
    length
        ``T``, the number of frames in a window.
    starts
        int64 ``(W,)``, index into `indices` of the first frame of each window.
    """

    indices: NDArray[np.int64]
    times: NDArray[np.float64]
    length: int
    starts: NDArray[np.int64]

    @classmethod
    def single(cls, sample: Sample, times: NDArray[np.float64]) -> Windows:
        """Return a sequence of windows that holds this sample only."""
        return cls(sample.indices, times, len(sample), np.zeros(1, np.int64))

    def __len__(self) -> int:
        """Return ``W``."""
        return len(self.starts)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """float64 ``(W,)``, seconds that each window spans: ``T`` times the mean step from a frame to the next."""
        last = self.starts + self.length - 1
        spans = self.times[self.indices[last]] - self.times[self.indices[self.starts]]
        return spans * self.length / max(self.length - 1, 1)

    @overload
    def __getitem__(self, at: int) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, at: int | slice) -> Sample | tuple[Sample, ...]:
        """Return a window, or several."""
        if isinstance(at, slice):
            return tuple(self[i] for i in range(*at.indices(len(self))))
        indices = self.indices[self.starts[at] : self.starts[at] + self.length]
        return Sample(indices, self.times[indices])


def check_window(window: float | str | None, stride: float | None) -> None:
    """Raise `ParameterError` for a window or a stride that is wrong for every clip and model."""
    if isinstance(window, str) and window not in WINDOW_NAMES:
        raise ParameterError(
            f"window is {quote_value(window)}.",
            "Use 'recipe' for what the model was trained with, 'whole' for the whole clip, or a number of seconds.",
        )
    seconds = None if isinstance(window, str) else window
    for name, value in (("window", seconds), ("stride", stride)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ParameterError(
                f"{name} must be a number of seconds or None, got {value!r}.", f"For example, {name}=2.5."
            )
    if seconds is not None and not 0 < seconds < np.inf:
        raise ParameterError(
            f"window must be a positive number of seconds, got {seconds}.",
            "Give its length in seconds, or None for the default.",
        )
    if stride is not None and not stride > 0:
        raise ParameterError(f"stride must be positive, got {stride}.", "Give seconds, or None for windows end to end.")
    if window == "whole" and stride is not None:
        raise ParameterError(
            f"stride={stride} needs windows that are shorter than the clip.", "Give window= in seconds, or no stride=."
        )
    _check_stride(stride, seconds)


def _check_stride(stride: float | None, seconds: float | None) -> None:
    if stride is not None and seconds is not None and stride > seconds:
        raise ParameterError(
            f"stride must be at most the window's {seconds:.3g} seconds, got {stride}.",
            "Use a shorter stride or a longer window, or None for windows end to end.",
        )


def choose_windows(
    clip: Clip,
    geometry: Geometry,
    seconds: float | None = None,
    stride: float | None = None,
    pad: str | None = None,
) -> Windows:
    """Choose the frames of each window of a clip.

    All windows take their frames from one grid of sampled frames. Windows that overlap therefore share whole slices;
    otherwise they would show the same time in different frames. The last window is aligned to the end of the clip and
    may overlap the one before it.

    Parameters
    ----------
    clip
        The clip, ``F`` frames.
    geometry
        Layout of the model's input: ``T`` frames, ``k`` in each slice.
    seconds
        Length of a window; ``None`` for one window over the whole clip. A clip that is shorter is one window.
    stride
        Seconds from the start of one window to the next, rounded to whole slices; by default each window starts where
        the one before ends.
    pad
        ``"last"`` repeats the last frame of a clip of fewer than ``T`` frames; ``None`` refuses it.

    Returns
    -------
    Windows
        ``W`` windows of ``T`` frames, in order.

    Raises
    ------
    TooFewFramesError
        If the clip has fewer than ``T`` frames and `pad` is ``None``.
    ParameterError
        If `seconds` or `stride` is not a positive number, or `stride` is longer than a window.
    """
    check_window("whole" if seconds is None else seconds, stride)
    count, slices = geometry.frames, geometry.slices
    if pad == "last" and len(clip) < count:
        return Windows.single(sample_padded(clip.times, count), clip.times)
    single = Windows.single(sample_uniform(clip.times, count), clip.times)
    if seconds is None or clip.end - clip.start <= seconds:
        return single
    try:
        samples = sample_windows(clip.times, count, count, count / seconds)
    except TooFewFramesError:
        # The clip has enough frames, but most lie so close together that the grid has too few.
        return single
    grid = np.unique(np.concatenate([sample.indices for sample in samples]))
    grid = grid[: len(grid) // geometry.tubelet * geometry.tubelet]
    step = count if stride is None else geometry.tubelet * max(1, round(slices * stride / seconds))
    starts = np.array([*range(0, len(grid) - count, step), len(grid) - count])
    return Windows(grid, clip.times, count, starts)
