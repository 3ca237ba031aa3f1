"""What the logits of a model mean: exclusive classes, independent labels, or values."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.utils.text import quote_value

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]
"""As ``problem_type`` of a configuration of transformers: exclusive classes, independent labels, or values."""


def check_problem_type(problem_type: object) -> ProblemType:
    """Return the problem type, or raise `ParameterError` if there is no such type."""
    for known in get_args(ProblemType):
        if problem_type == known:
            return known
    raise ParameterError(
        f"There is no problem type {quote_value(problem_type)}.", f"Choose from {', '.join(get_args(ProblemType))}."
    )


def class_probabilities(
    logits: NDArray[np.floating], problem_type: ProblemType = "single_label_classification"
) -> NDArray[np.float64]:
    """Return the probabilities, float64 ``(…, K)``, of logits ``(…, K)``.

    Parameters
    ----------
    logits
        ``(…, K)``.
    problem_type
        Exclusive classes: softmax, or sigmoid of a single logit. Independent labels: sigmoid of each. A regression has
        no probabilities: all are NaN.
    """
    if problem_type == "regression":
        return np.full(np.shape(logits), np.nan)
    if problem_type == "multi_label_classification" or logits.shape[-1] == 1:
        # By tanh, which does not overflow.
        return (1 + np.tanh(np.asarray(logits, np.float64) / 2)) / 2
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True), dtype=np.float64)
    return powers / powers.sum(axis=-1, keepdims=True)


def guess_probability(problem_type: ProblemType, classes: int) -> float:
    """Return the probability of a class before anything is seen: one half for an independent label, else ``1/K``."""
    return 0.5 if problem_type == "multi_label_classification" else 1 / classes


def format_score(score: float, problem_type: ProblemType, digits: int = 0) -> str:
    """Return the text of a prediction: a probability in percent with `digits` decimals, or a regression's value.

    The text of NaN is empty, because the prediction is not known.
    """
    if np.isnan(score):
        return ""
    return f"{score:.4g}" if problem_type == "regression" else f"{score:.{digits}%}"
