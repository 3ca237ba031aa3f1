"""Truth, metrics and the figures that compare explanations."""

from __future__ import annotations

from staa_widgets.evaluate import agreement, causal, complexity, sanity
from staa_widgets.evaluate.metric import METRICS, Case, Metric, get_metric
from staa_widgets.evaluate.truth import Truth, truth_on_grid

__all__ = [
    "METRICS",
    "Case",
    "Metric",
    "Truth",
    "agreement",
    "causal",
    "complexity",
    "get_metric",
    "sanity",
    "truth_on_grid",
]
