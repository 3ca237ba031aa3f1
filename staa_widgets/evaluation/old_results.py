"""Replace old names in result files of format 1 by current names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staa_widgets.records.old_names import rename_method, rename_parameters

METRICS = {"weight_randomisation": "weight_randomization"}
CATEGORIES = {"truth": "ground_truth", "causal": "insertion_deletion", "agreement": "faithfulness"}
NEEDS = {"truth": "ground_truth"}
PARAMETERS = {"of": "output"}
PLAN = {"dear_clips": "expensive_clips"}


def update_format_1(
    tables: Mapping[str, tuple[Any, ...]], settings: Mapping[str, Any]
) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """Return the tables and settings of a file of format 1 with current names.

    A label that the user chose is kept; a label that is the old name of its method or metric becomes the current name.
    """
    methods, metrics = settings.get("methods", {}), settings.get("metrics", {})
    method_labels = {label: _new_label(label, facts, rename_method) for label, facts in methods.items()}
    metric_labels = {label: _new_label(label, facts, rename_metric) for label, facts in metrics.items()}
    updated = {**settings}
    if methods:
        updated["methods"] = {method_labels[label]: _update_method(facts) for label, facts in methods.items()}
    if metrics:
        updated["metrics"] = {metric_labels[label]: _update_metric(facts) for label, facts in metrics.items()}
    if "benchmark" in settings:
        updated["benchmark"] = _update_benchmark(settings["benchmark"])
    rows = {
        name: tuple(_relabel(_relabel(row, "method", method_labels), "metric", metric_labels) for row in table)
        for name, table in tables.items()
    }
    return rows, updated


def rename_metric(name: str) -> str:
    """Return the current name of a metric; a name that was never changed is returned as it is."""
    return METRICS.get(name, name)


def _new_label(label: str, facts: Mapping[str, Any], rename: Any) -> str:
    return rename(label) if facts.get("name", label) == label else label


def _relabel(row: Any, field: str, labels: Mapping[str, str]) -> Any:
    if field not in row._fields:
        return row
    label = getattr(row, field)
    return row._replace(**{field: labels.get(label, label)})


def _update_method(facts: Mapping[str, Any]) -> dict[str, Any]:
    name = facts.get("name")
    if name is None:
        return dict(facts)
    params = {key: rename_parameters(name, facts[key]) for key in ("params", "changed") if key in facts}
    return {**facts, "name": rename_method(name), **params}


def _update_metric(facts: Mapping[str, Any]) -> dict[str, Any]:
    updated = dict(facts)
    for key, names in (("name", METRICS), ("category", CATEGORIES), ("needs", NEEDS)):
        if key in facts:
            updated[key] = names.get(facts[key], facts[key])
    for key in ("params", "changed"):
        if key in facts:
            updated[key] = {PARAMETERS.get(name, name): value for name, value in facts[key].items()}
    return updated


def _update_benchmark(facts: Mapping[str, Any]) -> dict[str, Any]:
    updated = dict(facts)
    if "plan" in facts:
        updated["plan"] = {PLAN.get(name, name): value for name, value in facts["plan"].items()}
    if "left_out" in facts:
        updated["left_out"] = {rename_method(name): passes for name, passes in facts["left_out"].items()}
    return updated
