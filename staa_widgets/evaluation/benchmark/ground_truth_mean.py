"""Compute the ground-truth mean: one number per clip from all metrics that compare a map with the ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staa_widgets.evaluation.rows import Row, mean

if TYPE_CHECKING:
    from staa_widgets.evaluation.results import Results

GROUND_TRUTH_MEAN = "ground-truth mean"
"""Label of the mean of the ground-truth metrics, each scaled so that 0 is its worst and 1 its best value."""


def list_ground_truth_metrics(results: Results) -> tuple[str, ...]:
    """Return the labels of the ground-truth metrics that have a direction, without the ground-truth mean.

    `mass` is left out if the results have `mass_equal_entropy`, because any power above 1 raises it.
    """
    directed = (
        label
        for label in results.metrics
        if results.metric_info(label).get("category") == "ground_truth"
        and results.metric_info(label).get("higher_is_better") is not None
    )
    left_out = {GROUND_TRUTH_MEAN, *(["mass"] if "mass_equal_entropy" in results.metrics else [])}
    return tuple(label for label in directed if label not in left_out)


def add_ground_truth_mean(results: Results) -> Results:
    """Return results with the metric `GROUND_TRUTH_MEAN` added, for clips that have a value of every averaged metric.

    The metrics with a direction and a finite range are averaged.
    """
    ranges = {label: _finite_range(results.metric_info(label)) for label in list_ground_truth_metrics(results)}
    bounded = {label: bounds for label, bounds in ranges.items() if bounds is not None}
    scores: dict[tuple[str, str, str], list[float]] = {}
    for row in results.rows:
        if row.metric in bounded and math.isfinite(row.value):
            worst, best = bounded[row.metric]
            scores.setdefault((row.model, row.clip, row.method), []).append((row.value - worst) / (best - worst))
    rows = [Row(*key, GROUND_TRUTH_MEAN, mean(values)) for key, values in scores.items() if len(values) == len(bounded)]
    mean_info = {"name": GROUND_TRUTH_MEAN, "higher_is_better": True, "category": "ground_truth", "range": [0, 1]}
    metrics = {GROUND_TRUTH_MEAN: mean_info, **results.settings.get("metrics", {})}
    return replace(results, rows=(*results.rows, *rows), settings={**results.settings, "metrics": metrics})


def _finite_range(info: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the worst and the best value of a metric; ``None`` if one of the two is infinite."""
    low, high = info.get("range", (0.0, 1.0))
    if low is None or high is None:
        return None
    return (low, high) if info["higher_is_better"] else (high, low)
