"""Scores of maps against a truth that is known.

The functions on tensors take values ``(B, …)`` and a truth that is bool ``(…)`` or ``(B, …)``, and give float64
``(B,)``, better the higher it is. Ties are handled: a constant map scores what chance scores. Where the truth has no
inside or no outside, so that no score means anything, they give NaN.

torch is loaded by the first score that is computed, not by importing this module.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import METRICS, Case, metric

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from staa_widgets.datasets.drawn_actions import ActionClip
    from staa_widgets.explanation.explanation import Explanation

MIN_COVER = 0.10
"""Share of a cell that the acting limbs must cover for it to count as true."""


class GroundTruthGrid(NamedTuple):
    """Truth on a model's grid: `where` bool ``(S, h, w)``, `when` bool ``(S,)``."""

    where: NDArray[np.bool_]
    when: NDArray[np.bool_]


def ground_truth_on_grid(
    clip: ActionClip, sampled: NDArray[np.int64], box: tuple[float, float, float, float], grid: tuple[int, int]
) -> GroundTruthGrid:
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
    return _masks_to_grid(clip.where[sampled], clip.when[sampled], box, grid)


def explanation_ground_truth(explanation: Explanation) -> GroundTruthGrid | None:
    """Bring what an explanation knows of its clip's action to the cells of its maps; ``None`` if it knows nothing."""
    e, known = explanation, explanation.ground_truth
    if known is None:
        return None
    seen = e.sampled_frames - e.first_frame
    (x0, y0, x1, y1), (width, height) = e.box, e.frame_size
    # A box may reach beyond the frame, where nothing is true.
    left, top = (max(0, math.ceil(-edge)) for edge in (x0, y0))
    right, bottom = max(0, math.ceil(x1 - width)), max(0, math.ceil(y1 - height))
    where = np.pad(known.masks(seen.ravel()), ((0, 0), (top, bottom), (left, right)))
    where = where.reshape(*seen.shape, *where.shape[1:])
    return _masks_to_grid(where, known.when[seen], (x0 + left, y0 + top, x1 + left, y1 + top), e.maps.shape[1:])


def _masks_to_grid(
    where: NDArray[np.bool_], when: NDArray[np.bool_], box: tuple[float, float, float, float], grid: tuple[int, ...]
) -> GroundTruthGrid:
    """Bring masks ``(S, k, H, W)`` and moments ``(S, k)`` of the frames that slices saw to their cells."""
    x0, y0, x1, y1 = box
    ys = np.linspace(y0, y1, grid[0] + 1).round().astype(int)
    xs = np.linspace(x0, x1, grid[1] + 1).round().astype(int)
    seen = where[:, :, ys[0] : ys[-1], xs[0] : xs[-1]].astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(seen, ys[:-1] - ys[0], axis=2), xs[:-1] - xs[0], axis=3)
    cover = sums / (np.diff(ys)[:, None] * np.diff(xs)[None, :])
    return GroundTruthGrid(cover.mean(axis=1) >= MIN_COVER, np.any(when, axis=1))


def pointing(values: Tensor, truth: Tensor) -> Tensor:
    """Whether the largest value lies in the truth; where several are largest, the share of them that does."""
    values, truth = _flatten_rows(values, truth)
    largest = values == values.amax(1, keepdim=True)
    return _nan_where_undefined(truth, (largest & truth).sum(1) / largest.sum(1).double())


def mass(values: Tensor, truth: Tensor) -> Tensor:
    """Share of the positive mass that lies in the truth; of a map without any, the truth's share of the cells."""
    values, truth = _flatten_rows(values, truth)
    positive = values.double().clamp_min(0)
    share = (positive * truth).sum(1) / positive.sum(1)
    return _nan_where_undefined(truth, share.where(positive.sum(1) > 0, truth.double().mean(1)))


def average_precision(values: Tensor, truth: Tensor) -> Tensor:
    """Area under precision over recall, cells ranked by value, equal values taken together."""
    import torch

    values, truth = _flatten_rows(values, truth)
    values, order = values.sort(dim=1, descending=True)
    hits = truth.gather(1, order).double()
    count = values.shape[1]
    places = torch.arange(count, device=values.device).expand_as(order)
    ends_tie = torch.ones_like(truth)
    ends_tie[:, :-1] = values[:, :-1] != values[:, 1:]
    end = places.where(ends_tie, torch.tensor(count, device=values.device)).flip(1).cummin(1).values.flip(1)
    precision = hits.cumsum(1).gather(1, end) / (end + 1)
    return _nan_where_undefined(truth, (hits * precision).sum(1) / hits.sum(1))


