"""Figures in Plotly. Plotly is loaded when a figure is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation import Explanation

INK, QUIET, LINE = "#1b1d21", "#5c6370", "#e4e7ec"
BAR, MARKED, WARM = "#7ea6ea", "#1d5fd1", "#c2571a"


def temporal_bars(explanation: Explanation) -> go.Figure:
    """Draw when the model looked: a bar for every slice, as wide as the seconds it stands for.

    Of maps with negative values the part of each slice's share that speaks for the class goes up, and what speaks
    against it down; both together are the share. A dashed line shows what every slice would have if all had the same.

    Parameters
    ----------
    explanation
        What to draw.

    Returns
    -------
    Figure
        Wrap it in ``go.FigureWidget`` to `staa_widgets.link` it to a player.
    """
    import plotly.graph_objects as go

    e = explanation
    figure = go.Figure(layout=_layout(e))
    if e.temporal_signed is None:
        figure.add_trace(_bars(e, e.temporal, BAR))
        figure.add_hline(
            y=1 / len(e.temporal),
            line={"dash": "dash", "width": 1.5, "color": QUIET},
            annotation={"text": "even", "font": {"size": 13, "color": QUIET}, "yshift": -1},
            annotation_position="top right",
        )
    else:
        figure.add_trace(_bars(e, (e.temporal + e.temporal_signed) / 2, WARM, "for the class"))
        figure.add_trace(_bars(e, (e.temporal_signed - e.temporal) / 2, BAR, "against it"))
        figure.update_layout(barmode="overlay", showlegend=True)
    return figure


def plain_text(text: str, longest: int = 60) -> str:
    """Write a string of a user's so that Plotly shows it letter by letter.

    Plotly takes ``<b>``, ``<a href=…>`` and ``&amp;`` for markup and, on pages with MathJax, ``$…$`` for a formula.

    Parameters
    ----------
    text
        Any string.
    longest
        Letters beyond which it is cut.
    """
    shown = " ".join(text.split())
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    for letter in "&<>$":
        shown = shown.replace(letter, f"&#{ord(letter)};")
    return shown


def _bars(e: Explanation, heights: np.ndarray, colour: str, name: str | None = None) -> go.Bar:
    import plotly.graph_objects as go

    starts, ends = e.spans.T
    seen = [", ".join(map(str, frames)) for frames in e.sampled.tolist()]
    return go.Bar(
        x=(starts + ends) / 2,
        width=ends - starts,
        y=heights,
        name=name,
        customdata=list(zip(range(1, len(seen) + 1), starts, ends, seen, np.abs(heights), strict=True)),
        hovertemplate=f"<b>%{{customdata[4]:.1%}}</b> {name or ''}<br>"
        "slice %{customdata[0]}: %{customdata[1]:.2f} – %{customdata[2]:.2f} s<br>"
        "frames seen: %{customdata[3]}<extra></extra>",
        marker={"color": colour, "line": {"color": "white", "width": 1}},
        # How `link` marks the bar on show.
        selected={"marker": {"color": MARKED if colour == BAR else "#7d3208"}},
        unselected={"marker": {"opacity": 1}},
    )


def _layout(e: Explanation) -> dict[str, Any]:
    about = f"When: {plain_text(e.method)}, class {plain_text(e.labels[e.target])}"
    source = " · ".join(plain_text(name) for name in (e.clip_name, e.model_id) if name)
    # Not Plotly's own subtitle: in a notebook it lands above the title.
    title = f"{about}<br><span style='font-size:13px;color:{QUIET}'>{source}</span>"
    return {
        "template": template(),
        "title": {"text": title},
        "xaxis": {"title": {"text": "seconds"}, "range": [float(e.spans[0, 0]), float(e.spans[-1, 1])]},
        "yaxis": {"title": {"text": "share of the attribution"}, "tickformat": "~%"},
        "height": 340,
        "hovermode": "x",
    }


def template() -> go.layout.Template:
    """Return the looks of every figure here: large letters, dark on white, few lines."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": LINE,
        "linecolor": QUIET,
        "zerolinecolor": QUIET,
        "ticks": "outside",
        "tickcolor": QUIET,
        "title": {"font": {"size": 14}, "standoff": 10},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 14, "color": INK},
            "title": {"x": 0, "xref": "container", "pad": {"l": 16}, "font": {"size": 18}},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "xaxis": {**axis, "showgrid": False, "showline": True},
            "yaxis": {**axis, "nticks": 5},
            # Room at the right: a notebook's scroll bar covers what was measured before it came.
            "margin": {"l": 16, "r": 36, "t": 76, "b": 16},
            "bargap": 0,
            "hoverlabel": {"font": {"size": 14, "color": INK}, "bgcolor": "white", "bordercolor": QUIET},
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        }
    )
