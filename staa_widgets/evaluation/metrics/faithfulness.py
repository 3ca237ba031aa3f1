"""Faithfulness: agreement of the attribution of each part with the effect of removing it.

After Alvarez-Melis & Jaakkola 2018, "Towards Robust Interpretability with Self-Explaining Neural Networks" (arXiv
1806.07538), with cells of a clip in place of features.

The functions on tensors take two batches ``(B, n)`` and return float64 ``(B,)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case, metric
from staa_widgets.evaluation.metrics.perturbation import (
    Output,
    Units,
    divide_into_units,
    require_inputs,
    score_drops,
    unit_saliency,
)

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.records.geometry import Geometry

DRAWS = 999
"""Default number of permutations of the null distribution."""


def pearson(one: Tensor, other: Tensor) -> Tensor:
    """Return the linear correlation of each row; NaN where a row is constant."""
    one, other = one.double(), other.double()
    varies = (one.amax(1) > one.amin(1)) & (other.amax(1) > other.amin(1))
    one, other = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
    correlation = (one * other).sum(1) / (one.square().sum(1) * other.square().sum(1)).sqrt()
    return correlation.clamp(-1, 1).where(varies, float("nan"))


def ranks(values: Tensor) -> Tensor:
    """Return the rank of each value within its row, from 1; equal values get their mean rank: float64 ``(B, n)``."""
    import torch

    values = values.contiguous()
    ordered = values.sort(dim=1).values
    below = torch.searchsorted(ordered, values, right=False)
    upto = torch.searchsorted(ordered, values, right=True)
    return (below + upto + 1).double() / 2


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Return the rank correlation of each row; equal values get their mean rank; NaN where a row is constant."""
    return pearson(ranks(one), ranks(other))


def permutation_p_value(one: Tensor, other: Tensor, *, draws: int = DRAWS, seed: int = 0) -> Tensor:
    """Return the probability that rows in random order have at least this rank correlation.

    Parameters
    ----------
    one, other
        ``(B, n)``.
    draws
        Number of permutations; the smallest p is ``1 / (draws + 1)``.
    seed
        The same seed gives the same permutations.

    Returns
    -------
    Tensor
        float64 ``(B,)``, one-sided; NaN where a row is constant.
    """
    import torch

    if draws < 1:
        raise ParameterError(f"draws is {draws}.", "Use at least 1.")
    observed = spearman(one, other)
    first, second = ranks(one), ranks(other)
    count = first.shape[1]
    generator = torch.Generator().manual_seed(seed)
    orders = torch.rand(draws, count, generator=generator).argsort(1)
    null = torch.stack([pearson(a[orders], b.expand(draws, -1)) for a, b in zip(first, second, strict=True)])
    # The tolerance makes ties count against the map: equal sums that were added in another order differ in the last
    # digits.
    at_least_observed = (null >= observed[:, None] - 1e-9).double().sum(1)
    return ((at_least_observed + 1) / (draws + 1)).where(observed.isfinite(), float("nan"))


def _saliency_and_drops(case: Case, units: Units, filler: str, output: Output) -> tuple[Tensor, Tensor]:
    """Return the saliency and the score drop of every unit, ``(1, n)`` each."""
    import torch

    parts = divide_into_units(require_inputs(case).geometry, units)
    drops = score_drops(case, parts, filler=filler, output=output)
    return torch.from_numpy(unit_saliency(case.maps, parts))[None], torch.from_numpy(drops)[None]


def _count_passes(geometry: Geometry, *, units: Units, **_: object) -> int:
    return int(divide_into_units(geometry, units).max()) + 2


_FAITHFULNESS: dict[str, Any] = {"category": "faithfulness", "needs": "model", "cost": _count_passes}
_CORRELATION: dict[str, Any] = {
    **_FAITHFULNESS,
    "higher_is_better": True,
    "range": (-1.0, 1.0),
    "chance": "no correlation",
    "chance_level": 0.0,
}


@metric("faithfulness_correlation", **_CORRELATION)
def faithfulness_correlation(
    case: Case, *, units: Units = "coarse", filler: str = "blur", output: Output = "logit"
) -> float:
    """Correlation between each part's attribution and the drop of the target's score when it alone is removed.

    The score is the logit by default, because the probability of a confident model hardly changes. The score of a
    constant map is NaN.
    """
    return float(pearson(*_saliency_and_drops(case, units, filler, output)))


@metric("monotonicity", **_CORRELATION)
def monotonicity(case: Case, *, units: Units = "coarse", filler: str = "blur", output: Output = "logit") -> float:
    """Rank correlation between each part's attribution and the drop of the target's score when it alone is removed.

    Equal values share their mean rank. The score of a constant map is NaN. `monotonicity_p` is the probability that
    chance reaches the same value.
    """
    return float(spearman(*_saliency_and_drops(case, units, filler, output)))


@metric(
    "monotonicity_p",
    title="Monotonicity (p)",
    **_FAITHFULNESS,
    higher_is_better=False,
    range=(0.0, 1.0),
    chance="uniform from 0 to 1, mean 0.5",
    chance_level=0.5,
)
def monotonicity_p(
    case: Case, *, units: Units = "coarse", filler: str = "blur", output: Output = "logit", draws: int = DRAWS
) -> float:
    """Probability that a random permutation of the attribution reaches the same rank correlation."""
    seed = abs(require_inputs(case).seed) % 2**31
    return float(permutation_p_value(*_saliency_and_drops(case, units, filler, output), draws=draws, seed=seed))
