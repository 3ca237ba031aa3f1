"""Figures in Plotly. Plotly is loaded when a figure is made, not before."""

from __future__ import annotations

from staa_widgets.figures.bars import compared_bars, temporal_bars
from staa_widgets.figures.heads import heads
from staa_widgets.figures.looks import BAR, INK, LINE, MARKED, QUIET, WARM, plain_text, template

__all__ = [
    "BAR",
    "INK",
    "LINE",
    "MARKED",
    "QUIET",
    "WARM",
    "compared_bars",
    "heads",
    "plain_text",
    "template",
    "temporal_bars",
]
