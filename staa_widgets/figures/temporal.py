"""Time charts: figures of the attribution over seconds, of one explanation or of several, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.explanation.peak import describe_total
from staa_widgets.figures.ground_truth import add_bands, ground_truth_html
from staa_widgets.records.problem import format_score
from staa_widgets.render.theme import (
    BAR_COLOR,
    HIGHLIGHT_COLOR,
    MUTED_COLOR,
    POSITIVE_COLOR,
    escape_plotly_text,
    plotly_template,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.comparison import Comparison
    from staa_widgets.explanation.explanation import Explanation

ROW_HEIGHT = 150
"""Height of each of several rows in pixels."""


def temporal_bars(explanation: Explanation) -> go.Figure:
    """Draw the time chart of an explanation: a bar for every slice, as wide as the seconds that the slice covers.

    If maps have negative values, a share is the slice's part of the sum of all magnitudes, and each bar is split: the
    part of the share in favor of the class points up, the part against it down. Otherwise a dashed line marks the share
    that every slice would have if all were equal.

    Parameters
    ----------
    explanation
        The explanation to draw.

    Returns
    -------
    Figure
        For a copy that follows a player: ``staa_widgets.linked_figure(player, figure)``.
    """
    import plotly.graph_objects as go

    e = explanation
    figure = go.Figure(layout=_layout_options(e))
    _add_bars(figure, e)
    if e.temporal_signed is None:
        figure.add_annotation(
            x=1,
            y=1 / len(e.temporal),
            xref="x domain",
            xanchor="right",
            yanchor="bottom",
            showarrow=False,
            text="even",
            font={"size": 13, "color": MUTED_COLOR},
        )
    figure.update_layout(showlegend=e.temporal_signed is not None)
    return figure


def comparison_bars(comparison: Comparison) -> go.Figure:
    """Draw the time charts of several explanations, one below the other, on one axis of seconds.

    All rows have the same scale, so that bars can be compared between rows.

    Parameters
    ----------
    comparison
        The explanations to draw, one row each.

    Returns
    -------
    Figure
        For a copy that follows a player of any of the explanations: ``staa_widgets.linked_figure(player, figure)``.
    """
    from plotly.subplots import make_subplots

    rows = len(comparison)
    gap = 44 / (ROW_HEIGHT * rows)
    figure = make_subplots(rows, 1, shared_xaxes=True, vertical_spacing=min(gap, 0.9 / rows))
    for row, (title, e) in enumerate(zip(comparison.titles().values(), comparison.values(), strict=True), 1):
        _add_bars(figure, e, row)
        figure.add_annotation(
            x=0,
            y=1,
            xref="x domain",
            yref=f"y{'' if row == 1 else row} domain",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            text=f"{escape_plotly_text(title, 80)} <span style='color:{MUTED_COLOR}'>{_prediction_text(e)}</span>",
        )
    clips = dict.fromkeys(escape_plotly_text(e.clip_name) for e in comparison.values() if e.clip_name)
    spans = [e.spans for e in comparison.values()]
    figure.update_layout(
        template=plotly_template(),
        title={
            "text": _title_html(
                "Attribution over time",
                (" · ".join(clips) if len(clips) < 3 else f"{len(clips)} clips")
                + ground_truth_html(*comparison.values()),
            )
        },
        height=ROW_HEIGHT * rows + 150,
        margin={"t": 108},
        hovermode="x",
        showlegend=any(e.temporal_signed is not None for e in comparison.values()),
    )
    figure.update_xaxes(range=[float(min(s[0, 0] for s in spans)), float(max(s[-1, 1] for s in spans))])
    figure.update_xaxes(title_text="seconds", row=rows)
    heights = [np.stack(_bar_heights(e)) for e in comparison.values()]
    low, top = min(0.0, *(h.min() for h in heights)), max(h.max() for h in heights)
    figure.update_yaxes(tickformat="~%", nticks=4, range=[1.05 * low, 1.05 * top])
    figure.update_yaxes(title_text=_share_title(*comparison.values()), row=(rows + 1) // 2)
    return figure


def _add_bars(figure: go.Figure, e: Explanation, row: int | None = None) -> None:
    """Add the bars of an explanation and the time of the action, in the given row if the figure has several."""
    add_bands(figure, e, row or 1)
    subplot: dict[str, Any] = {} if row is None else {"row": row, "col": 1}
    if e.temporal_signed is None:
        figure.add_trace(_bar_trace(e, e.temporal, BAR_COLOR), **subplot)
        figure.add_hline(y=1 / len(e.temporal), line={"dash": "dash", "width": 1.5, "color": MUTED_COLOR}, **subplot)
        figure.data[-1].showlegend = False
    else:
        traces: Any = figure.data
        has_legend = any(trace.legendgroup for trace in traces)
        for heights, color, name in zip(
            _bar_heights(e), (POSITIVE_COLOR, BAR_COLOR), ("for the class", "against it"), strict=True
        ):
            figure.add_trace(_bar_trace(e, heights, color, name), **subplot)
            figure.data[-1].update(legendgroup=name, showlegend=not has_legend)
        figure.update_layout(barmode="overlay")


def _share_title(*explanations: Explanation) -> str:
    """Return the title of the axis of shares, which names what they are shares of."""
    totals = dict.fromkeys(describe_total(signed=e.temporal_signed is not None) for e in explanations)
    return f"share of the {' or '.join(totals)}"


def _bar_heights(e: Explanation) -> list[np.ndarray]:
    """Return the heights of the bars: shares, or the parts for and against the class."""
    if e.temporal_signed is None:
        return [e.temporal]
    return [(e.temporal + e.temporal_signed) / 2, (e.temporal_signed - e.temporal) / 2]


def _prediction_text(e: Explanation) -> str:
    label, score = e.predictions(1)[0]
    score_text = format_score(score, e.problem_type)
    if not score_text:
        return escape_plotly_text(e.target_name)
    target = "" if label == e.target_name else f", explained: {escape_plotly_text(e.target_name)}"
    return f"{escape_plotly_text(label)} {score_text}{target}"


def _title_html(heading: str, source: str) -> str:
    # Not Plotly's own subtitle: in a notebook it lands above the title.
    return f"{heading}<br><span style='font-size:13px;color:{MUTED_COLOR}'>{source}</span>"


def _bar_trace(e: Explanation, heights: np.ndarray, color: str, name: str | None = None) -> go.Bar:
    import plotly.graph_objects as go

    starts, ends = e.spans.T
    frame_lists = [", ".join(map(str, frames)) for frames in e.sampled_frames.tolist()]
    return go.Bar(
        x=(starts + ends) / 2,
        width=ends - starts,
        y=heights,
        name=name,
        customdata=list(zip(range(1, len(starts) + 1), starts, ends, frame_lists, np.abs(heights), strict=True)),
        hovertemplate=f"<b>%{{customdata[4]:.1%}}</b> {name or ''}<br>"
        "slice %{customdata[0]}: %{customdata[1]:.2f} – %{customdata[2]:.2f} s<br>"
        "frames sampled: %{customdata[3]}<extra></extra>",
        marker={"color": color, "line": {"color": "white", "width": 1}},
        # `link` selects the bar at the time that the player shows.
        selected={"marker": {"color": HIGHLIGHT_COLOR if color == BAR_COLOR else "#7d3208"}},
        unselected={"marker": {"opacity": 1}},
    )


def _layout_options(e: Explanation) -> dict[str, Any]:
    heading = f"Attribution over time: {escape_plotly_text(e.method)}, class {escape_plotly_text(e.target_name)}"
    source = " · ".join(escape_plotly_text(name) for name in (e.clip_name, e.model_id) if name)
    return {
        "template": plotly_template(),
        "title": {"text": _title_html(heading, source + ground_truth_html(e))},
        "xaxis": {"title": {"text": "seconds"}, "range": [float(e.spans[0, 0]), float(e.spans[-1, 1])]},
        "yaxis": {"title": {"text": _share_title(e)}, "tickformat": "~%"},
        "height": 340,
        "hovermode": "x",
    }
