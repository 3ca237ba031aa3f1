"""Insertion and deletion: the target's probability while parts of a clip are added or removed in the order of a map.

After RISE (Petsiuk et al. 2018, arXiv 1806.07421) and "Spatio-Temporal Perturbations for Video Attribution" (Li et al.
2021, arXiv 2109.00222). Removing scattered cells destroys a clip faster than removing a smooth region, whatever the
map, so a score means something only in comparison with `reference_scores`: the scores of random orders, smooth or not,
on the same clip. Insertion suffers less from this than deletion.

Of the four metrics two differ. Deletion with the least relevant parts first shows the model the same clips as insertion
with the most relevant parts first, from the last to the first, so that the area is the same; the same holds for the
other two. Tables therefore show `insertion` and `deletion` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.bootstrap import bootstrap_means
from staa_widgets.evaluation.metric import Case, metric
from staa_widgets.evaluation.metrics.perturbation import (
    MAX_COARSE_UNITS,
    Output,
    Units,
    divide_into_units,
    require_inputs,
    score_drops,
    scores_without,
    unit_saliency,
)
from staa_widgets.methods.controls import random_smooth

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from staa_widgets.records.geometry import Geometry

Kind = Literal["insertion", "deletion"]
Order = Literal["most", "least"]

STEPS = 16
"""Default number of steps of a curve; a curve has one point more than steps."""

DRAWS = 5
"""Number of random orders to compare with, and of random orders to break ties."""


class ScoreCurve(NamedTuple):
    """The target's score along insertion or deletion.

    Parameters
    ----------
    share
        float64 ``(n,)``, share of the units inserted or deleted, from 0 to 1.
    score
        float64 ``(n,)``, probability or logit of the target.
    """

    share: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under the curve."""
        return float((np.diff(self.share) * (self.score[1:] + self.score[:-1]) / 2).sum())


class ReferenceScores(NamedTuple):
    """Scores of random orders and of the oracle on one clip, for comparison with the scores of methods.

    Parameters
    ----------
    random
        float64 ``(draws,)``, scores of random orders.
    random_smooth
        float64 ``(draws,)``, scores of smooth random maps, which remove connected regions as explanations do.
    oracle
        Score of the oracle: the units in the order of the score drop when each unit is removed alone. NaN for more than
        128 units.
    """

    random: NDArray[np.float64]
    random_smooth: NDArray[np.float64]
    oracle: float


class NormalizedScore(NamedTuple):
    """Score on a scale from random orders (0) to the oracle (1), with 95 % interval; NaN and a reason if undefined."""

    value: float
    low: float
    high: float
    reason: str


def perturbation_curve(
    case: Case,
    *,
    kind: Kind = "insertion",
    order: Order = "most",
    units: Units = "cells",
    filler: str = "blur",
    steps: int = STEPS,
    output: Output = "probability",
) -> ScoreCurve:
    """Return the curve of the target's score while units are inserted or deleted in the order of a map.

    Ties are broken at random. If a step falls between equal values, the curve is the mean over five random orders of
    the equal values; for a constant map it is the mean over five random orders of all units.

    Parameters
    ----------
    case
        Case with maps and inputs.
    kind
        ``"insertion"`` or ``"deletion"``.
    order
        ``"most"`` or ``"least"`` relevant first.
    units
        See `staa_widgets.evaluation.metrics.perturbation.divide_into_units`.
    filler
        Name in `staa_widgets.methods.fillers.FILLERS`.
    steps
        Number of shares at which the model runs, without the start; at most the number of units.
    output
        ``"probability"`` or ``"logit"`` of the target.
    """
    inputs = require_inputs(case)
    parts = divide_into_units(inputs.geometry, units)
    return _curve_of_values(
        case, parts, unit_saliency(case.maps, parts), kind, order, filler, steps, output, seed=abs(inputs.seed)
    )


def reference_scores(
    case: Case,
    *,
    kind: Kind = "insertion",
    order: Order = "most",
    units: Units = "cells",
    filler: str = "blur",
    steps: int = STEPS,
    draws: int = DRAWS,
) -> ReferenceScores:
    """Return the scores of random orders and of the oracle on the clip of a case; its maps are not used.

    Parameters
    ----------
    case
        Case with inputs; the logits are stored in its memo.
    kind, order, units, filler, steps
        As for `perturbation_curve`.
    draws
        Number of random orders.
    """
    inputs = require_inputs(case)
    parts = divide_into_units(inputs.geometry, units)
    count, seed = int(parts.max()) + 1, abs(inputs.seed)

    def area(values: NDArray[np.float64], seed: int) -> float:
        return _curve_of_values(case, parts, values, kind, order, filler, steps, "probability", seed=seed).area

    ranks = [_rank_units(np.zeros(count), seed, draw) for draw in range(draws)]
    random = [area(-np.argsort(rank).astype(np.float64), seed) for rank in ranks]
    smooth = [area(unit_saliency(random_smooth(parts.shape, seed + draw), parts), seed) for draw in range(draws)]
    oracle = (
        area(score_drops(case, parts, filler=filler, output="probability"), seed)
        if count <= MAX_COARSE_UNITS
        else np.nan
    )
    return ReferenceScores(np.array(random), np.array(smooth), float(oracle))


