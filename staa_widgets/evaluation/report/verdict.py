"""Verdict of an evaluation in words: which methods are better than the controls, and whether the clips suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.evaluation.report.formatting import format_count, method_group

if TYPE_CHECKING:
    from staa_widgets.evaluation.results import Results

MIN_TRUSTED_CLIPS = 10
"""Smallest number of clips for which a bootstrap interval is not too narrow."""


def verdict_text(results: Results) -> str:
    """Return one to three sentences: whether the clips are too few, and which methods are better than every control.

    A method is better than a control by a metric if the paired 95 % interval of their difference excludes 0.

    Parameters
    ----------
    results
        Results to judge, all models together.
    """
    metrics = [
        metric for metric in results.shown_metrics if results.metric_info(metric).get("higher_is_better") is not None
    ]
    summaries = [summary for summary in results.summary(pooled=True) if summary.metric in metrics]
    if not summaries:
        return "No method has a score of a metric with a direction, so there is no verdict."
    fewest = min(summary.clips for summary in summaries)
    warning = (
        f"{format_count(fewest, 'clip')} {'is' if fewest == 1 else 'are'} too few for a verdict; evaluate at least "
        f"{MIN_TRUSTED_CLIPS}. "
        if fewest < MIN_TRUSTED_CLIPS
        else ""
    )
    controls = [method for method in results.methods if method_group(results, method) == "control"]
    methods = [method for method in results.methods if method not in controls]
    if not methods:
        return f"{warning}Only controls were evaluated."
    if not controls:
        return f"{warning}No control was evaluated, so the scores do not show whether a method explains the model."
    if fewest == 1:
        return f"{warning}A single clip cannot show that a method is better than a control."
    wins = {
        method: [metric for metric in metrics if _beats_controls(results, method, metric, controls)]
        for method in methods
    }
    winners = [
        f"{method} by {f'all {len(metrics)} metrics' if len(won) == len(metrics) > 1 else ', '.join(won)}"
        for method, won in wins.items()
        if won
    ]
    if not winners:
        return f"{warning}No method is shown to be better than every control by any metric."
    losers = [method for method, won in wins.items() if not won]
    rest = f" Not shown to be better by any metric: {', '.join(losers)}." if losers else ""
    return f"{warning}Better than every control: {'; '.join(winners)}.{rest}"


def _beats_controls(results: Results, method: str, metric: str, controls: list[str]) -> bool:
    comparisons = [results.compare(method, control, metric) for control in controls]
    shared = [comparison for comparison in comparisons if comparison.clips]
    return bool(shared) and all(comparison.better == method for comparison in shared)
