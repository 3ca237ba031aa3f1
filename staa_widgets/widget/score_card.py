"""The score card of an explanation with ground truth, and costs in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import MethodError, ParameterError
from staa_widgets.methods import METHODS, get_method
from staa_widgets.methods.registry import Cost
from staa_widgets.records.geometry import Geometry
from staa_widgets.utils.canonical import canonical_json, to_json_value

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

SCORES: Mapping[str, str] = {
    "pointing": "pointing",
    "mass": "mass",
    "average_precision": "average precision",
    "temporal_auc": "temporal AUC",
}
"""Metrics on the card, and their headings."""

_STEPS = ("decode", "transform", "forward", "method")


def score_card(explanation: Explanation) -> dict[str, Any] | None:
    """Return the scores of an explanation against its ground truth.

    Parameters
    ----------
    explanation
        With ground truth; without one there is nothing to score, and an exploratory map is not scored.

    Returns
    -------
    dict or None
        JSON values: `key`, equal for equal questions; `method`; `about`, the class it speaks of if it speaks of one,
        and the parameters that are not the defaults; `model`; `cost` in words; `seconds` that it took, ``None`` where
        the model's pass was taken from the cache; `scores` by name, each with its `value`, ``None`` where the truth
        leaves none, and `chance`, what a map without any preference scores.
    """
    e = explanation
    method = METHODS.get(e.method)
    if e.ground_truth is None or (method is not None and method.exploratory):
        return None
    from staa_widgets.evaluation.ground_truth import explanation_ground_truth
    from staa_widgets.evaluation.metrics.localization import score_ground_truth

    truth = explanation_ground_truth(e)
    assert truth is not None
    scores, chance = score_ground_truth(e.maps, truth), score_ground_truth(np.ones_like(e.maps), truth)
    about = [e.labels[e.target]] if is_class_specific(e) else []
    return {
        "key": canonical_json([e.model_id, e.method, e.params, about]),
        "method": e.method,
        "about": ", ".join([*about, *_changed_parameters(e)]),
        "model": e.model_id,
        "cost": format_cost(explanation_cost(e)),
        "seconds": _compute_seconds(e),
        "scores": [
            {"name": SCORES[name], "value": _finite_or_none(scores[name]), "chance": _finite_or_none(chance[name])}
            for name in SCORES
        ],
    }


def is_class_specific(explanation: Explanation) -> bool:
    """Tell whether an explanation's maps depend on the class they are about."""
    try:
        return get_method(explanation.method).depends_on_class(explanation.params)
    except (MethodError, ParameterError):
        # Made by a method that is not registered here: all that is left to go by is what it is about.
        return explanation.target != int(explanation.logits.argmax())


def explanation_cost(explanation: Explanation, method: str | None = None) -> Cost | None:
    """Return the cost of a method on the clip of an explanation: as it was run, or another with its defaults.

    Returns
    -------
    Cost or None
        Passes over all windows; ``None`` for a method that is not registered here.
    """
    e = explanation
    windows = _provenance_entry(e, "sampling").get("frames") or [e.sampled_frames.ravel().tolist()]
    _, height, width = e.maps.shape
    # What a method costs is decided by how many cells there are, not by how they are laid out.
    geometry = Geometry(len(windows[0]), e.sampled_frames.shape[1], height, width, "time_major", 0, (0, 0))
    try:
        asked = get_method(method or e.method)
        return Cost(*(len(windows) * passes for passes in asked.cost(geometry, e.params if method is None else {})))
    except (MethodError, ParameterError):
        return None


def format_cost(cost: Cost | None) -> str:
    """Return a cost in words, such as ``"20 forwards + 20 backwards"``; empty where it is unknown."""
    if cost is None:
        return ""
    counted = {"forward": cost.forwards, "backward": cost.backwards}
    return " + ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counted.items() if count)


def _provenance_entry(e: Explanation, name: str) -> Mapping[str, Any]:
    found = e.provenance.get(name)
    return found if isinstance(found, Mapping) else {}


def _changed_parameters(e: Explanation) -> list[str]:
    try:
        # As JSON has it, where tuples are lists.
        usual = to_json_value(get_method(e.method).defaults)
    except MethodError:
        usual = {}
    return [f"{name}={value}" for name, value in e.params.items() if name not in usual or usual[name] != value]


def _compute_seconds(e: Explanation) -> float | None:
    taken = _provenance_entry(e, "seconds")
    passes = explanation_cost(e)
    if "forward" not in taken and (passes is None or sum(passes) <= 1):
        return None
    return round(sum(taken.get(step, 0.0) for step in _STEPS), 3)


def _finite_or_none(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
