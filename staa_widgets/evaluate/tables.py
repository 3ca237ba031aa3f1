"""What a report says in words and tables."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from staa_widgets.evaluate.charts import GROUPS, arrow, group, number, passes_in_words
from staa_widgets.evaluate.markup import Markup, element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from staa_widgets.evaluate.results import Results
    from staa_widgets.evaluate.rows import Summary

MOST_COSTS = 4
"""Metrics whose cost against quality is drawn; the others are in the tables."""

FEW = 10
"""Clips below which a bootstrap interval is too narrow to be trusted."""

READING = (
    "Means over clips; small, the 95 % bootstrap interval over clips. Bold: the best of its column, and what cannot be "
    "told apart from it (the paired 95 % interval of their difference holds 0). ↑ higher is better, ↓ lower is better."
)
COST = (
    "Passes that one map takes, against what it scores. The bars are 95 % intervals, the dashed line is the best "
    "control: a method that does not rise above it explains nothing."
)


def facts(results: Results) -> Markup:
    """Say what was compared: models, clips, seeds, target."""
    settings = results.settings
    models = [
        joined(name, element("span", f" ({about['family']})", class_="quiet") if "family" in about else None)
        for name, about in _listed(results, "models")
    ]
    target = settings.get("target")
    held = {
        "Models" if len(models) > 1 else "Model": _and(models),
        "Clips": _clips(results),
        "Target": "the class that the model predicts" if target is None else str(target),
        "Methods": _and(results.methods),
        "Metrics": _and([f"{metric}{arrow(results, metric)}" for metric in results.metrics]),
        "Not answered": counted(len(results.failures), "question") if results.failures else "",
        "Made with": ", ".join(f"{name} {of}" for name, of in settings.get("versions", {}).items()),
    }
    return element("dl", *(joined(element("dt", name), element("dd", said)) for name, said in held.items() if said))


def findings(results: Results) -> Markup:
    """Say of each metric which method is best, and what cannot be told apart from it."""
    said = []
    held = _pooled(results)
    for metric in results.metrics:
        best = _best(results, metric, held, None)
        if best is None:
            continue
        found = held[best, metric]
        level = [m for m in _level(results, metric, held, None) if m != best]
        others = joined("; not told apart from it: ", _and(level)) if level else "; every other is behind it"
        if len([method for method in results.methods if (method, metric) in held]) < 2:
            others = Markup("")
        what = f" {number(found.mean)} [{number(found.low)}, {number(found.high)}]"
        said.append(
            element("li", element("b", metric), f"{arrow(results, metric)}: ", element("b", best), what, others)
        )
    return element("ul", *said) if said else element("p", "No metric here has a direction, so none is best.")


def scores(results: Results, model: str | None) -> Markup:
    """Write the summary: a row a method, a column a metric, intervals below the means.

    Parameters
    ----------
    results
        What to report.
    model
        Name of a model; ``None`` for all of them together.
    """
    held = (
        _pooled(results) if model is None else {(s.method, s.metric): s for s in results.summary() if s.model == model}
    )
    level = {metric: _level(results, metric, held, model) for metric in results.metrics}
    most = max((found.clips for found in held.values()), default=0)
    rows = []
    for name, methods in _grouped(results):
        span = str(len(results.metrics) + 2)
        rows.append(element("tr", element("th", name, colspan=span, scope="rowgroup"), class_="group"))
        for method in methods:
            cells = [_score(held.get((method, metric)), method in level[metric], most) for metric in results.metrics]
            cost = element("td", element("small", passes_in_words(results, method, model)))
            rows.append(element("tr", element("th", element("span", method), scope="row"), *cells, cost))
    heads = [_head(results, metric) for metric in results.metrics]
    top = element("tr", element("th", "method", scope="col"), *heads, element("th", "cost", scope="col"))
    return _table(top, rows, "scores")


def against_controls(results: Results) -> Markup | None:
    """Compare every method with the strongest control of each metric; ``None`` where there are no controls."""
    controls = [method for method in results.methods if group(results, method) == "control"]
    methods = [method for method in results.methods if method not in controls]
    metrics = [metric for metric in results.metrics if results.about(metric).get("higher_is_better") is not None]
    if not (controls and methods and metrics):
        return None
    held = {key: found for key, found in _pooled(results).items() if key[0] in controls}
    strongest = {metric: _best(results, metric, held, None) for metric in metrics}
    rows = [
        element(
            "tr",
            element("th", element("span", method), scope="row"),
            *(_beside_controls(results, method, metric, strongest[metric], controls) for metric in metrics),
        )
        for method in methods
    ]
    beside = [_head(results, metric, f"− {strongest[metric] or 'no control'}") for metric in metrics]
    top = element("tr", element("th", "method", scope="col"), *beside)
    note = (
        "Maps that know nothing of the model score this by luck, by the middle of the frame or by what moves. "
        "The paired difference to the strongest control of each metric; ✓ where every control is beaten (paired, 95 %)."
    )
    return joined(element("p", note), _table(top, rows, "scores"))


def normalised(results: Results) -> Markup | None:
    """Say how far causal metrics come from random orders to the oracle; ``None`` where neither was asked for."""
    metrics = list(dict.fromkeys(row.metric for row in results.references))
    if not metrics:
        return None
    rows, reasons = [], {}
    for method in results.methods:
        cells = []
        for metric in metrics:
            found = results.normalised(method, metric)
            between = f"[{number(found.low)}, {number(found.high)}]" if math.isfinite(found.low) else ""
            cells.append(element("td", number(found.value), element("small", between)))
            if found.reason:
                reasons.setdefault(f"{metric}: {found.reason}", method)
        rows.append(element("tr", element("th", element("span", method), scope="row"), *cells))
    top = element("tr", element("th", "method", scope="col"), *(_head(results, metric) for metric in metrics))
    missing = element("p", f"– {'; '.join(reasons)}.", class_="quiet") if reasons else None
    note = (
        "0 is the mean of random orders of the same clip, 1 the order by what each part alone costs: ratios of means."
    )
    return joined(element("p", note), _table(top, rows, "scores"), missing)


def metrics(results: Results) -> Markup:
    """Explain each metric: what it says, which way is better, range and chance."""
    rows = []
    for metric in results.metrics:
        about = results.about(metric)
        better = {True: "higher ↑", False: "lower ↓", None: "neither"}[about.get("higher_is_better")]
        low, high = about.get("range") or (None, None)
        ends = " … ".join("∞" if end is None else f"{end:g}" for end in (low, high)) if about.get("range") else "–"
        chance = about.get("chance") or "–"
        name = joined(metric, _changed(metric, about))
        cells = [element("td", cell) for cell in (better, ends, about.get("category", ""))]
        words = [element("td", cell, class_="words") for cell in (about.get("summary", ""), chance)]
        rows.append(element("tr", element("th", name, scope="row"), *words, *cells))
    return _table(_heads("metric", "what it says", "chance", "better", "range", "asks about"), rows)


def methods(results: Results) -> Markup:
    """Explain each method: what it works with, whether it knows the class, what it costs."""
    rows = []
    for method, about in _listed(results, "methods"):
        specific = {True: "of the class", False: "of no class", None: "–"}[about.get("class_specific")]
        cells = [element("td", cell) for cell in (group(results, method), specific, passes_in_words(results, method))]
        what = element("td", about.get("summary", ""), class_="words")
        name = joined(method, _changed(method, about))
        rows.append(element("tr", element("th", name, scope="row"), what, *cells))
    return _table(_heads("method", "what it is", "works with", "speaks", "cost"), rows)


def failures(results: Results) -> Markup | None:
    """List what could not be answered, the same reason once; ``None`` where all could."""
    if not results.failures:
        return None

    def reason(failure: Any) -> tuple[str, ...]:
        return (failure.model, failure.method, failure.metric, failure.error, failure.message)

    rows = []
    for (model, method, metric, error, message), of in groupby(sorted(results.failures, key=reason), reason):
        clips = [failure.clip for failure in of]
        named = ", ".join(clips[:3]) + (f" and {len(clips) - 3} more" if len(clips) > 3 else "")
        cells = [element("td", cell or "all") for cell in (model, method, metric)]
        why = element("td", f"{message} ({error})", class_="words")
        rows.append(element("tr", element("td", named, class_="words"), why, *cells))
    return _table(_heads("clips", "why", "model", "method", "metric"), rows)


def footnote(results: Results) -> Markup | None:
    """Warn of what the numbers cannot carry."""
    counts = {found.clips for found in results.summary(pooled=True)}
    said = []
    if counts and min(counts) < FEW:
        said.append(f"Intervals over fewer than {FEW} clips are too narrow: read them as a first impression.")
    if len(counts) > 1:
        said.append("Where a number of clips stands beside a mean, the method was scored on fewer than the others.")
    if len(results.models) > 1:
        said.append("All models together; a clip counts once, with its mean over the models.")
    return element("p", " ".join(said), class_="quiet") if said else None


def counted(count: int, word: str) -> str:
    """Write "1 clip" or "2 clips"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def _score(found: Summary | None, best: bool, most: int) -> Markup:
    if found is None:
        return element("td", "–", class_="quiet")
    between = f"[{number(found.low)}, {number(found.high)}]" if math.isfinite(found.low) else ""
    few = f" of {counted(found.clips, 'clip')}" if found.clips < most else ""
    return element(
        "td", element("span", number(found.mean), class_="best" if best else None), element("small", between + few)
    )


