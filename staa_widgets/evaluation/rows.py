"""Rows of `Results`: what is kept of each model, clip, method and metric, and what is said of them together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from staa_widgets.evaluation.bootstrap import Interval, bootstrap_interval

NOT_A_NUMBER = float("nan")


class Row(NamedTuple):
    """What one metric says of one method's map of one clip; NaN where it cannot speak."""

    model: str
    clip: str
    method: str
    metric: str
    value: float


class CostRow(NamedTuple):
    """What one map cost: passes through the model, and seconds when it was computed, NaN if they were not measured."""

    model: str
    clip: str
    method: str
    forwards: int
    backwards: int
    seconds: float


class CurveRow(NamedTuple):
    """Course of a causal metric on one clip: the target's probability `values` with the share `at` of it changed."""

    model: str
    clip: str
    method: str
    metric: str
    shares: tuple[float, ...]
    values: tuple[float, ...]


class ReferenceRow(NamedTuple):
    """What a causal metric says of orders that no method made: "random", "random_smooth" (means) or "oracle"."""

    model: str
    clip: str
    order: str
    metric: str
    value: float


class Failure(NamedTuple):
    """What could not be answered; `method` and `metric` are empty where it concerns all of them."""

    model: str
    clip: str
    method: str
    metric: str
    error: str
    message: str


class Summary(NamedTuple):
    """Mean over `clips` clips with the bounds of its 95 % bootstrap interval, NaN for fewer than two clips."""

    model: str
    method: str
    metric: str
    mean: float
    low: float
    high: float
    clips: int


class PairedDifference(NamedTuple):
    """Mean of `one` minus `other` over the clips that both have, with its 95 % paired bootstrap interval.

    `better` is the method that the interval speaks for; ``None`` where it holds 0, or the metric has no direction.
    """

    one: str
    other: str
    metric: str
    mean: float
    low: float
    high: float
    clips: int
    better: str | None


TABLES: Mapping[str, Any] = {
    "rows": Row,
    "costs": CostRow,
    "curves": CurveRow,
    "references": ReferenceRow,
    "failures": Failure,
}
"""Kind of row by the field of `Results` that holds it."""


def mean_by_clip(held: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Give each clip its mean, from values by model and clip.

    The same clip seen by several models is no new evidence, so it must count once in an interval over clips.
    """
    clips: dict[str, list[float]] = {}
    for (_, clip), value in held.items():
        clips.setdefault(clip, []).append(value)
    return {clip: mean(values) for clip, values in clips.items()}


def mean_with_interval(values: Sequence[float]) -> Interval:
    """Mean with its bootstrap interval; one clip has none, which NaN says."""
    return bootstrap_interval(values) if len(values) > 1 else Interval(mean(values), NOT_A_NUMBER, NOT_A_NUMBER)


def mean(values: Sequence[float]) -> float:
    """Mean; NaN of nothing."""
    return sum(values) / len(values) if values else NOT_A_NUMBER


def median(values: Iterable[float]) -> float:
    """Median of the finite values; NaN if there are none."""
    held = sorted(filter(math.isfinite, values))
    return (held[len(held) // 2] + held[(len(held) - 1) // 2]) / 2 if held else NOT_A_NUMBER
