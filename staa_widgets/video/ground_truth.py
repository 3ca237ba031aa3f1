"""`GroundTruth`: the pixels and frames of the action of a clip, if they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from staa_widgets.utils.frozen import freeze, require
from staa_widgets.utils.text import check_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class HasGroundTruth(Protocol):
    """A clip with known ground truth, such as an `ActionClip`."""

    @property
    def label(self) -> str:
        """Name of the action."""
        ...

    @property
    def where(self) -> NDArray[np.bool_]:
        """Pixels of the action, bool ``(F, H, W)``."""
        ...

    @property
    def when(self) -> NDArray[np.bool_]:
        """Frames of the action, bool ``(F,)``."""
        ...


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Pixels and frames of the action of a clip, run-length encoded.

    Parameters
    ----------
    label
        Name of the action.
    when
        bool ``(F,)``, frames in which the action happens.
    runs
        int32 ``(R, 2)``, half-open runs of pixels that belong to the action; the pixels of a frame are counted row by
        row.
    offsets
        int64 ``(F + 1,)``, the index in `runs` of each frame's first run.
    size
        ``(width, height)`` of the frames in pixels.

    Raises
    ------
    ParameterError
        If the parts do not fit each other.
    """

    label: str
    when: NDArray[np.bool_]
    runs: NDArray[np.int32]
    offsets: NDArray[np.int64]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        freeze(self, "when", np.bool_, (None,))
        freeze(self, "runs", np.int32, (None, 2))
        freeze(self, "offsets", np.int64, (len(self.when) + 1,))
        width, height = (int(side) for side in self.size)
        object.__setattr__(self, "size", (width, height))
        object.__setattr__(self, "label", check_text("The label of the ground truth", str(self.label)))
        edges, (starts, ends) = self.offsets, self.runs.T
        require(
            edges[0] == 0 and edges[-1] == len(self.runs) and bool((np.diff(edges) >= 0).all()),
            "GroundTruth.offsets must increase from 0 to the number of runs.",
        )
        inside = (starts >= 0) & (starts < ends) & (ends <= width * height)
        require(bool(inside.all()), f"GroundTruth.runs must lie within a frame of {width} × {height}.")

    @classmethod
    def from_clip(cls, clip: HasGroundTruth) -> GroundTruth:
        """Return the ground truth of a synthetic clip, or of any object with ``label``, ``where`` and ``when``.

        Raises
        ------
        ParameterError
            If ``where`` is not ``(F, H, W)`` or ``when`` not ``(F,)``.
        """
        where, when = np.asarray(clip.where, np.bool_), np.asarray(clip.when, np.bool_)
        require(
            where.ndim == 3 and when.shape == where.shape[:1],
            f"where must have shape (F, H, W) and when (F,), got {where.shape} and {when.shape}.",
        )
        runs = [_find_runs(frame) for frame in where]
        return cls(
            label=clip.label,
            when=when,
            runs=np.concatenate([np.empty((0, 2), np.int32), *runs]),
            offsets=np.cumsum([0, *map(len, runs)]),
            size=(where.shape[2], where.shape[1]),
        )

    def trim(self, first: int, last: int) -> GroundTruth:
        """Return the ground truth of the frames ``first … last - 1``."""
        start, stop = self.offsets[first], self.offsets[last]
        offsets = self.offsets[first : last + 1] - start
        return GroundTruth(self.label, self.when[first:last], self.runs[start:stop], offsets, self.size)

    def masks(self, frames: ArrayLike) -> NDArray[np.bool_]:
        """Return the pixels of the action as masks.

        Parameters
        ----------
        frames
            int ``(n,)``, frames from 0 to ``F - 1``.

        Returns
        -------
        NDArray
            bool ``(n, height, width)``.
        """
        indices = np.asarray(frames, np.int64)
        width, height = self.size
        # +1 where a run starts and -1 where it ends: the running sum is the mask.
        steps = np.zeros((len(indices), width * height + 1), np.int8)
        for line, frame in zip(steps, indices, strict=True):
            starts, ends = self.runs[self.offsets[frame] : self.offsets[frame + 1]].T
            line[starts] = 1
            line[ends] -= 1
        return np.cumsum(steps[:, :-1], axis=1, dtype=np.int8).astype(np.bool_).reshape(-1, height, width)

    def spans(self, times: NDArray[np.float64], end: float) -> list[tuple[float, float]]:
        """Return the seconds of the action as half-open intervals.

        Parameters
        ----------
        times
            float ``(F,)``, seconds of the frames.
        end
            Second at which the last frame ends.
        """
        edges = [*times.tolist(), end]
        return [(edges[start], edges[stop]) for start, stop in _find_runs(self.when).tolist()]


def _find_runs(marks: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the half-open runs of ``True`` values of an array in C order, int32 ``(R, 2)``."""
    flat = np.concatenate([[False], marks.ravel(), [False]])
    return np.flatnonzero(flat[1:] != flat[:-1]).astype(np.int32).reshape(-1, 2)
