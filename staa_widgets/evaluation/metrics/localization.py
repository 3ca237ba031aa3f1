"""Localization metrics: scores of a map against the ground truth.

The functions on tensors take values ``(B, …)`` and a ground truth, bool ``(…)`` or ``(B, …)``, and return float64
``(B,)``, where higher is better. Ties are handled such that a constant map gets the score of chance. The score is NaN
if the ground truth covers nothing or everything.

Importing this module does not load torch; the first score does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import METRICS, Case, metric

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from staa_widgets.explanation.ground_truth import GroundTruthGrid


EFFECTIVE_SHARE = 0.05
"""Share of the cells over which `mass_equal_entropy` spreads every map."""


def pointing(values: Tensor, truth: Tensor) -> Tensor:
    """Return 1 if the largest value lies in the ground truth, else 0; with several largest values, the share inside."""
    values, truth = _flatten_rows(values, truth)
    largest = values == values.amax(1, keepdim=True)
    return _nan_where_undefined(truth, (largest & truth).sum(1) / largest.sum(1).double())


def mass(values: Tensor, truth: Tensor) -> Tensor:
    """Return the share of the positive sum inside the ground truth; without positive values, its share of the cells."""
    values, truth = _flatten_rows(values, truth)
    positive = values.double().clamp_min(0)
    share = (positive * truth).sum(1) / positive.sum(1)
    return _nan_where_undefined(truth, share.where(positive.sum(1) > 0, truth.double().mean(1)))


def sharpen(values: Tensor, effective_share: float) -> Tensor:
    """Return values ``(B, …)``, each map raised to the power at which all maps have the same entropy.

    A higher power puts more mass inside the ground truth, whatever the map; at equal entropy, mass can be compared.

    Parameters
    ----------
    values
        Values; negative ones count as 0.
    effective_share
        Share of the entries to concentrate on: ``exp(entropy) / entries``. If a map has fewer positive entries than
        this, or more equal largest entries, the nearest share that a power can reach.
    """
    import torch

    flat = values.double().clamp_min(0).flatten(1)
    logs = (flat / flat.amax(1, keepdim=True)).log()
    low, high = (torch.full((len(flat), 1), end, dtype=torch.float64) for end in (-8.0, 8.0))
    for _ in range(60):
        middle = (low + high) / 2
        shares = (logs * middle.exp()).softmax(1)
        entropy = -torch.special.xlogy(shares, shares).sum(1, keepdim=True)
        too_wide = entropy.exp() / flat.shape[1] > effective_share
        low, high = torch.where(too_wide, middle, low), torch.where(too_wide, high, middle)
    sharpened = (logs * high.exp()).exp()
    return sharpened.where(flat.amax(1, keepdim=True) > 0, flat).reshape(values.shape)


def average_precision(values: Tensor, truth: Tensor) -> Tensor:
    """Return the area under precision over recall, for cells ranked by value; equal values are taken together."""
    import torch

    values, truth = _flatten_rows(values, truth)
    values, order = values.sort(dim=1, descending=True)
    hits = truth.gather(1, order).double()
    count = values.shape[1]
    positions = torch.arange(count, device=values.device).expand_as(order)
    ends_tie = torch.ones_like(truth)
    ends_tie[:, :-1] = values[:, :-1] != values[:, 1:]
    end = positions.where(ends_tie, torch.tensor(count, device=values.device)).flip(1).cummin(1).values.flip(1)
    precision = hits.cumsum(1).gather(1, end) / (end + 1)
    return _nan_where_undefined(truth, (hits * precision).sum(1) / hits.sum(1))


def auc(values: Tensor, truth: Tensor) -> Tensor:
    """Return the probability that a true entry has a larger value than a false entry; ties count half.

    All pairs are compared, so the function is meant for curves over time and not for whole maps.
    """
    values, truth = _flatten_rows(values, truth)
    pairs = truth[:, :, None] & ~truth[:, None, :]
    wins = (values[:, :, None] > values[:, None, :]).double() + 0.5 * (values[:, :, None] == values[:, None, :])
    return _nan_where_undefined(truth, (wins * pairs).sum((1, 2)) / pairs.sum((1, 2)))


def temporal_curve(maps: Tensor) -> Tensor:
    """Return the sum of ``|maps|`` in each slice: ``(B, S, h, w)`` to float64 ``(B, S)``."""
    return maps.double().abs().sum((-2, -1))


def _flatten_rows(values: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    return values.flatten(1), truth.expand(values.shape).flatten(1)


def _nan_where_undefined(truth: Tensor, scores: Tensor) -> Tensor:
    return scores.where(truth.any(1) & ~truth.all(1), float("nan"))


def _case_tensors(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return a case's maps ``(1, S, h, w)``, true cells ``(S, h, w)`` and true slices ``(S,)`` as tensors."""
    import torch

    assert case.ground_truth is not None
    if case.maps.shape != case.ground_truth.where.shape:
        raise ParameterError(
            f"The map has shape {case.maps.shape}, but the ground truth has {case.ground_truth.where.shape}.",
            "Use the same grid for both.",
        )
    where, when = (torch.from_numpy(np.array(part, bool)) for part in case.ground_truth)
    return torch.from_numpy(np.array(case.maps))[None], where, when


