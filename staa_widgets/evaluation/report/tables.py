"""Findings and score tables of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.evaluation.report.formatting import (
    GROUPS,
    direction_arrow,
    format_category,
    format_cost,
    format_count,
    format_interval,
    format_number,
    method_group,
)
from staa_widgets.evaluation.report.ranking import best_summary, index_summaries, leading_methods
from staa_widgets.evaluation.report.verdict import MIN_TRUSTED_CLIPS
from staa_widgets.utils.html import Markup, comma_list, element, join_markup, scrolling_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

READING_NOTE = (
    "Means over clips, with 95 % bootstrap intervals in small type. Bold: the best method of the column, and all that "
    "do not differ from it (the paired 95 % interval of the difference includes 0). ↑ higher is better, ↓ lower is "
    "better."
)


def findings_list(results: Results) -> Markup | None:
    """Return a list of each metric's best method and the methods that do not differ significantly from the best.

    ``None`` if no metric has a score and a direction.
    """
    summaries = index_summaries(results)
    findings = []
    for metric in results.shown_metrics:
        names = leading_methods(results, metric, summaries)
        if names:
            first, *others = names
            summary = summaries[first, metric]
            score = f" {format_number(summary.mean)} {format_interval(summary.low, summary.high)}".rstrip()
            scored = [method for method, other_metric in summaries if other_metric == metric]
            rivals = _describe_rivals(results, metric, first, others, scored)
            arrow = direction_arrow(results, metric)
            findings.append(element("li", element("b", metric), f"{arrow}: ", element("b", first), score, rivals))
    return element("ul", *findings) if findings else None


def score_table(results: Results, model: str | None) -> Markup:
    """Return the table of scores: a row per method, a column per metric, intervals below the means.

    Parameters
    ----------
    results
        Results to report.
    model
        Name of a model; ``None`` for all models together.
    """
    summaries = index_summaries(results, model)
    leaders = {metric: leading_methods(results, metric, summaries, model) for metric in results.shown_metrics}
    most_clips = max((summary.clips for summary in summaries.values()), default=0)
    rows = []
    for name, methods in _methods_by_group(results):
        span = str(len(results.shown_metrics) + 2)
        rows.append(element("tr", element("th", name, colspan=span, scope="rowgroup"), class_="group"))
        for method in methods:
            cells = [
                _score_cell(summaries.get((method, metric)), method in leaders[metric], most_clips)
                for metric in results.shown_metrics
            ]
            cost = element("td", element("small", format_cost(results, method, model)), class_="cost")
            rows.append(element("tr", element("th", element("span", method), scope="row"), *cells, cost))
    heads = [_metric_header(results, metric) for metric in results.shown_metrics]
    top = element("tr", element("th", "method", scope="col"), *heads, element("th", "cost", scope="col"))
    return scrolling_table(top, rows, "scores")


def control_table(results: Results) -> Markup | None:
    """Return the table of differences from the strongest control of each metric; ``None`` if there are no controls."""
    controls = [method for method in results.methods if method_group(results, method) == "control"]
    methods = [method for method in results.methods if method not in controls]
    metrics = [
        metric for metric in results.shown_metrics if results.metric_info(metric).get("higher_is_better") is not None
    ]
    summaries = [summary for summary in results.summary(pooled=True) if summary.method in controls]
    best_controls = {metric: best_summary(results, metric, summaries) for metric in metrics}
    strongest = {metric: best.method for metric, best in best_controls.items() if best}
    if not (methods and strongest):
        return None
    rows = [
        element(
            "tr",
            element("th", element("span", method), scope="row"),
            *(_control_cell(results, method, metric, control, controls) for metric, control in strongest.items()),
        )
        for method in methods
    ]
    headers = [_metric_header(results, metric, f"− {control}") for metric, control in strongest.items()]
    top = element("tr", element("th", "method", scope="col"), *headers)
    note = (
        "The controls know nothing about the model: they score by chance, by the center of the frame or by motion. "
        "Paired differences from the strongest control of each metric; ✓ marks methods that beat every control (95 %)."
    )
    return join_markup(element("p", note), scrolling_table(top, rows, "scores"))


def normalized_score_table(results: Results) -> Markup | None:
    """Return the table of insertion and deletion scores on a scale from 0 (random order) to 1 (order of the oracle).

    ``None`` if the results have no scores of random orders and of the oracle.
    """
    scored = {row.metric for row in results.references}
    metrics = [metric for metric in results.shown_metrics if metric in scored]
    if not metrics:
        return None
    rows, reasons = [], {}
    for method in results.methods:
        cells = []
        for metric in metrics:
            score = results.normalized_score(method, metric)
            cells.append(
                element("td", format_number(score.value), element("small", format_interval(score.low, score.high)))
            )
            if score.reason:
                reasons.setdefault(f"{metric}: {score.reason}", method)
        rows.append(element("tr", element("th", element("span", method), scope="row"), *cells))
    top = element("tr", element("th", "method", scope="col"), *(_metric_header(results, metric) for metric in metrics))
    missing = element("p", f"– means: {'; '.join(reasons)}.", class_="quiet") if reasons else None
    note = (
        "0 is the mean of random orders of the same clip; 1 is the order by the score drop when each part is "
        "removed alone. Values are ratios of means over clips."
    )
    return join_markup(element("p", note), scrolling_table(top, rows, "scores"), missing)


def footnote(results: Results) -> Markup | None:
    """Return warnings about intervals over few clips and means over several models."""
    counts = {summary.clips for summary in results.summary(pooled=True)}
    sentences = []
    if counts and min(counts) < MIN_TRUSTED_CLIPS:
        sentences.append(
            f"Intervals over fewer than {MIN_TRUSTED_CLIPS} clips are too narrow: treat them as a first impression."
        )
    if len(counts) > 1:
        sentences.append(
            "A number of clips beside a mean shows that the method was scored on fewer clips than the others."
        )
    if len(results.models) > 1:
        sentences.append("All models together: each clip counts once, with its mean over the models.")
    return element("p", " ".join(sentences), class_="quiet") if sentences else None


def _describe_rivals(results: Results, metric: str, first: str, others: Sequence[str], scored: Sequence[str]) -> Markup:
    """Return a sentence that compares the best method of a metric with the others."""
    rivals = [method for method in scored if method not in (first, *others)]
    # A method may have the best mean without being proven better: there is no interval for a single clip, and on the
    # clips that both methods have, the other may be ahead.
    unproven = [method for method in rivals if results.compare(first, method, metric).better != first]
    return join_markup(
        join_markup("; no clear difference from: ", comma_list(others)) if others else None,
        join_markup("; not shown to be worse: ", comma_list(unproven)) if unproven else None,
        "; better than all others" if rivals and not (others or unproven) else None,
    )


def _score_cell(summary: Summary | None, bold: bool, most: int) -> Markup:
    if summary is None:
        return element("td", "–", class_="quiet")
    clip_note = element("small", f"of {format_count(summary.clips, 'clip')}") if summary.clips < most else None
    return element(
        "td",
        element("span", format_number(summary.mean), class_="best" if bold else None),
        element("small", format_interval(summary.low, summary.high)),
        clip_note,
    )


def _control_cell(results: Results, method: str, metric: str, strongest: str, controls: Sequence[str]) -> Markup:
    comparison = results.compare(method, strongest, metric)
    if not comparison.clips:
        return element("td", "–", class_="quiet")
    comparisons = [results.compare(method, control, metric) for control in controls]
    beaten = all(each.better == method for each in comparisons if each.clips)
    text = f"{'+' if comparison.mean > 0 else ''}{format_number(comparison.mean)}{' ✓' if beaten else ''}"
    interval_text = format_interval(comparison.low, comparison.high)
    return element("td", element("span", text, class_="best" if beaten else None), element("small", interval_text))


def _methods_by_group(results: Results) -> Iterable[tuple[str, list[str]]]:
    for name in GROUPS:
        methods = [method for method in results.methods if method_group(results, method) == name]
        if methods:
            yield name, methods


def _metric_header(results: Results, metric: str, below: str | None = None) -> Markup:
    small = format_category(results.metric_info(metric)) if below is None else below
    return element("th", f"{metric}{direction_arrow(results, metric)}", element("small", small), scope="col")
