"""Figures of `Results` in Plotly: which method stands where, at what cost, and the curves behind the causal metrics."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluate.rows import by_clip, interval_of
from staa_widgets.figures import INK, LINE, QUIET, plain_text, template

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from staa_widgets.evaluate.results import Results
    from staa_widgets.evaluate.rows import Summary

# Okabe and Ito's, which colour-blind readers can tell apart, without the yellow that vanishes on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4b2991", "#7a4b12")
GROUPS = {"attention": "#0072b2", "gradient": "#d55e00", "perturbation": "#009e73", "control": "#8a919e"}
STANDING = ((0, "#ffffff"), (1, "#8fb4f0"))
GRID = np.linspace(0, 1, 33)
"""Shares of the clip at which curves are averaged."""

ROW, LABEL = 30, 17
"""Pixels of a row of the heat table, and of a line of labels."""


def heat_table(results: Results, model: str | None = None) -> go.Figure:
    """Draw methods × metrics: means as numbers, coloured by where they stand between the column's worst and best.

    Columns whose metric has no direction stay white. Intervals, number of clips and chance are told on hovering.

    Parameters
    ----------
    results
        What to draw.
    model
        Name of a model; by default all of them together.
    """
    import plotly.graph_objects as go

    held = _summaries(results, model)
    methods, metrics = list(results.methods), list(results.metrics)
    shape = (len(methods), len(metrics))
    standing, text, told = np.full(shape, np.nan), np.full(shape, "", object), np.full(shape, "", object)
    for column, metric in enumerate(metrics):
        for row, method in enumerate(methods):
            if found := held.get((method, metric)):
                text[row, column], told[row, column] = number(found.mean), _told(found, results)
        standing[:, column] = _standing([held.get((method, metric)) for method in methods], results, metric)
    figure = go.Figure(layout={"template": template()})
    figure.add_trace(
        go.Heatmap(
            z=standing,
            text=text,
            customdata=told,
            texttemplate="%{text}",
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            zmin=0,
            zmax=1,
            colorscale=[list(stop) for stop in STANDING],
            showscale=False,
            xgap=2,
            ygap=2,
            textfont={"size": 13, "color": INK},
        )
    )
    # Numbers as places and labels as their text: two labels that were cut to the same letters stay two rows.
    ticks = {"ticks": "", "showgrid": False, "zeroline": False, "showline": False, "fixedrange": True}
    figure.update_layout(
        xaxis={
            **ticks,
            "side": "top",
            "tickangle": -35,
            "tickvals": list(range(len(metrics))),
            "ticktext": [f"{plain_text(metric, 28)}{arrow(results, metric)}" for metric in metrics],
        },
        yaxis={
            **ticks,
            "autorange": "reversed",
            "nticks": None,
            "tickvals": list(range(len(methods))),
            "ticktext": [plain_text(method, 28) for method in methods],
        },
        height=150 + ROW * len(methods),
        margin={"t": 20, "r": 60},
        dragmode=False,
    )
    return figure


def cost_against_quality(results: Results, metric: str, model: str | None = None) -> go.Figure:
    """Draw a point a method: passes through the model across, the metric's mean with its 95 % interval upwards.

    The best control is a line: what does not rise above it explains nothing.

    Parameters
    ----------
    results
        What to draw.
    metric
        Label of the metric.
    model
        Name of a model; by default all of them together.

    Raises
    ------
    ParameterError
        If the metric was not asked for.
    """
    import plotly.graph_objects as go

    better = results.about(metric).get("higher_is_better")
    held = _summaries(results, model)
    points: list[tuple[str, float, Summary]] = []
    for method in results.methods:
        forwards, backwards, _ = results.cost(method, model)
        if (found := held.get((method, metric))) and math.isfinite(forwards):
            points.append((method, max(forwards + backwards, 1), found))
    figure = go.Figure(layout={"template": template()})
    group_of = {method: group(results, method) for method in results.methods}
    for name, colour in GROUPS.items():
        of = [point for point in points if group_of[point[0]] == name]
        if not of:
            continue
        means = [found.mean for *_, found in of]
        figure.add_trace(
            go.Scatter(
                x=[passes for _, passes, _ in of],
                y=means,
                mode="markers",
                name=name,
                marker={"color": colour, "size": 7 if name == "control" else 11},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_finite(found.high - found.mean) for *_, found in of],
                    "arrayminus": [_finite(found.mean - found.low) for *_, found in of],
                    "thickness": 1.2,
                    "width": 3,
                },
                customdata=[
                    f"{_told(found, results)}<br>{passes_in_words(results, method, model)}" for method, _, found in of
                ],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    controls = [found for method, _, found in points if group_of[method] == "control"]
    if controls and better is not None:
        best = max(controls, key=lambda found: found.mean if better else -found.mean)
        figure.add_hline(
            y=best.mean,
            line={"dash": "dash", "width": 1.5, "color": QUIET},
            annotation={
                "text": f"best control: {plain_text(best.method, 28)}",
                "font": {"size": 13, "color": QUIET},
                "yshift": -1,
            },
            annotation_position="top right" if better else "bottom right",
        )
    named = [(method, passes, found.mean) for method, passes, found in points if group_of[method] != "control"]
    low, high = _span([bound for *_, found in points for bound in (found.mean, found.low, found.high)])
    ends = [math.log10(passes) for _, passes, _ in points] or [0.0]
    height, inside = 440, 320
    for method, passes, mean, shift in _labels(named, inside / (high - low)):
        figure.add_annotation(
            x=math.log10(passes),
            y=mean,
            text=plain_text(method, 28),
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=LINE,
            ax=16,
            ay=shift,
            xanchor="left",
            font={"size": 13, "color": GROUPS[group_of[method]]},
        )
    marks = [10**power for power in range(math.floor(max(ends)) + 2)]
    direction = {True: ", higher is better", False: ", lower is better", None: ""}[better]
    figure.update_layout(
        # Room at the right for the label of the dearest method.
        xaxis={
            "type": "log",
            "title": {"text": "passes through the model (forward + backward)"},
            "range": [min(ends) - 0.1, max(ends) + 0.3 + 0.25 * (max(ends) - min(ends))],
            "tickvals": marks,
            "ticktext": [f"{mark:,}" for mark in marks],
        },
        yaxis={"title": {"text": plain_text(metric) + direction}, "range": [low, high]},
        height=height,
        margin={"t": 40},
        showlegend=True,
        dragmode=False,
    )
    return figure


def curves(results: Results, metric: str, model: str | None = None) -> go.Figure:
    """Draw how the target's probability goes as ever more of the clip is changed: means over clips, 95 % bands.

    Parameters
    ----------
    results
        What to draw; `Results.curves` holds the courses.
    metric
        Label of a causal metric.
    model
        Name of a model; by default all of them together.

    Raises
    ------
    ParameterError
        If there are no curves of this metric.
    """
    import plotly.graph_objects as go

    name = str(results.about(metric).get("name", metric))
    done = "put in" if name.startswith("insertion") else "taken out" if name.startswith("deletion") else "changed"
    courses: dict[str, dict[tuple[str, str], np.ndarray]] = {}
    for row in results.curves:
        if row.metric == metric and model in (None, row.model):
            courses.setdefault(row.method, {})[row.model, row.clip] = np.interp(GRID, row.at, row.values)
    if not courses:
        causal = ", ".join(dict.fromkeys(row.metric for row in results.curves))
        raise ParameterError(f"There are no curves of {metric!r}.", f"There are some of {causal}." if causal else "")
    figure = go.Figure(layout={"template": template()})
    colours = cycle(COLOURS)
    dashes = cycle(("dot", "dash", "dashdot", "longdash"))
    order = [*(method for method in results.methods if method in courses), *(courses.keys() - set(results.methods))]
    for method in order:
        bands = [
            interval_of(list(by_clip({key: float(course[place]) for key, course in courses[method].items()}).values()))
            for place in range(len(GRID))
        ]
        control = group(results, method) == "control"
        colour = GROUPS["control"] if control else next(colours)
        name, mean = plain_text(method, 28), [band.mean for band in bands]
        if all(math.isfinite(band.low) for band in bands):
            figure.add_trace(
                go.Scatter(
                    x=[*GRID, *GRID[::-1]],
                    y=[band.high for band in bands] + [band.low for band in reversed(bands)],
                    fill="toself",
                    fillcolor=_faint(colour),
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=method,
                )
            )
        figure.add_trace(
            go.Scatter(
                x=GRID,
                y=mean,
                name=name,
                legendgroup=method,
                mode="lines",
                line={"color": colour, "width": 2, **({"dash": next(dashes)} if control else {})},
                customdata=[f"[{number(band.low)}, {number(band.high)}]" for band in bands],
                hovertemplate=f"{name}: %{{y:.2f}} %{{customdata}}<extra></extra>",
            )
        )
    figure.update_layout(
        xaxis={"title": {"text": f"share of the clip {done}"}, "tickformat": "~%", "range": [0, 1]},
        yaxis={"title": {"text": "probability of the target class"}, "range": [0, 1.02]},
        height=460 + LABEL * (len(order) // 3),
        margin={"t": 30},
        hovermode="x",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top", "font": {"size": 13}},
        dragmode=False,
    )
    return figure


def number(value: float) -> str:
    """Write a score: two decimals, fewer of large ones, a dash for NaN."""
    if not math.isfinite(value):
        return "–"
    said = f"{abs(value):.2f}" if abs(value) < 10 else f"{abs(value):.1f}"
    return f"−{said}" if value < 0 and float(said) else said


def arrow(results: Results, metric: str) -> str:
    """Show a metric's direction: an arrow up or down, nothing where it has none."""
    return {True: "\u00a0↑", False: "\u00a0↓", None: ""}[results.about(metric).get("higher_is_better")]


