"""Figures in Plotly. Plotly is loaded when a figure is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.figures.heads import attention_heads
from staa_widgets.figures.temporal import comparison_bars, temporal_bars
from staa_widgets.render.theme import (
    BAR_COLOR,
    GRID_COLOR,
    HIGHLIGHT_COLOR,
    MUTED_COLOR,
    POSITIVE_COLOR,
    TEXT_COLOR,
    escape_plotly_text,
    plotly_template,
)

__all__ = [
    "BAR_COLOR",
    "GRID_COLOR",
    "HIGHLIGHT_COLOR",
    "MUTED_COLOR",
    "POSITIVE_COLOR",
    "TEXT_COLOR",
    "attention_heads",
    "comparison_bars",
    "draw_figure",
    "escape_plotly_text",
    "plotly_template",
    "temporal_bars",
]

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.explanation import Explanation

_FIGURES = {"time": temporal_bars, "heads": attention_heads}


def draw_figure(explanation: Explanation, kind: str, **options: Any) -> go.Figure:
    """Draw a figure by its name; raises `ParameterError` where there is no such figure."""
    if kind not in _FIGURES:
        raise ParameterError(
            f"There is no figure {kind!r}.", suggest_name(kind, _FIGURES, f"Choose from {', '.join(_FIGURES)}.")
        )
    return _FIGURES[kind](explanation, **options)
