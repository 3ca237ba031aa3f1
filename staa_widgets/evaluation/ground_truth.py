"""Compute the ground truth on a model's token grid: the cells and the slices in which the action happens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.datasets.drawn_actions import ActionClip
    from staa_widgets.explanation.explanation import Explanation

MIN_COVER = 0.10
"""Share of a cell that the limbs of the action must cover for the cell to count as true."""


class GroundTruthGrid(NamedTuple):
    """Ground truth on a token grid: cells `where` bool ``(S, h, w)`` and slices `when` bool ``(S,)`` of the action."""

    where: NDArray[np.bool_]
    when: NDArray[np.bool_]


def ground_truth_on_grid(
    clip: ActionClip, sampled: NDArray[np.int64], box: tuple[float, float, float, float], grid: tuple[int, int]
) -> GroundTruthGrid:
    """Return the ground truth of a synthetic clip on a token grid.

    Parameters
    ----------
    clip
        The synthetic clip.
    sampled
        int ``(S, k)``, frame numbers of each slice.
    box
        ``(x0, y0, x1, y1)``, part of the frame that the model sees, in pixels.
    grid
        ``(h, w)``, token grid.
    """
    return _masks_to_grid(clip.where[sampled], clip.when[sampled], box, grid)


def explanation_ground_truth(explanation: Explanation) -> GroundTruthGrid | None:
    """Return the ground truth of an explanation on the grid of its maps; ``None`` if the clip has no ground truth."""
    e, ground_truth = explanation, explanation.ground_truth
    if ground_truth is None:
        return None
    frames = e.sampled_frames - e.first_frame
    (x0, y0, x1, y1), (width, height) = e.box, e.frame_size
    # A box may reach beyond the frame; there the masks are padded with False.
    left, top = (max(0, math.ceil(-edge)) for edge in (x0, y0))
    right, bottom = max(0, math.ceil(x1 - width)), max(0, math.ceil(y1 - height))
    where = np.pad(ground_truth.masks(frames.ravel()), ((0, 0), (top, bottom), (left, right)))
    where = where.reshape(*frames.shape, *where.shape[1:])
    box = (x0 + left, y0 + top, x1 + left, y1 + top)
    return _masks_to_grid(where, ground_truth.when[frames], box, e.maps.shape[1:])


def _masks_to_grid(
    where: NDArray[np.bool_], when: NDArray[np.bool_], box: tuple[float, float, float, float], grid: tuple[int, ...]
) -> GroundTruthGrid:
    """Return the cells and slices of the action from its pixel masks ``(S, k, H, W)`` and frames ``(S, k)``."""
    x0, y0, x1, y1 = box
    ys = np.linspace(y0, y1, grid[0] + 1).round().astype(int)
    xs = np.linspace(x0, x1, grid[1] + 1).round().astype(int)
    visible = where[:, :, ys[0] : ys[-1], xs[0] : xs[-1]].astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(visible, ys[:-1] - ys[0], axis=2), xs[:-1] - xs[0], axis=3)
    cover = sums / (np.diff(ys)[:, None] * np.diff(xs)[None, :])
    return GroundTruthGrid(cover.mean(axis=1) >= MIN_COVER, np.any(when, axis=1))