def _beside_controls(
    results: Results, method: str, metric: str, strongest: str | None, controls: Sequence[str]
) -> Markup:
    found = results.compare(method, strongest, metric) if strongest else None
    if found is None or not found.clips:
        return element("td", "–", class_="quiet")
    against = [results.compare(method, control, metric) for control in controls]
    beaten = all(one.better == method for one in against if one.clips)
    difference = f"{'+' if found.mean > 0 else ''}{number(found.mean)}{' ✓' if beaten else ''}"
    between = f"[{number(found.low)}, {number(found.high)}]" if math.isfinite(found.low) else ""
    return element("td", element("span", difference, class_="best" if beaten else None), element("small", between))


def _best(results: Results, metric: str, held: dict[tuple[str, str], Summary], model: str | None) -> str | None:
    better = results.about(metric).get("higher_is_better")
    scored = [found for found in held.values() if found.metric == metric and model in (None, found.model)]
    if better is None or not scored:
        return None
    return max(scored, key=lambda found: found.mean if better else -found.mean).method


def _level(results: Results, metric: str, held: dict[tuple[str, str], Summary], model: str | None) -> list[str]:
    """Methods that cannot be told apart from the best of a metric, itself included."""
    best = _best(results, metric, held, model)
    if best is None:
        return []
    scored = [method for method in results.methods if (method, metric) in held and method != best]
    compared = {method: results.compare(best, method, metric, model) for method in scored}
    # Without an interval nothing was shown: a single clip does not make a method level with the best.
    return [best, *(m for m, found in compared.items() if found.better is None and math.isfinite(found.low))]


