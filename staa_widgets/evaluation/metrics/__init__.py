"""All metrics: importing this package registers those of every module."""

from __future__ import annotations

from staa_widgets.evaluation.metric import METRICS, get_metric
from staa_widgets.evaluation.metrics import complexity, faithfulness, insertion_deletion, localization, sanity

__all__ = [
    "METRICS",
    "complexity",
    "faithfulness",
    "get_metric",
    "insertion_deletion",
    "localization",
    "sanity",
]
