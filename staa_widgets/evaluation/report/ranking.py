"""Ranking: the best method of a metric, and the methods that cannot be told apart from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

SummaryTable = Mapping[tuple[str, str], "Summary"]
"""Means by method and metric."""


def index_summaries(results: Results, model: str | None = None) -> dict[tuple[str, str], Summary]:
    """Return the means of a model, or of all of them together, by method and metric."""
    found = results.summary(pooled=model is None)
    return {(row.method, row.metric): row for row in found if row.model == (model or "")}


def best_summary(results: Results, metric: str, scored: Iterable[Summary]) -> Summary | None:
    """Return the best mean of a metric; ``None`` where there is none, or the metric has no direction."""
    better = results.metric_info(metric).get("higher_is_better")
    of = [found for found in scored if found.metric == metric]
    if better is None or not of:
        return None
    return max(of, key=lambda found: found.mean if better else -found.mean)


def leading_methods(results: Results, metric: str, held: SummaryTable, model: str | None = None) -> list[str]:
    """Return the best method of a metric, and after it those that cannot be told apart from it.

    Parameters
    ----------
    results
        Results of the evaluation.
    metric
        Label of the metric.
    held
        Means of `model`, by method and metric.
    model
        Name of a model; ``None`` for all of them together.
    """
    first = best_summary(results, metric, held.values())
    if first is None:
        return []
    rivals = [method for method in results.methods if (method, metric) in held and method != first.method]
    duels = [results.compare(first.method, method, metric, model) for method in rivals]
    # Without an interval, as for a single clip, nothing shows that a method is level with the best.
    return [first.method, *(duel.other for duel in duels if duel.better is None and math.isfinite(duel.low))]
