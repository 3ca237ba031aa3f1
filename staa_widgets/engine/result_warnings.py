"""Warnings about an explanation: its class, its completeness, and frames that the model was not trained to see."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from staa_widgets.errors import IncompleteAttributionWarning

if TYPE_CHECKING:
    from staa_widgets.engine.request import ExplainRequest
    from staa_widgets.explanation.explanation import Explanation

MAX_COMPLETENESS_GAP = 0.05
"""Completeness gap above which `explain` warns."""


def warn_if_class_ignored(request: ExplainRequest, explanation: Explanation, stacklevel: int) -> None:
    """Warn if a class was requested but the method does not depend on the class."""
    if request.target in (None, explanation.target):
        return
    labels = explanation.labels
    warnings.warn(
        f"Method {explanation.method!r} does not depend on the class: it explained the predicted class, "
        f"{labels[explanation.target]!r}, not {labels[request.target]!r}. For that, use a class-specific "
        "method, such as 'staa_logit'.",
        stacklevel=stacklevel,
    )


def warn_if_incomplete(explanation: Explanation, stacklevel: int) -> bool:
    """Warn if the attributions are not complete, as for integrated gradients with too few steps; return whether so."""
    gap, steps = explanation.provenance.get("completeness_gap"), explanation.params.get("steps")
    if gap is None or gap <= MAX_COMPLETENESS_GAP:
        return False
    hint = "" if steps is None else f" Raise steps, for example steps={2 * steps}."
    warnings.warn(
        f"The attributions of method {explanation.method!r} do not add up: their sum differs by {gap:.0%} from the "
        f"difference in the logit between clip and baseline.{hint}",
        IncompleteAttributionWarning,
        stacklevel=stacklevel,
    )
    return True


def warn_if_off_recipe(explanation: Explanation, stacklevel: int) -> bool:
    """Warn if the model saw its frames much farther apart, or much closer, than in training; return whether it did."""
    sampling = explanation.provenance["sampling"]
    if "off_recipe" not in sampling:
        return False
    ratio, known = sampling["off_recipe"], sampling["trained_seconds"] is not None
    if known:
        change = f"{ratio:.3g} times farther apart" if ratio > 1 else f"{1 / ratio:.3g} times closer together"
        text = f"The model saw frames {change} than in training: {sampling['recipe']}."
    else:
        text = f"The model saw few frames of a long clip: {sampling['recipe']}."
    if known and ratio < 1:
        hint = "The clip, or window=, is much shorter than what the model was trained with."
    elif known:
        hint = "Give window='recipe', or a shorter window= in seconds."
    else:
        hint = "Give window= in seconds."
    if sampling["assumed_rate"]:
        hint = f"Give the frames' times: open_clip(frames, fps=…). {hint}"
    warnings.warn(f"{text} {hint}", stacklevel=stacklevel)
    return True
