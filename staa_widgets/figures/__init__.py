"""Figures in Plotly. Plotly is loaded when a figure is made, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, nearest
from staa_widgets.figures.heads import heads
from staa_widgets.figures.temporal import compared_bars, temporal_bars
from staa_widgets.render.theme import BAR, INK, LINE, MARKED, QUIET, WARM, plain_text, template

__all__ = [
    "BAR",
    "INK",
    "LINE",
    "MARKED",
    "QUIET",
    "WARM",
    "compared_bars",
    "drawn",
    "heads",
    "plain_text",
    "template",
    "temporal_bars",
]

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.explanation import Explanation

_KINDS = {"time": temporal_bars, "heads": heads}


def drawn(explanation: Explanation, kind: str, **options: Any) -> go.Figure:
    """Draw a figure by its name; raises `ParameterError` where there is no such figure."""
    if kind not in _KINDS:
        raise ParameterError(
            f"There is no figure {kind!r}.", nearest(kind, _KINDS, f"Choose from {', '.join(_KINDS)}.")
        )
    return _KINDS[kind](explanation, **options)