def _pooled(results: Results) -> dict[tuple[str, str], Summary]:
    return {(found.method, found.metric): found for found in results.summary(pooled=True)}


def _grouped(results: Results) -> Iterable[tuple[str, list[str]]]:
    for name in GROUPS:
        if of := [method for method in results.methods if group(results, method) == name]:
            yield name, of


def _listed(results: Results, kind: str) -> list[tuple[str, dict[str, Any]]]:
    told = results.settings.get(kind, {})
    return [(name, told.get(name, {})) for name in getattr(results, kind)]


def _clips(results: Results) -> str:
    told = [about for _, about in _listed(results, "clips")]
    seeds = sorted(about["seed"] for about in told if isinstance(about.get("seed"), int))
    if len(seeds) < len(told) or not seeds:
        names = ", ".join(results.clips[:5]) + (", …" if len(results.clips) > 5 else "")
        return f"{len(results.clips)}: {names}" if results.clips else ""
    return f"{len(seeds)} drawn actions, {'seeds' if len(seeds) > 1 else 'seed'} {_ranges(seeds)}"


def _ranges(numbers: Sequence[int]) -> str:
    """Write rising numbers, runs of them as "3 – 7"."""
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    said = [f"{run[0]} – {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(said[:6]) + (", …" if len(said) > 6 else "")


def _and(names: Sequence[str]) -> Markup:
    return joined(*(part for i, name in enumerate(names) for part in (", " if i else "", name)))


def _changed(label: str, about: Mapping[str, Any]) -> Markup | None:
    """Say what a label stands for, where its name and defaults do not."""
    name, params = about.get("name", label), about.get("changed", {})
    if name == label and not params:
        return None
    return element("small", f"{name}({', '.join(f'{key}={value!r}' for key, value in params.items())})")


def _head(results: Results, metric: str, below: str | None = None) -> Markup:
    small = results.about(metric).get("category", "") if below is None else below
    return element("th", f"{metric}{arrow(results, metric)}", element("small", small), scope="col")


def _heads(*names: str) -> Markup:
    return element("tr", *(element("th", name, scope="col") for name in names))


def _table(top: Markup, rows: Sequence[Markup], class_: str | None = None) -> Markup:
    # To be scrolled by key too, what scrolls must be able to take the focus.
    whole = element("table", element("thead", top), element("tbody", *rows), class_=class_)
    return element("div", whole, class_="wide", tabindex="0")
