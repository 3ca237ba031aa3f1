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
        Half-open interval of seconds.
    frames
        Source frames whose time lies in the range.
    slices
        Slices that overlap the range.
    share
        Share of the clip's attribution in the range, 0 … 1; a slice that lies partly in the range counts in part. If
        maps have negative values, it is the share of the sum of magnitudes.
    """

    start: float
    end: float
    frames: range
    slices: range
    share: float


def select_range(explanation: Explanation, start: float, end: float) -> Selection:
    """Return the frames, slices and share of attribution from second `start` to second `end`."""
    e = explanation
    first, last = (e.first_frame + int(np.searchsorted(e.times, second)) for second in (start, end))
    starts, ends = e.spans.T
    overlaps = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
    lengths = ends - starts
    fractions = np.divide(overlaps, lengths, out=np.zeros_like(overlaps), where=lengths > 0)
    indices = np.flatnonzero(overlaps)
    slices = range(int(indices[0]), int(indices[-1]) + 1) if indices.size else range(0)
    return Selection(start, end, range(first, last), slices, min(float(fractions @ e.temporal), 1.0))
