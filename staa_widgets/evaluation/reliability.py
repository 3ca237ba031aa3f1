"""Reliability of a metric: whether it orders methods alike on different clips, and random maps below all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from staa_widgets.evaluation.rows import NOT_A_NUMBER

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Reliability(NamedTuple):
    """Reliability of a metric, see `measure_reliability`.

    Parameters
    ----------
    value
        -1 to 1; NaN if it is undefined.
    mean_weight
        Mean weight of the clips, 0 to 1: 1 if random maps score worst on every clip, 1/2 if they are in the middle of
        the methods. NaN if there are no clips.
    clips
        Number of clips that count.
    constant_clips
        Number of clips that were left out because all methods have the same score.
    methods
        Number of methods, with the random one.
    chance
        Mean reliability of scores that mean nothing: ``(M + 1) / (3 (M - 1)²)``. It is above 0, because clips on which
        random maps happen to be low have more weight, and these agree about the random maps.
    """

    value: float
    mean_weight: float
    clips: int
    constant_clips: int
    methods: int
    chance: float


def measure_reliability(scores: ArrayLike, random: int, *, higher_is_better: bool = True) -> Reliability:
    """Return the reliability of a metric: the agreement of clips on the order of methods, weighted by random maps.

    After Li et al., "Spatio-Temporal Perturbations for Video Attribution", arXiv 2109.00222. Each clip ranks the
    methods from 0 (worst) to ``M - 1`` (best). Two clips agree as far as the rank correlation of their orders says. A
    clip has the weight ``(M - 1 - rank of the random maps) / (M - 1)``: if random maps win on a clip, the order of the
    methods there says nothing. The reliability is the mean of the rank correlations of all pairs of clips, each pair
    weighted by the product of the clips' weights.

    Parameters
    ----------
    scores
        ``(V, M)``, scores of M methods on V clips.
    random
        Column of the random maps.
    higher_is_better
        Direction of the metric.

    Returns
    -------
    Reliability
        Equal scores have their mean rank. A clip on which all scores are equal has no order and is left out. NaN with
        fewer than two clips or methods, and if no two clips have a weight above 0.
    """
    table = np.asarray(scores, np.float64)
    ranks = mean_ranks(table if higher_is_better else -table)
    is_constant = (ranks == ranks[:, :1]).all(1)
    ranks = ranks[~is_constant]
    clips, methods = ranks.shape
    weights = (methods - 1 - ranks[:, random]) / max(1, methods - 1)
    pair_weights = np.triu(np.outer(weights, weights), 1)
    value = NOT_A_NUMBER
    if pair_weights.any():
        value = float((pair_weights * _correlations(ranks)).sum() / pair_weights.sum())
    mean_weight = float(weights.mean()) if clips else NOT_A_NUMBER
    chance = (methods + 1) / (3 * (methods - 1) ** 2) if methods > 1 else NOT_A_NUMBER
    return Reliability(value, mean_weight, clips, int(is_constant.sum()), methods, chance)


def mean_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each score in its row, ``(V, M)``, from 0; equal scores have their mean rank."""
    lower = (scores[:, None, :] < scores[:, :, None]).sum(2)
    equal = (scores[:, None, :] == scores[:, :, None]).sum(2)
    return lower + (equal - 1) / 2


def tabulate_scores(values: Mapping[str, Mapping[str, float]], random: str) -> tuple[NDArray[np.float64], int]:
    """Return the table of scores ``(V, M)``, and the column of the random maps, for `measure_reliability`.

    Parameters
    ----------
    values
        Scores by method and clip. Methods without a score are left out, then clips that some method lacks.
    random
        Label of the method whose maps are random.
    """
    methods = [method for method, scores in values.items() if scores or method == random]
    clips = [clip for clip in values[random] if all(clip in values[method] for method in methods)]
    table = np.array([[values[method][clip] for method in methods] for clip in clips], np.float64)
    return table.reshape(len(clips), len(methods)), methods.index(random)


def find_random_method(methods: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the label of the method ``"random"``; ``None`` if there is none.

    Parameters
    ----------
    methods
        Facts about each method by label, as in `Results.settings`.
    """
    return next((label for label, facts in methods.items() if facts.get("name", label) == "random"), None)


def _correlations(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations of all pairs of rows, ``(V, V)``."""
    centered = ranks - ranks.mean(1, keepdims=True)
    unit = centered / np.sqrt(np.square(centered).sum(1, keepdims=True))
    return unit @ unit.T