_GROUND_TRUTH: dict[str, Any] = {
    "category": "ground_truth",
    "higher_is_better": True,
    "range": (0.0, 1.0),
    "needs": "ground_truth",
}


@metric("pointing", **_GROUND_TRUTH, chance="share of cells in the ground truth")
def _pointing(case: Case) -> float:
    """Whether the strongest cell of the clip lies in the ground truth."""
    maps, where, _ = _case_tensors(case)
    return float(pointing(maps, where))


@metric("mass", **_GROUND_TRUTH, chance="share of cells in the ground truth")
def _mass(case: Case, *, effective_share: float | None = None) -> float:
    """Share of the positive attribution in the ground truth; read it beside `mass_equal_entropy`.

    With `effective_share`, maps are first sharpened to this entropy, so that the maps of all methods have the same
    entropy.
    """
    maps, where, _ = _case_tensors(case)
    return float(mass(maps if effective_share is None else sharpen(maps, effective_share), where))


@metric("mass_equal_entropy", **_GROUND_TRUTH, chance="share of cells in the ground truth")
def _mass_equal_entropy(case: Case) -> float:
    """Mass after every map is raised to the power at which it is spread over 5 % of the cells.

    Any power above 1 raises `mass`, whatever the map; here no method gains from maps that are merely sharper.
    """
    return _mass.run(case, effective_share=EFFECTIVE_SHARE)


@metric("average_precision", **_GROUND_TRUTH, chance="share of cells in the ground truth")
def _average_precision(case: Case) -> float:
    """Average precision of the cells in the ground truth, with all cells ranked by attribution."""
    maps, where, _ = _case_tensors(case)
    return float(average_precision(maps, where))


@metric("temporal_auc", title="Temporal AUC", **_GROUND_TRUTH, chance="0.5", chance_level=0.5)
def _temporal_auc(case: Case) -> float:
    """Probability that a slice with the action gets more attribution than one without it (ROC AUC)."""
    maps, _, when = _case_tensors(case)
    return float(auc(temporal_curve(maps), when))


@metric("temporal_pointing", **_GROUND_TRUTH, chance="share of slices in the ground truth")
def _temporal_pointing(case: Case) -> float:
    """Whether the slice with the most attribution is part of the action."""
    maps, _, when = _case_tensors(case)
    return float(pointing(temporal_curve(maps), when))


def ground_truth_metrics() -> tuple[str, ...]:
    """Return the names of all registered metrics that compare a map with the ground truth."""
    return tuple(name for name, each in METRICS.items() if each.category == "ground_truth")


def score_ground_truth(maps: NDArray[np.floating], ground_truth: GroundTruthGrid) -> dict[str, float]:
    """Return the scores of one map ``(S, h, w)`` by all `ground_truth_metrics`.

    A score is NaN if the ground truth covers nothing or everything.

    Raises
    ------
    ParameterError
        If map and ground truth differ in shape.
    """
    case = Case(np.asarray(maps, np.float32), ground_truth)
    return {name: METRICS[name](case) for name in ground_truth_metrics()}