def group(results: Results, method: str) -> str:
    """Group of a method; attention where the results do not tell."""
    found = results.settings.get("methods", {}).get(method, {}).get("group")
    return found if found in GROUPS else "attention"


def passes_in_words(results: Results, method: str, model: str | None = None) -> str:
    """Mean passes of a method, such as "1 forward + 1 backward", and its seconds."""
    forwards, backwards, seconds = results.cost(method, model)
    words = [
        f"{count:.4g} {word}{'' if count == 1 else 's'}"
        for count, word in ((forwards, "forward"), (backwards, "backward"))
        if math.isfinite(count) and (count or word == "forward")
    ]
    return " + ".join(words) + (f", {seconds:.2g} s" if math.isfinite(seconds) else "")


def _summaries(results: Results, model: str | None) -> dict[tuple[str, str], Summary]:
    found = results.summary(pooled=model is None)
    return {(row.method, row.metric): row for row in found if row.model == (model or "")}


def _told(found: Summary, results: Results) -> str:
    chance = results.about(found.metric).get("chance")
    lines = [
        f"<b>{plain_text(found.method)}</b>, {plain_text(found.metric)}",
        f"{number(found.mean)} [{number(found.low)}, {number(found.high)}], {found.clips} clips",
        f"chance: {plain_text(chance)}" if chance else "",
    ]
    return "<br>".join(filter(None, lines))


