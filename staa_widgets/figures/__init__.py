"""Plotly figures of explanations: the time chart, and the attention of every layer and head.

`draw_figure` draws a figure by its name. Plotly is imported when a figure is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.figures.heads import attention_heads
from staa_widgets.figures.temporal import comparison_bars, temporal_bars

__all__ = ["attention_heads", "comparison_bars", "draw_figure", "temporal_bars"]

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.comparison import Comparison
    from staa_widgets.explanation.explanation import Explanation

_FIGURES = {"time": temporal_bars, "heads": attention_heads}
_COMPARISON_FIGURES = {"time": comparison_bars}


def draw_figure(explanation: Explanation | Comparison, kind: str = "time", **options: Any) -> go.Figure:
    """Draw a figure of an explanation or a comparison by its name.

    Raises
    ------
    ParameterError
        If there is no figure of this name, or the figure cannot be drawn for a comparison.
    """
    figures: dict[str, Any] = _COMPARISON_FIGURES if isinstance(explanation, Mapping) else _FIGURES
    if kind not in figures:
        subject = "a comparison" if isinstance(explanation, Mapping) else "an explanation"
        raise ParameterError(
            f"There is no figure {kind!r} of {subject}.",
            suggest_name(kind, figures, f"Choose from {', '.join(figures)}."),
        )
    return figures[kind](explanation, **options)
