"""Scores of a map against a truth that is known.

Every score takes ``maps`` float ``(S, h, w)`` and ``truth`` bool ``(S, h, w)`` or ``when`` bool ``(S,)`` and is better
the higher it is. Ties are handled: a constant map scores what chance scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from staa_widgets.actions import ActionClip

COVER = 0.10
"""Share of a cell that the acting limbs must cover for it to count as true."""


class Truth(NamedTuple):
    """Truth on a model's grid: `where` bool ``(S, h, w)``, `when` bool ``(S,)``."""

    where: NDArray[np.bool_]
    when: NDArray[np.bool_]


def truth_on_grid(
    clip: ActionClip, sampled: NDArray[np.int64], box: tuple[float, float, float, float], grid: tuple[int, int]
) -> Truth:
    """Bring a drawn clip's truth to the cells that a model has maps of.

    Parameters
    ----------
    clip
        The drawn clip.
    sampled
        int ``(S, k)``, frames that each slice saw.
    box
        ``(x0, y0, x1, y1)``, pixels of the frame that the model saw.
    grid
        ``(h, w)``, token grid.
    """
    x0, y0, x1, y1 = box
    ys = np.linspace(y0, y1, grid[0] + 1).round().astype(int)
    xs = np.linspace(x0, x1, grid[1] + 1).round().astype(int)
    seen = clip.where[sampled, ys[0] : ys[-1], xs[0] : xs[-1]].astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(seen, ys[:-1] - ys[0], axis=2), xs[:-1] - xs[0], axis=3)
    cover = sums / (np.diff(ys)[:, None] * np.diff(xs)[None, :])
    return Truth(cover.mean(axis=1) >= COVER, np.any(clip.when[sampled], axis=1))


def pointing(maps: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Whether the largest value lies in the truth; where several are largest, the share of them that does."""
    return float(truth[maps == maps.max()].mean())


def mass(maps: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Share of the positive mass that lies in the truth; of a map without any, the truth's share of the cells."""
    positive = np.clip(maps, 0, None).astype(np.float64)
    total = positive.sum()
    return float(positive[truth].sum() / total) if total > 0 else float(truth.mean())


def average_precision(maps: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Area under precision over recall, cells ranked by value, equal values taken together."""
    values, hits = maps.ravel(), truth.ravel()
    order = np.argsort(-values, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    true_positives = np.cumsum(hits[order])[last_of_tie]
    precision = true_positives / (last_of_tie + 1)
    recall = true_positives / hits.sum()
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def auc(values: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Chance that a true entry has a larger value than a false one, ties counting half."""
    inside, outside = values[truth][:, None], values[~truth][None, :]
    return float((inside > outside).mean() + 0.5 * (inside == outside).mean())


def temporal_curve(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mass of ``|maps|`` in each slice, ``(S,)``."""
    return np.abs(maps).sum(axis=(1, 2), dtype=np.float64)


SCORES: Mapping[str, Callable[[NDArray[np.floating], Truth], float]] = {
    "pointing": lambda maps, truth: pointing(maps, truth.where),
    "mass": lambda maps, truth: mass(maps, truth.where),
    "average precision": lambda maps, truth: average_precision(maps, truth.where),
    "temporal AUC": lambda maps, truth: auc(temporal_curve(maps), truth.when),
    "temporal pointing": lambda maps, truth: pointing(temporal_curve(maps), truth.when),
}
"""Scores by name."""


def score(maps: NDArray[np.floating], truth: Truth) -> dict[str, float]:
    """All of `SCORES` for one map.

    Raises
    ------
    ParameterError
        If map and truth differ in shape or the truth is empty or everything, so that no score means anything.
    """
    if maps.shape != truth.where.shape:
        raise ParameterError(f"The map is {maps.shape}, the truth {truth.where.shape}.", "Bring both to one grid.")
    if not truth.where.any() or truth.when.all() or not truth.when.any():
        raise ParameterError("The truth has no inside or no outside.", "Leave this clip out.")
    return {name: of(maps, truth) for name, of in SCORES.items()}
