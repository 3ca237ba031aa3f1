"""Metrics: one function each, from a `Case` to a number; importing this package registers all of them.

Begin with `complexity`, the shortest module. To add a metric, write a module and import it below.
`staa_widgets.evaluation.metric` defines the metadata of a metric.
"""

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
