"""Truth, metrics and the figures that compare explanations."""

from __future__ import annotations

from staa_widgets.evaluation.metric import METRICS, Case, Metric, get_metric
from staa_widgets.evaluation.metrics import complexity, sanity
from staa_widgets.evaluation.metrics import faithfulness as agreement
from staa_widgets.evaluation.metrics import insertion_deletion as causal
from staa_widgets.evaluation.metrics.localization import GroundTruthGrid, ground_truth_on_grid

__all__ = [
    "METRICS",
    "Case",
    "GroundTruthGrid",
    "Metric",
    "agreement",
    "causal",
    "complexity",
    "get_metric",
    "ground_truth_on_grid",
    "sanity",
]
