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
    where = ground_truth.masks(frames.ravel())
    where = where.reshape(*frames.shape, *where.shape[1:])
    return _masks_to_grid(where, ground_truth.when[frames], e.box, e.maps.shape[1:])


def _masks_to_grid(
    where: NDArray[np.bool_], when: NDArray[np.bool_], box: tuple[float, float, float, float], grid: tuple[int, ...]
) -> GroundTruthGrid:
    """Return the cells and slices of the action from its pixel masks ``(S, k, H, W)`` and frames ``(S, k)``.

    The box may reach beyond the frame, where there is no action.
    """
    height, width = where.shape[2:]
    x0, y0, x1, y1 = box
    tops, bottoms = _cell_edges(y0, y1, grid[0])
    lefts, rights = _cell_edges(x0, x1, grid[1])
    # The sum over a cell is a difference of four sums over the rectangles that begin at the frame's corner.
    sums = np.pad(where.cumsum(axis=2, dtype=np.int64).cumsum(axis=3), ((0, 0), (0, 0), (1, 0), (1, 0)))
    rows, columns = (tops.clip(0, height), bottoms.clip(0, height)), (lefts.clip(0, width), rights.clip(0, width))
    strips = sums[:, :, rows[1]] - sums[:, :, rows[0]]
    inside = strips[..., columns[1]] - strips[..., columns[0]]
    cover = inside / ((bottoms - tops)[:, None] * (rights - lefts)[None, :])
    return GroundTruthGrid(cover.mean(axis=1) >= MIN_COVER, np.any(when, axis=1))


def _cell_edges(start: float, stop: float, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first pixel of each cell and the pixel after its last; each cell has at least one pixel."""
    beyond = max(0, math.ceil(-start))
    edges = np.linspace(start + beyond, stop + beyond, cells + 1).round().astype(np.int64) - beyond
    return edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
