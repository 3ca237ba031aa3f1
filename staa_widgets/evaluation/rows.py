"""Rows of `Results`, and means, medians and intervals over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from staa_widgets.evaluation.bootstrap import Interval, bootstrap_interval

NOT_A_NUMBER = float("nan")


class Row(NamedTuple):
    """Score of one method on one clip by one metric; NaN if the metric is undefined."""

    model: str
    clip: str
    method: str
    metric: str
    value: float


class CostRow(NamedTuple):
    """Cost of one map: passes through the model, and seconds of computation, NaN if they were not measured."""

    model: str
    clip: str
    method: str
    forwards: int
    backwards: int
    seconds: float


class CurveRow(NamedTuple):
    """Insertion or deletion curve of one clip: the target's probability at each share of the clip that was changed."""

    model: str
    clip: str
    method: str
    metric: str
    shares: tuple[float, ...]
    values: tuple[float, ...]


class ReferenceRow(NamedTuple):
    """Insertion or deletion score of a reference order: "random" or "random_smooth" (means), or "oracle"."""

    model: str
    clip: str
    order: str
    metric: str
    value: float


class ExampleRow(NamedTuple):
    """Picture of a clip with one of the best or worst scores: a JPEG file as base64, and a text that describes it."""

    model: str
    clip: str
    method: str
    metric: str
    value: float
    image: str
    text: str


class Failure(NamedTuple):
    """Error in place of scores; `method` or `metric` is empty if the error concerns all methods or metrics."""

    model: str
    clip: str
    method: str
    metric: str
    error: str
    message: str


class Summary(NamedTuple):
    """Mean of a metric over `clips` clips, and the bounds of its 95 % bootstrap interval; for one clip they are NaN."""

    model: str
    method: str
    metric: str
    mean: float
    low: float
    high: float
    clips: int


class PairedDifference(NamedTuple):
    """Mean of `one` minus `other` over the clips that both methods have, with its 95 % paired bootstrap interval.

    `better` is the better method; ``None`` if the interval contains 0 or the metric has no direction.
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
    "examples": ExampleRow,
}
"""Class of the rows, by the name of the field of `Results` that holds them."""


def mean_by_clip(scores: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return the mean of each clip over models, from values by model and clip.

    The scores of one clip on several models are not independent, so a clip must count once in an interval over clips.
    """
    clips: dict[str, list[float]] = {}
    for (_, clip), value in scores.items():
        clips.setdefault(clip, []).append(value)
    return {clip: mean(values) for clip, values in clips.items()}


def mean_with_interval(values: Sequence[float]) -> Interval:
    """Return the mean of values with its bootstrap interval; the bounds are NaN for a single value."""
    return bootstrap_interval(values) if len(values) > 1 else Interval(mean(values), NOT_A_NUMBER, NOT_A_NUMBER)


def mean(values: Sequence[float]) -> float:
    """Return the mean of values; NaN if there are none."""
    return sum(values) / len(values) if values else NOT_A_NUMBER


def median(values: Iterable[float]) -> float:
    """Return the median of the finite values; NaN if there are none."""
    finite = sorted(filter(math.isfinite, values))
    return (finite[len(finite) // 2] + finite[(len(finite) - 1) // 2]) / 2 if finite else NOT_A_NUMBER
