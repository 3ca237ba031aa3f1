"""Rank methods: the best method of a metric, and the methods that do not differ significantly from the best."""

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
    """Return the means of a model, or of all models together, by method and metric."""
    summaries = results.summary(pooled=model is None)
    return {(row.method, row.metric): row for row in summaries if row.model == (model or "")}


def best_summary(results: Results, metric: str, scored: Iterable[Summary]) -> Summary | None:
    """Return the best mean of a metric; ``None`` if there is no mean, or the metric has no direction."""
    better = results.metric_info(metric).get("higher_is_better")
    summaries = [summary for summary in scored if summary.metric == metric]
    if better is None or not summaries:
        return None
    return max(summaries, key=lambda summary: summary.mean if better else -summary.mean)


def leading_methods(results: Results, metric: str, summaries: SummaryTable, model: str | None = None) -> list[str]:
    """Return the best method of a metric, then the methods that do not differ significantly from the best.

    Parameters
    ----------
    results
        Results of the evaluation.
    metric
        Label of the metric.
    summaries
        Means of `model`, by method and metric.
    model
        Name of a model; ``None`` for all models together.
    """
    best = best_summary(results, metric, summaries.values())
    if best is None:
        return []
    rivals = [method for method in results.methods if (method, metric) in summaries and method != best.method]
    duels = [results.compare(best.method, method, metric, model) for method in rivals]
    # Without an interval, as for a single clip, a method cannot be shown to be as good as the best.
    return [best.method, *(duel.other for duel in duels if duel.better is None and math.isfinite(duel.low))]
