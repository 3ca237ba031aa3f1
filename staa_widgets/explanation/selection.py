"""`Selection`: the frames, slices and share of attribution in a range of seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from staa_widgets.explanation.explanation import Explanation


@dataclass(frozen=True)
class Selection:
    """A range of seconds of a clip, with its frames, slices and share of attribution.

    Parameters
    ----------
    start, end
        Seconds, half-open.
    frames
        Source frames that are shown first within it.
    slices
        Slices that overlap the range.
    share
        Share of the clip's attribution in it, 0 … 1; slices that the range cuts count in part.
    """

    start: float
    end: float
    frames: range
    slices: range
    share: float


def select_range(explanation: Explanation, start: float, end: float) -> Selection:
    """Return the selection between two seconds."""
    e = explanation
    first, last = (e.first_frame + int(np.searchsorted(e.times, second)) for second in (start, end))
    starts, ends = e.spans.T
    inside = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
    lengths = ends - starts
    parts = np.divide(inside, lengths, out=np.zeros_like(inside), where=lengths > 0)
    touched = np.flatnonzero(inside)
    slices = range(int(touched[0]), int(touched[-1]) + 1) if touched.size else range(0)
    return Selection(start, end, range(first, last), slices, min(float(parts @ e.temporal), 1.0))