def _standing(column: Sequence[Summary | None], results: Results, metric: str) -> list[float]:
    better = results.about(metric).get("higher_is_better")
    means = [found.mean for found in column if found]
    if better is None or not means:
        # A cell without a colour must still be hovered over, which a gap cannot be.
        return [0.0 if found else float("nan") for found in column]
    low, width = min(means), (max(means) - min(means)) or 1.0
    places = [(found.mean - low) / width if found else float("nan") for found in column]
    return places if better else [1 - place for place in places]


def _labels(points: Sequence[tuple[str, float, float]], pixels: float) -> list[tuple[str, float, float, float]]:
    """Shift labels of points at the same cost up or down, in pixels, until none covers another."""
    found = []
    for passes in dict.fromkeys(round(math.log10(point[1]) * 4) for point in points):
        of = sorted((p for p in points if round(math.log10(p[1]) * 4) == passes), key=lambda p: p[2])
        wanted = np.array([p[2] * pixels for p in of])
        places = wanted.copy()
        for i in range(1, len(places)):
            places[i] = max(places[i], places[i - 1] + LABEL)
        places -= np.mean(places - wanted)
        found += [(*p, float(want - place)) for p, want, place in zip(of, wanted, places, strict=True)]
    return found


def _span(values: Sequence[float]) -> tuple[float, float]:
    held = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(held), max(held)
    room = 0.08 * (high - low) or 0.1
    return low - room, high + room


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"
