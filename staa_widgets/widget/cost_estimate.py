"""Estimate how long a method takes on this machine, from the seconds that an explanation took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from staa_widgets.engine.time_profile import STILL_CLIPS
from staa_widgets.widget.score_card import explanation_cost

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.methods.registry import Cost

BACKWARD_SECONDS = 2.0
"""Seconds of a backward pass, in times of those of a forward pass: it computes gradients of inputs and of weights."""


_measured: dict[str, set[float]] = {}
"""Seconds of a forward pass by model, as measured for the explanations that were shown."""


def seconds_of_pass(explanation: Explanation) -> float | None:
    """Return the seconds of a forward pass of an explanation's model; ``None`` if they are not known well.

    The first pass of a process takes up to a hundred times as long as later ones, so one measurement is not enough:
    the estimate is the least of two or more, or the mean of the passes of a method that runs the model again.
    """
    provenance, cost = explanation.provenance, explanation_cost(explanation)
    seconds, sampling = provenance.get("seconds"), provenance.get("sampling")
    if cost is None or not isinstance(seconds, Mapping) or not isinstance(sampling, Mapping):
        return None
    windows = len(sampling.get("frames", ())) or 1
    measured = _measured.setdefault(explanation.model_id, set())
    # Later profiles may be made of passes that are in memory, and take no time.
    passes_by_step = {"forward": windows} if measured else {"forward": windows, "profile": STILL_CLIPS}
    for step, passes in passes_by_step.items():
        if isinstance(seconds.get(step), float) and seconds[step] > 0:
            measured.add(seconds[step] / passes)
    again = _weigh(cost) - windows
    if again > 0 and isinstance(seconds.get("method"), float):
        return seconds["method"] / again
    return min(measured) if len(measured) > 1 else None


def estimate_seconds(explanation: Explanation, method: str) -> float | None:
    """Return about how long a method would take on the clip of an explanation; ``None`` if that is unknown."""
    cost, per_pass = explanation_cost(explanation, method), seconds_of_pass(explanation)
    return None if cost is None or per_pass is None else round(_weigh(cost) * per_pass, 3)


def _weigh(cost: Cost) -> float:
    """Return the number of forward passes that take as long as these passes."""
    return cost.forwards + BACKWARD_SECONDS * cost.backwards
