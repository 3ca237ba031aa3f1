"""Score card of an explanation with ground truth, and the costs of methods in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import MethodError, ParameterError
from staa_widgets.methods import METHODS, controls, get_method
from staa_widgets.methods.registry import Cost, method_title
from staa_widgets.records.geometry import Geometry
from staa_widgets.utils.canonical import canonical_json, to_json_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

SCORES: Mapping[str, str] = {
    "pointing": "pointing",
    "mass": "mass",
    "mass_equal_entropy": "mass at equal entropy",
    "average_precision": "average precision",
    "temporal_auc": "temporal AUC",
}
"""Headings of the metrics in the score table, by name."""

DEFINITIONS: Mapping[str, str] = {
    "pointing": "1 if the strongest cell of the clip lies on the action, else 0.",
    "mass": "Share of the attribution that lies on the action.",
    "mass_equal_entropy": "Share of the attribution on the action, after all maps were made equally concentrated, so "
    "that a sharper map has no advantage.",
    "average_precision": "How well the map ranks cells on the action above the others; 1 is a perfect ranking.",
    "temporal_auc": "Probability that a slice with the action has a larger share than one without; 0.5 is guessing.",
}
"""Definitions of these metrics for readers."""

PRIORS: tuple[Callable[[tuple[int, int, int]], NDArray[np.float32]], ...] = (
    controls.center,
    controls.bell,
    controls.center_bell,
    controls.slot_frequency,
)
"""Controls that do not depend on the clip; a method that does not beat these controls says nothing about the clip."""

_STEPS = ("decode", "transform", "forward", "method")


def score_card(explanation: Explanation) -> dict[str, Any] | None:
    """Return the scores of an explanation against its ground truth.

    Parameters
    ----------
    explanation
        Explanation to score. Without ground truth, and for an exploratory method, there is no card.

    Returns
    -------
    dict or None
        JSON values: `key`, equal for the same model, method, parameters and class; `method` and its `title`;
        `about`, the class (if the maps depend on the class) and the parameters that differ from the defaults;
        `model`; `cost` in words; `seconds` of computation, ``None`` if the model's pass came from the cache; `scores`
        by name, each with its `value`, ``None`` if the value is undefined for this ground truth; `chance`, the score of
        a uniform map; and `prior`, the best score of a control that does not depend on the clip (`PRIORS`).
    """
    e = explanation
    method = METHODS.get(e.method)
    if e.ground_truth is None or (method is not None and method.exploratory):
        return None
    from staa_widgets.evaluation.metrics.localization import score_ground_truth
    from staa_widgets.explanation.ground_truth import explanation_ground_truth

    truth = explanation_ground_truth(e)
    assert truth is not None
    scores, chance = score_ground_truth(e.maps, truth), score_ground_truth(np.ones_like(e.maps), truth)
    priors = [score_ground_truth(prior(e.maps.shape), truth) for prior in PRIORS]
    class_labels = [e.target_name] if is_class_specific(e) else []
    return {
        "key": canonical_json([e.model_id, e.method, e.params, class_labels]),
        "method": e.method,
        "title": method_title(e.method),
        "about": ", ".join([*class_labels, *_changed_parameters(e)]),
        "model": e.model_id,
        "cost": format_cost(explanation_cost(e)),
        "seconds": _compute_seconds(e),
        "scores": [
            {
                "name": SCORES[name],
                "definition": DEFINITIONS[name],
                "value": _finite_or_none(scores[name]),
                "chance": _finite_or_none(chance[name]),
                "prior": _finite_or_none(max(prior[name] for prior in priors)),
            }
            for name in SCORES
        ],
    }


def is_class_specific(explanation: Explanation) -> bool:
    """Return whether an explanation's maps depend on its target class."""
    try:
        return get_method(explanation.method).depends_on_class(explanation.params)
    except (MethodError, ParameterError):
        # The method is not registered in this process; if the target is not the predicted class, the maps depend on the
        # class.
        return explanation.target != int(explanation.logits.argmax())


def explanation_cost(explanation: Explanation, method: str | None = None) -> Cost | None:
    """Return the cost of an explanation as it was computed, or of another method with defaults on the same clip.

    Returns
    -------
    Cost or None
        Passes for all windows; ``None`` for a method that is not registered in this process.
    """
    e = explanation
    windows = _provenance_entry(e, "sampling").get("frames") or [e.sampled_frames.ravel().tolist()]
    _, height, width = e.maps.shape
    # The cost depends on the number of cells only, so the layout of tokens does not matter.
    geometry = Geometry(len(windows[0]), e.sampled_frames.shape[1], height, width, "time_major", 0, (0, 0))
    try:
        priced_method = get_method(method or e.method)
        return Cost(
            *(len(windows) * passes for passes in priced_method.cost(geometry, e.params if method is None else {}))
        )
    except (MethodError, ParameterError):
        return None


def format_cost(cost: Cost | None) -> str:
    """Return a cost in words, such as ``"20 forward + 20 backward passes"``; empty if it is unknown."""
    if cost is None:
        return ""
    passes = {"forward": cost.forwards, "backward": cost.backwards}
    counts = " + ".join(f"{count} {name}" for name, count in passes.items() if count)
    return f"{counts} {'pass' if sum(cost) == 1 else 'passes'}"


def _provenance_entry(e: Explanation, name: str) -> Mapping[str, Any]:
    entry = e.provenance.get(name)
    return entry if isinstance(entry, Mapping) else {}


def _changed_parameters(e: Explanation) -> list[str]:
    try:
        # Compared as JSON values, because the explanation's tuples may have become lists.
        defaults = to_json_value(get_method(e.method).defaults)
    except MethodError:
        defaults = {}
    return [f"{name}={value}" for name, value in e.params.items() if name not in defaults or defaults[name] != value]


def _compute_seconds(e: Explanation) -> float | None:
    seconds = _provenance_entry(e, "seconds")
    passes = explanation_cost(e)
    if "forward" not in seconds and (passes is None or sum(passes) <= 1):
        return None
    return round(sum(seconds.get(step, 0.0) for step in _STEPS), 3)


def _finite_or_none(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
