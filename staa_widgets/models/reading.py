"""What is computed from queries, keys and values on the way; pure functions on tensors, float32 whatever comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from staa_widgets.record import AttentionType, Geometry, Needs, Record

_CHUNK = 256
"""Queries whose attention is held at once, where that of all would be too large."""


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


def mean_row(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Mean over the queries of their attention to keys: float32 ``(n, H, k)``, without keeping ``q × k``."""
    total = sum(probabilities(query[:, :, part], key, scale).sum(2) for part in _chunks(query.shape[2]))
    return torch.as_tensor(total) / query.shape[2]


def carried(rows: Tensor, query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Carry row vectors ``(n, r, N)`` through head-mean attention, ``rows @ mean_h A_h``, without keeping ``N × N``."""
    out = torch.zeros_like(rows)
    for part in _chunks(rows.shape[-1]):
        out += rows[..., part] @ probabilities(query[:, :, part], key, scale).mean(1)
    return out


def relevant(query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Attention times its gradient, the positive part, head mean: float32 ``(n, q, k)``.

    ``dy/da[q, k] = <dy/dout[q], v_k>``, so that attention itself need not be part of the graph. `slope` is ``dy/dout``,
    ``(n, H, q, d)``.
    """
    change = slope.float() @ value.float().transpose(-1, -2)
    return (probabilities(query, key, scale) * change).relu().mean(1)


def carried_relevance(row: Tensor, query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Carry a row vector ``(n, q)`` through `relevant`: ``(n, k)``, without keeping ``q × k``."""
    out = torch.zeros(len(row), key.shape[2], device=row.device)
    for part in _chunks(row.shape[-1]):
        out += (row[:, None, part] @ relevant(query[:, :, part], key, value, slope[:, :, part], scale))[:, 0]
    return out


def chosen(logits: Tensor, targets: Tensor) -> Tensor:
    """One where a clip's target is, zero elsewhere: what to walk back from ``(B, K)``."""
    return torch.zeros_like(logits).scatter(1, targets[:, None], 1)


def make_records(
    geometry: Geometry,
    attention_type: AttentionType,
    needs: Needs,
    logits: Tensor,
    targets: Sequence[int | None],
    arrays: Callable[[Tensor, Tensor], Mapping[str, Tensor]],
) -> list[Record]:
    """Make one record a clip.

    `logits` as the model gave them, ``(B, K)``, or ``(B·T, K)`` where each frame is a sequence; `arrays` is called with
    the logits of the clips and their targets and gives arrays of a record with the clips in front.
    """
    logits = logits.reshape(len(targets), -1, logits.shape[-1]).mean(1)
    guess = logits.argmax(-1).tolist()
    wanted = [guess[i] if target is None else target for i, target in enumerate(targets)]
    # The graph of the pass is walked, none is added to it: one through views written in place would never be freed.
    with torch.no_grad():
        found = arrays(logits, torch.tensor(wanted, device=logits.device))
    held = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in found.items()}
    return [
        Record(
            geometry=geometry,
            attention_type=attention_type,
            logits=logits[i].detach().float().cpu().numpy(),
            target=wanted[i] if needs.target else -1,
            **{name: array[i] for name, array in held.items()},
        )
        for i in range(len(targets))
    ]


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, count, _CHUNK))
