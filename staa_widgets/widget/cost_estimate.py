"""Estimate how long a method takes on this machine, from the seconds that an explanation took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from staa_widgets.widget.score_card import explanation_cost

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.methods.registry import Cost

BACKWARD_SECONDS = 2.0
"""Seconds of a backward pass, in times of those of a forward pass: it computes gradients of inputs and of weights."""


def seconds_of_pass(explanation: Explanation) -> float | None:
    """Return the seconds of a forward pass when an explanation was computed; ``None`` if none was measured."""
    provenance, cost = explanation.provenance, explanation_cost(explanation)
    seconds, sampling = provenance.get("seconds"), provenance.get("sampling")
    if cost is None or not isinstance(seconds, Mapping) or not isinstance(sampling, Mapping):
        return None
    windows = len(sampling.get("frames", ())) or 1
    # A method that runs the model again has run it often enough for a good estimate.
    again = _weigh(cost) - windows
    total, passes = (seconds.get("method"), again) if again > 0 else (seconds.get("forward"), windows)
    return total / passes if isinstance(total, float) and total > 0 else None


def estimate_seconds(explanation: Explanation, method: str) -> float | None:
    """Return about how long a method would take on the clip of an explanation; ``None`` if that is unknown."""
    cost, per_pass = explanation_cost(explanation, method), seconds_of_pass(explanation)
    return None if cost is None or per_pass is None else round(_weigh(cost) * per_pass, 3)


def _weigh(cost: Cost) -> float:
    """Return the number of forward passes that take as long as these passes."""
    return cost.forwards + BACKWARD_SECONDS * cost.backwards
