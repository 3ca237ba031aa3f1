"""Heads of classifiers: how many logits they give, and what the logits mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.attention.linear import linear_layers
from staa_widgets.records.problem import ProblemType, check_problem_type


class SplitHead(nn.Module):
    """A head with two logits, made from a head with one logit by `split_logit`.

    Parameters
    ----------
    head
        Head with one logit: from ``(n, D)`` to ``(n, 1)``.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, readout: Tensor) -> Tensor:
        """Return logits ``(n, 2)``."""
        return split_logit(self.head(readout))


def split_logit(logit: Tensor) -> Tensor:
    """Return the logits ``(…, 2)`` of two exclusive classes from the single logit ``(…, 1)`` of the second class.

    They are ``-z / 2`` and ``z / 2``, so that the second class has the probability ``sigmoid(z)``.
    """
    return torch.cat([-logit / 2, logit / 2], -1)


def head_width(head: nn.Module) -> int | None:
    """Return the number of logits of a head; ``None`` if it has no linear layer."""
    layers: tuple[Any, ...] = linear_layers(head)
    return int(layers[-1].out_features) if layers else None


def check_head(head: nn.Module, labels: int) -> None:
    """Raise `ModelLoadError` if a head does not have one logit for each label.

    A head with one logit also fits two labels.
    """
    width = head_width(head)
    if width not in (None, labels) and (width, labels) != (1, 2):
        raise ModelLoadError(
            f"The head of the model has {width} logits, but id2label names {labels} classes.",
            f"Set the labels of the {width} classes: module.config.id2label = {{0: '…', …}}.",
        )


def check_problem(problem_type: object, labels: int) -> ProblemType:
    """Return what the logits mean; by default exclusive classes, or the value of a regression for a single label.

    Raises
    ------
    ParameterError
        If there is no such problem type.
    """
    if problem_type is None or (problem_type == "single_label_classification" and labels == 1):
        return "regression" if labels == 1 else "single_label_classification"
    return check_problem_type(problem_type)