def auc(values: Tensor, truth: Tensor) -> Tensor:
    """Chance that a true entry has a larger value than a false one, ties counting half.

    Compares all pairs: meant for curves, not for whole maps.
    """
    values, truth = _flatten_rows(values, truth)
    pairs = truth[:, :, None] & ~truth[:, None, :]
    won = (values[:, :, None] > values[:, None, :]).double() + 0.5 * (values[:, :, None] == values[:, None, :])
    return _nan_where_undefined(truth, (won * pairs).sum((1, 2)) / pairs.sum((1, 2)))


def temporal_curve(maps: Tensor) -> Tensor:
    """Mass of ``|maps|`` in each slice: ``(B, S, h, w)`` to float64 ``(B, S)``."""
    return maps.double().abs().sum((-2, -1))


def _flatten_rows(values: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    return values.flatten(1), truth.expand(values.shape).flatten(1)


def _nan_where_undefined(truth: Tensor, scores: Tensor) -> Tensor:
    return scores.where(truth.any(1) & ~truth.all(1), float("nan"))


def _case_tensors(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Give maps ``(1, S, h, w)``, where ``(S, h, w)`` and when ``(S,)``."""
    import torch

    assert case.ground_truth is not None
    if case.maps.shape != case.ground_truth.where.shape:
        raise ParameterError(
            f"The map is {case.maps.shape}, the truth {case.ground_truth.where.shape}.", "Bring both to one grid."
        )
    where, when = (torch.from_numpy(np.array(part, bool)) for part in case.ground_truth)
    return torch.from_numpy(np.array(case.maps))[None], where, when


_GROUND_TRUTH: dict[str, Any] = {"category": "truth", "higher_is_better": True, "range": (0.0, 1.0), "needs": "truth"}


@metric("pointing", **_GROUND_TRUTH, chance="share of true cells")
def _pointing(case: Case) -> float:
    """Whether the strongest cell of the clip lies on what acts."""
    maps, where, _ = _case_tensors(case)
    return float(pointing(maps, where))


@metric("mass", **_GROUND_TRUTH, chance="share of true cells")
def _mass(case: Case) -> float:
    """Share of the positive attribution that lies on what acts."""
    maps, where, _ = _case_tensors(case)
    return float(mass(maps, where))


@metric("average_precision", **_GROUND_TRUTH, chance="share of true cells")
def _average_precision(case: Case) -> float:
    """How far cells on what acts come before all others, cells ranked by attribution."""
    maps, where, _ = _case_tensors(case)
    return float(average_precision(maps, where))


@metric("temporal_auc", **_GROUND_TRUTH, chance="one half", chance_level=0.5)
def _temporal_auc(case: Case) -> float:
    """Chance that a slice of the action gets more attribution than one without it."""
    maps, _, when = _case_tensors(case)
    return float(auc(temporal_curve(maps), when))


@metric("temporal_pointing", **_GROUND_TRUTH, chance="share of true slices")
def _temporal_pointing(case: Case) -> float:
    """Whether the slice with most attribution lies in the action."""
    maps, _, when = _case_tensors(case)
    return float(pointing(temporal_curve(maps), when))


GROUND_TRUTH_METRICS = ("pointing", "mass", "average_precision", "temporal_auc", "temporal_pointing")
"""Names of the metrics that compare with the truth; a verdict is made from them."""


def score_ground_truth(maps: NDArray[np.floating], ground_truth: GroundTruthGrid) -> dict[str, float]:
    """All of `GROUND_TRUTH_METRICS` for one map ``(S, h, w)``; NaN where the truth has no inside or no outside.

    Raises
    ------
    ParameterError
        If map and truth differ in shape.
    """
    case = Case(np.asarray(maps, np.float32), ground_truth)
    return {name: METRICS[name](case) for name in GROUND_TRUTH_METRICS}
