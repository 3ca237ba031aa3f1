"""What is computed from queries, keys and values on the way; pure functions on tensors, float32 whatever comes in."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def probabilities(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Attention of queries ``(…, q, d)`` to keys ``(…, k, d)``: float32 ``(…, q, k)``, each row sums to 1."""
    return (query.float() @ key.float().transpose(-2, -1) * scale).softmax(-1)


def by_head(weight: Tensor, heads: int) -> Tensor:
    """Split an output projection ``(D, H·d)`` into what it does to each head: float32 ``(H, D, d)``."""
    return weight.float().unflatten(1, (heads, -1)).transpose(0, 1)


def moved_norms(value: Tensor, weight: Tensor) -> Tensor:
    """Norm of each head's projected value: value ``(n, H, N, d)``, weight ``(D, H·d)`` give float32 ``(n, H, N)``.

    Through the ``d × d`` Gram matrix of each head, so that nothing of the size ``N × D`` a head is made.
    """
    projection = by_head(weight, value.shape[1])
    gram = projection.transpose(1, 2) @ projection
    value = value.float()
    return ((value @ gram) * value).sum(-1).clamp_min(0).sqrt()


def class_direction(norm: nn.LayerNorm, classifier: nn.Module, readout: Tensor, targets: Tensor) -> Tensor:
    """Direction in which a readout ``(n, D)`` raises its target's logit over the mean logit: float32 ``(n, D)``.

    The last LayerNorm is linear once its scale is held: ``d = γ (w_c - mean_k w_k) / std``, less its mean over
    channels, because the norm takes the mean of its input away. A lone logit is taken as it is.
    """
    weight = classifier.get_parameter("weight").float()
    std = (readout.float().var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
    common = weight.mean(0) if len(weight) > 1 else 0
    direction = norm.weight.float() * (weight[targets] - common) / std
    return direction - direction.mean(-1, keepdim=True)


def pulled_back(direction: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """How far each head's projected value goes along a direction.

    `direction` ``(n, D)``, `value` ``(n, H, N, d)``, `weight` ``(D, H·d)`` give float32 ``(n, H, N)``.
    """
    onto = torch.einsum("nD,hDd->nhd", direction, by_head(weight, value.shape[1]))
    return torch.einsum("nhd,nhkd->nhk", onto, value.float())


def carried(row: Tensor, query: Tensor, key: Tensor, scale: float, chunk: int = 256) -> Tensor:
    """Carry a row vector ``(n, N)`` through head-mean attention, ``row @ mean_h A_h``, without keeping ``N × N``."""
    out = torch.zeros_like(row)
    for start in range(0, row.shape[-1], chunk):
        part = slice(start, start + chunk)
        attention = probabilities(query[:, :, part], key, scale).mean(1)
        out += (row[:, None, part] @ attention)[:, 0]
    return out
