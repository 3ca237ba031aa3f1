"""Warnings about an explanation: its class, its completeness, and clips that the model was not trained to see."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from staa_widgets.errors import IncompleteAttributionWarning, OutOfDomainWarning
from staa_widgets.explanation.notices import describe_completeness, describe_film, describe_recipe
from staa_widgets.records.target import target_name

if TYPE_CHECKING:
    from staa_widgets.engine.request import ExplainRequest
    from staa_widgets.explanation.explanation import Explanation


def warn_if_class_ignored(request: ExplainRequest, explanation: Explanation, stacklevel: int) -> None:
    """Warn if a class was requested but the method does not depend on the class."""
    if request.target in (None, explanation.target) or request.class_specific:
        return
    labels = explanation.labels
    requested = target_name(request.target, labels)
    warnings.warn(
        f"Method {explanation.method!r} does not depend on the class: it explained the predicted class, "
        f"{labels[explanation.target]!r}, not {requested!r}. For that, use a class-specific "
        "method, such as 'staa_logit'.",
        stacklevel=stacklevel,
    )


def warn_if_incomplete(explanation: Explanation, stacklevel: int) -> bool:
    """Warn if the attributions are not complete, as for integrated gradients with too few steps; return whether so."""
    notice = describe_completeness(explanation)
    if notice is not None:
        warnings.warn(str(notice), IncompleteAttributionWarning, stacklevel=stacklevel)
    return notice is not None


def warn_if_off_recipe(explanation: Explanation, stacklevel: int) -> bool:
    """Warn if the model saw its frames much farther apart, or much closer, than in training; return whether it did."""
    notice = describe_recipe(explanation)
    if notice is not None:
        warnings.warn(str(notice), stacklevel=stacklevel)
    return notice is not None


def warn_if_film(explanation: Explanation, stacklevel: int) -> bool:
    """Warn if a model that knows drawn actions only was given a film or another clip; return whether it was.

    The warning names the clip, because Python shows a warning with the same text only once.
    """
    notice = describe_film(explanation)
    if notice is not None:
        warnings.warn(f"{explanation.clip_name or 'A clip'}: {notice}", OutOfDomainWarning, stacklevel=stacklevel)
    return notice is not None
