"""Colors and Plotly template of every figure, and a function to escape text in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.utils.text import drop_direction_controls

if TYPE_CHECKING:
    import plotly.graph_objects as go

TEXT_COLOR, MUTED_COLOR, GRID_COLOR = "#1b1d21", "#5c6370", "#e4e7ec"
GROUND_TRUTH_COLOR = "#0c7a55"
BAR_COLOR, HIGHLIGHT_COLOR, POSITIVE_COLOR = "#7ea6ea", "#1d5fd1", "#c2571a"


def escape_plotly_text(text: str, longest: int = 60) -> str:
    """Return text escaped for Plotly, so that the text is shown literally.

    Plotly takes ``<b>``, ``<a href=…>`` and ``&amp;`` for markup and, on pages with MathJax, ``$…$`` for a formula.

    Parameters
    ----------
    text
        Any string.
    longest
        Largest number of characters; longer text is cut.
    """
    line = " ".join(drop_direction_controls(text).split())
    if len(line) > longest:
        line = f"{line[: longest - 1]}…"
    for letter in "&<>$":
        line = line.replace(letter, f"&#{ord(letter)};")
    return line


def plotly_template() -> go.layout.Template:
    """Return the template of every figure: large dark letters on white, and few lines."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID_COLOR,
        "linecolor": MUTED_COLOR,
        "zerolinecolor": MUTED_COLOR,
        "ticks": "outside",
        "tickcolor": MUTED_COLOR,
        "title": {"font": {"size": 14}, "standoff": 10},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 14, "color": TEXT_COLOR},
            "title": {"x": 0, "xref": "container", "pad": {"l": 16}, "font": {"size": 18}},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "xaxis": {**axis, "showgrid": False, "showline": True},
            "yaxis": {**axis, "nticks": 5},
            # Room at the right: a notebook's scroll bar may appear after the figure is measured and cover its edge.
            "margin": {"l": 16, "r": 36, "t": 76, "b": 16},
            "bargap": 0,
            "hoverlabel": {"font": {"size": 14, "color": TEXT_COLOR}, "bgcolor": "white", "bordercolor": MUTED_COLOR},
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        }
    )
