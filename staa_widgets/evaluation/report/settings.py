"""Settings in a report: lists and tables of models, clips, methods, metrics, and failures."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from staa_widgets.evaluation.report.formatting import (
    direction_arrow,
    format_category,
    format_cost,
    method_group,
)
from staa_widgets.utils.html import Markup, comma_list, element, header_row, join_markup, scrolling_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staa_widgets.evaluation.results import Results


def settings_list(results: Results) -> Markup:
    """Return the list of settings: models, clips, seeds, target."""
    settings = results.settings
    models = [
        join_markup(name, element("span", f" ({facts['family']})", class_="quiet") if "family" in facts else None)
        for name, facts in _facts_by_name(results, "models")
    ]
    target = settings.get("target")
    entries = {
        "Models" if len(models) > 1 else "Model": comma_list(models),
        "Clips": _describe_clips(results),
        "Target": "the predicted class" if target is None else str(target),
        "Methods": comma_list(results.methods),
        "Metrics": comma_list([f"{metric}{direction_arrow(results, metric)}" for metric in results.metrics]),
        "Failures": str(len(results.failures)) if results.failures else "",
        "Versions": ", ".join(f"{name} {version}" for name, version in settings.get("versions", {}).items()),
    }
    return element(
        "dl", *(join_markup(element("dt", name), element("dd", text)) for name, text in entries.items() if text)
    )


def metric_table(results: Results) -> Markup:
    """Return the table of metrics: meaning, direction, range and chance."""
    rows = []
    for metric in results.metrics:
        facts = results.metric_info(metric)
        better = {True: "higher ↑", False: "lower ↓", None: "neither"}[facts.get("higher_is_better")]
        low, high = facts.get("range") or (None, None)
        ends = " … ".join("∞" if end is None else f"{end:g}" for end in (low, high)) if facts.get("range") else "–"
        chance = facts.get("chance") or "–"
        name = join_markup(metric, _describe_changes(metric, facts))
        cells = [element("td", cell) for cell in (better, ends, format_category(facts))]
        summary = str(facts.get("summary", ""))
        if metric not in results.shown_metrics and not facts.get("same_as"):
            summary += " No score could be computed, so the tables leave it out."
        elif metric not in results.shown_metrics:
            summary += f" The same as {facts['same_as']!r}, so the tables leave it out."
        words = [element("td", cell, class_="words") for cell in (summary, chance)]
        rows.append(element("tr", element("th", name, scope="row"), *words, *cells))
    return scrolling_table(header_row("metric", "meaning", "chance", "better", "range", "category"), rows)


def method_table(results: Results) -> Markup:
    """Return the table of methods: group, whether it depends on the class, cost."""
    rows = []
    for method, facts in _facts_by_name(results, "methods"):
        class_text = {True: "yes", False: "no", None: "–"}[facts.get("class_specific")]
        cells = [
            element("td", cell) for cell in (method_group(results, method), class_text, format_cost(results, method))
        ]
        summary = element("td", facts.get("summary", ""), class_="words")
        name = join_markup(method, _describe_changes(method, facts))
        rows.append(element("tr", element("th", name, scope="row"), summary, *cells))
    return scrolling_table(header_row("method", "description", "group", "class-specific", "cost"), rows)


def failure_table(results: Results) -> Markup | None:
    """Return the table of failures, with each reason once; ``None`` if there are no failures."""
    if not results.failures:
        return None

    def reason(failure: Any) -> tuple[str, ...]:
        return (failure.model, failure.method, failure.metric, failure.error, failure.message)

    rows = []
    for (model, method, metric, error, message), failures in groupby(sorted(results.failures, key=reason), reason):
        clips = [failure.clip for failure in failures]
        clip_names = ", ".join(clips[:3]) + (f" and {len(clips) - 3} more" if len(clips) > 3 else "")
        cells = [element("td", cell or "all") for cell in (model, method, metric)]
        why = element("td", f"{message} ({error})", class_="words")
        rows.append(element("tr", element("td", clip_names, class_="words"), why, *cells))
    return scrolling_table(header_row("clips", "reason", "model", "method", "metric"), rows)


def _facts_by_name(results: Results, kind: str) -> list[tuple[str, dict[str, Any]]]:
    facts = results.settings.get(kind, {})
    return [(name, facts.get(name, {})) for name in getattr(results, kind)]


def _describe_clips(results: Results) -> str:
    clip_facts = [facts for _, facts in _facts_by_name(results, "clips")]
    seeds = sorted(facts["seed"] for facts in clip_facts if isinstance(facts.get("seed"), int))
    if len(seeds) < len(clip_facts) or not seeds:
        names = ", ".join(results.clips[:5]) + (", …" if len(results.clips) > 5 else "")
        return f"{len(results.clips)}: {names}" if results.clips else ""
    return f"{len(seeds)} drawn actions, {'seeds' if len(seeds) > 1 else 'seed'} {_format_ranges(seeds)}"


def _format_ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as text, with consecutive numbers as a range such as "3 – 7"."""
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    ranges = [f"{run[0]} – {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(ranges[:6]) + (", …" if len(ranges) > 6 else "")


def _describe_changes(label: str, facts: Mapping[str, Any]) -> Markup | None:
    """Return the name and the changed parameters that a label stands for; ``None`` for a plain name with defaults."""
    name, params = facts.get("name", label), facts.get("changed", {})
    if name == label and not params:
        return None
    return element("small", f"{name}({', '.join(f'{key}={value!r}' for key, value in params.items())})")
