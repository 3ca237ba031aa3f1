"""Return scores, directions, groups and costs as text for figures and tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from staa_widgets.render.theme import escape_plotly_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

GROUPS = ("attention", "gradient", "perturbation", "control")
"""Groups of methods, in the order in which they are listed."""


def format_number(value: float) -> str:
    """Return a score as text: two decimals, fewer for large scores, a dash for NaN."""
    if not math.isfinite(value):
        return "–"
    digits = f"{abs(value):.2f}" if abs(value) < 10 else f"{abs(value):.1f}"
    return f"−{digits}" if value < 0 and float(digits) else digits


def format_interval(low: float, high: float) -> str:
    """Return the bounds of an interval as text; empty if there is no interval."""
    return f"[{format_number(low)}, {format_number(high)}]" if math.isfinite(low) else ""


def format_count(count: int, word: str) -> str:
    """Return a count with its noun, such as "1 clip" or "2 clips"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def format_label(name: str) -> str:
    """Return a user's label as plain text, shortened to fit a figure."""
    return escape_plotly_text(name, 28)


def direction_arrow(results: Results, metric: str) -> str:
    """Return an arrow up or down for a metric's direction; empty if the metric has no direction."""
    return {True: "\u00a0↑", False: "\u00a0↓", None: ""}[results.metric_info(metric).get("higher_is_better")]


def format_category(info: Mapping[str, Any]) -> str:
    """Return the category of a metric in words, such as "ground truth"; empty if the metric has no category."""
    return str(info.get("category", "")).replace("_", " ")


def method_group(results: Results, method: str) -> str:
    """Return the group of a method; "attention" if the results do not state it."""
    group = results.settings.get("methods", {}).get(method, {}).get("group")
    return group if group in GROUPS else "attention"


def format_cost(results: Results, method: str, model: str | None = None) -> str:
    """Return a method's mean passes, such as "1 forward + 1 backward passes", and its seconds as text."""
    forwards, backwards, seconds = results.cost(method, model)
    passes = {
        word: count
        for word, count in (("forward", forwards), ("backward", backwards))
        if math.isfinite(count) and (count or word == "forward")
    }
    words = " + ".join(f"{count:.4g} {word}" for word, count in passes.items())
    if passes:
        words += " pass" if sum(passes.values()) == 1 else " passes"
    return words + (f", {seconds:.2g} s" if math.isfinite(seconds) else "")


def hover_text(summary: Summary, results: Results) -> str:
    """Return the text that appears on hovering over a mean: method, metric, interval, number of clips, and chance."""
    chance = results.metric_info(summary.metric).get("chance")
    interval = f"[{format_number(summary.low)}, {format_number(summary.high)}]"
    lines = [
        f"<b>{escape_plotly_text(summary.method)}</b>, {escape_plotly_text(summary.metric)}",
        f"{format_number(summary.mean)} {interval}, {summary.clips} clips",
        f"chance: {escape_plotly_text(chance)}" if chance else "",
    ]
    return "<br>".join(filter(None, lines))