def normalize_scores(
    scores: ArrayLike, randoms: ArrayLike, oracles: ArrayLike, *, draws: int = 5000, seed: int = 0
) -> NormalizedScore:
    """Return ``mean(score - random) / mean(oracle - random)``: 0 for random orders, 1 for the oracle.

    The ratio is taken of means over clips, because the ratio of a single clip has no mean if its oracle is near random.
    It is the same for scores in either direction.

    Parameters
    ----------
    scores, randoms, oracles
        ``(n,)``, one value per clip; clips with a NaN in one of the three are left out.
    draws, seed
        Number and seed of the bootstrap samples over clips.

    Returns
    -------
    NormalizedScore
        NaN, with the reason, if the oracle is less than three standard errors from random.
    """
    rows = np.stack([np.asarray(part, np.float64) for part in (scores, randoms, oracles)])
    rows = rows[:, np.isfinite(rows).all(axis=0)]
    count = rows.shape[1]
    if count < 2:
        return NormalizedScore(np.nan, np.nan, np.nan, f"only {count} clips have a score, a random score and an oracle")
    gain, span = rows[0] - rows[1], rows[2] - rows[1]
    error = span.std(ddof=1) / np.sqrt(count)
    if not abs(span.mean()) >= 3 * error or span.mean() == 0:
        reason = f"oracle and random differ by {abs(span.mean()):.3g}, less than three standard errors of {error:.2g}"
        return NormalizedScore(np.nan, np.nan, np.nan, reason)
    ratios = bootstrap_means(gain, draws=draws, seed=seed) / bootstrap_means(span, draws=draws, seed=seed)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return NormalizedScore(float(gain.mean() / span.mean()), float(low), float(high), "")


def _curve_of_values(
    case: Case,
    parts: NDArray[np.int64],
    values: NDArray[np.float64],
    kind: Kind,
    order: Order,
    filler: str,
    steps: int,
    output: Output,
    *,
    seed: int,
) -> ScoreCurve:
    for name, value, choices in (("kind", kind, ("insertion", "deletion")), ("order", order, ("most", "least"))):
        if value not in choices:
            raise ParameterError(f"{name} is {value!r}.", f"Choose from {', '.join(choices)}.")
    if steps < 1:
        raise ParameterError(f"steps is {steps}.", "Use at least 1.")
    count = len(values)
    cuts = np.unique(np.linspace(0, count, min(steps, count) + 1).round().astype(int))
    falling = np.sort(values)[::-1]
    boundaries = cuts[1:-1] if order == "most" else count - cuts[1:-1]
    tied = bool(np.any(falling[boundaries - 1] == falling[boundaries]))
    removal_masks = []
    for draw in range(DRAWS if tied else 1):
        rank = _rank_units(values, seed, draw)
        position = np.empty(count, np.int64)
        position[rank if order == "most" else rank[::-1]] = np.arange(count)
        changed = position[None, :] < cuts[:, None]
        removal_masks.append(changed if kind == "deletion" else ~changed)
    scores = scores_without(case, parts, np.concatenate(removal_masks), filler=filler, output=output)
    return ScoreCurve(cuts / count, scores.reshape(len(removal_masks), -1).mean(axis=0))


def _rank_units(values: NDArray[np.float64], seed: int, draw: int) -> NDArray[np.int64]:
    """Return the units from the most to the least relevant; equally relevant units are in random order."""
    shuffled = np.random.default_rng([seed, draw]).permutation(len(values))
    return shuffled[np.argsort(-values[shuffled], kind="stable")]


def _count_passes(geometry: Geometry, *, units: Units, steps: int, **_: object) -> int:
    return min(steps, int(divide_into_units(geometry, units).max()) + 1) + 1


CURVE_KINDS: dict[str, tuple[Kind, Order]] = {
    "insertion": ("insertion", "most"),
    "insertion_least": ("insertion", "least"),
    "deletion": ("deletion", "most"),
    "deletion_least": ("deletion", "least"),
}
"""Kind and order of the curve whose area is a metric, by the name of the metric."""

_AREA: dict[str, Any] = {
    "category": "insertion_deletion",
    "range": (0.0, 1.0),
    "chance": "random orders of the same clip",
    "needs": "model",
    "cost": _count_passes,
}


@metric("insertion", **_AREA, higher_is_better=True)
def insertion(case: Case, *, units: Units = "cells", filler: str = "blur", steps: int = STEPS) -> float:
    """Area under the target's probability curve as parts are inserted into a filled clip, most relevant first."""
    return perturbation_curve(case, kind="insertion", order="most", units=units, filler=filler, steps=steps).area


@metric("insertion_least", title="Insertion, least first", **_AREA, higher_is_better=False, same_as="deletion")
def insertion_least(case: Case, *, units: Units = "cells", filler: str = "blur", steps: int = STEPS) -> float:
    """Area under the target's probability curve as parts are inserted into a filled clip, least relevant first."""
    return perturbation_curve(case, kind="insertion", order="least", units=units, filler=filler, steps=steps).area


@metric("deletion", **_AREA, higher_is_better=False)
def deletion(case: Case, *, units: Units = "cells", filler: str = "blur", steps: int = STEPS) -> float:
    """Area under the target's probability curve as parts are deleted from the clip, most relevant first."""
    return perturbation_curve(case, kind="deletion", order="most", units=units, filler=filler, steps=steps).area


@metric("deletion_least", title="Deletion, least first", **_AREA, higher_is_better=True, same_as="insertion")
def deletion_least(case: Case, *, units: Units = "cells", filler: str = "blur", steps: int = STEPS) -> float:
    """Area under the target's probability curve as parts are deleted from the clip, least relevant first."""
    return perturbation_curve(case, kind="deletion", order="least", units=units, filler=filler, steps=steps).area
