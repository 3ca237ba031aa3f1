"""What is computed from queries, keys and values on the way; pure functions on tensors, float32 whatever comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import AttentionType, Needs, Record

_CPU_CHUNK = 3 << 20
"""Probabilities held at once on a CPU, few enough to stay near its cores."""

_ACCELERATOR_CHUNK = 1 << 27
"""The same elsewhere."""


def probabilities(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Attention of queries ``(…, q, d)`` to keys ``(…, k, d)``: float32 ``(…, q, k)``, each row sums to 1."""
    return (query.float() @ key.float().transpose(-2, -1) * scale).softmax(-1)


def split_by_head(weight: Tensor, heads: int) -> Tensor:
    """Split an output projection ``(D, H·d)`` into what it does to each head: float32 ``(H, D, d)``."""
    return weight.float().unflatten(1, (heads, -1)).transpose(0, 1)


def projected_value_norms(value: Tensor, weight: Tensor) -> Tensor:
    """Norm of each head's projected value: value ``(n, H, N, d)``, weight ``(D, H·d)`` give float32 ``(n, H, N)``.

    Through the ``d × d`` Gram matrix of each head, so that nothing of the size ``N × D`` a head is made.
    """
    projection = split_by_head(weight, value.shape[1])
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


def value_contributions(direction: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """How far each head's projected value goes along a direction.

    `direction` ``(n, D)``, `value` ``(n, H, N, d)``, `weight` ``(D, H·d)`` give float32 ``(n, H, N)``.
    """
    onto = torch.einsum("nD,hDd->nhd", direction, split_by_head(weight, value.shape[1]))
    return torch.einsum("nhd,nhkd->nhk", onto, value.float())


def mean_row(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Mean over the queries of their attention to keys: float32 ``(n, H, k)``, without keeping ``q × k``."""
    total = torch.zeros(*key.shape[:3], device=key.device)
    for clips, _, attention in attention_chunks(query, key, scale):
        total[clips] += attention.sum(2)
    return total / query.shape[2]


def mean_row_and_error(query: Tensor, key: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Mean over sampled queries of their attention to keys, and its standard error as a share of the whole.

    Every other query is a half sample: float32 ``(n, H, k)`` and ``(n,)``.
    """
    halves = [mean_row(query[:, :, half::2], key, scale) for half in range(2)]
    error = (halves[0] - halves[1]).mean(1).abs().sum(-1) / 2
    return (halves[0] + halves[1]) / 2, error


def mean_row_and_head_mean(query: Tensor, key: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Give `mean_row` and `head_mean` of all queries, in one go."""
    total = torch.zeros(*key.shape[:3], device=key.device)
    mean = torch.empty(len(query), query.shape[2], key.shape[2], device=key.device)
    for clips, part, attention in attention_chunks(query, key, scale):
        total[clips] += attention.sum(2)
        torch.mean(attention, 1, out=mean[clips, part])
    return total / query.shape[2], mean


def head_mean(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Mean over heads of attention: float32 ``(n, q, k)``."""
    mean = torch.empty(len(query), query.shape[2], key.shape[2], device=key.device)
    for clips, part, attention in attention_chunks(query, key, scale):
        torch.mean(attention, 1, out=mean[clips, part])
    return mean


def attend_and_summarize(
    query: Tensor, key: Tensor, value: Tensor, scale: float, mean_dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute attention once for its output, its first row and its head mean.

    Returns
    -------
    output, row, mean
        ``(n, q, H, d)`` of the value's dtype, float32 ``(n, H, k)``, and ``(n, q, k)``.
    """
    count, heads, asking, width = query.shape
    output = value.new_empty(count, asking, heads, width)
    row = torch.empty(*key.shape[:3], device=key.device)
    mean = torch.empty(count, asking, key.shape[2], device=key.device, dtype=mean_dtype)
    for clips, part, attention in attention_chunks(query, key, scale):
        output[clips, part] = (attention.to(value.dtype) @ value[clips]).transpose(1, 2)
        mean[clips, part] = attention.mean(1)
        if part.start == 0:
            row[clips] = attention[:, :, 0]
    return output, row, mean


def carry_rows(rows: Tensor, query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Carry row vectors ``(n, r, N)`` through head-mean attention, ``rows @ mean_h A_h``, without keeping ``N × N``."""
    out = torch.zeros_like(rows)
    for clips, part, attention in attention_chunks(query, key, scale):
        out[clips] += rows[clips, :, part] @ attention.mean(1)
    return out


def relevance_matrix(query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Attention times its gradient, the positive part, head mean: float32 ``(n, q, k)``.

    ``dy/da[q, k] = <dy/dout[q], v_k>``, so that attention itself need not be part of the graph. `slope` is ``dy/dout``,
    ``(n, H, q, d)``.
    """
    change = slope.float() @ value.float().transpose(-1, -2)
    return (probabilities(query, key, scale) * change).relu().mean(1)


def carry_relevance(row: Tensor, query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Carry a row vector ``(n, q)`` through `relevance_matrix`: ``(n, k)``, without keeping ``q × k``."""
    out = torch.zeros(len(row), key.shape[2], device=row.device)
    for clips, part in _chunk_slices(query, key):
        taken = query[clips, :, part], key[clips], value[clips], slope[clips, :, part]
        out[clips] += (row[clips, None, part] @ relevance_matrix(*taken, scale))[:, 0]
    return out


def target_one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    """One where a clip's target is, zero elsewhere: what to walk back from ``(B, K)``."""
    return torch.zeros_like(logits).scatter(1, targets[:, None], 1)


def make_records(
    geometry: Geometry,
    attention_type: AttentionType,
    needs: Needs,
    logits: Tensor,
    targets: Sequence[int | None],
    arrays: Callable[[Tensor, Tensor], Mapping[str, Tensor]],
    errors: Mapping[str, Tensor] = MappingProxyType({}),
) -> list[Record]:
    """Make one record a clip.

    `logits` as the model gave them, ``(B, K)``, or ``(B·T, K)`` where each frame is a sequence; `arrays` is called with
    the logits of the clips and their targets and gives arrays of a record with the clips in front; `errors` ``(B,)``,
    filled by then, are those of `Record`.
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
            logits=logits[i].detach().float().cpu().numpy().copy(),
            target=wanted[i] if needs.class_specific else None,
            sampling_errors={name: float(error[i]) for name, error in errors.items()},
            **{name: array[i].copy() for name, array in held.items()},
        )
        for i in range(len(targets))
    ]


def attention_chunks(query: Tensor, key: Tensor, scale: float) -> Iterator[tuple[slice, slice, Tensor]]:
    """Give attention piece by piece: which clips, which queries, and float32 probabilities ``(c, H, q, k)``.

    Without gradients. Each piece lies where the one before it lay, so that it is to be used up before the next.
    """
    key = key.float().transpose(-2, -1)
    parts = list(_chunk_slices(query, key.transpose(-2, -1)))
    room: Tensor | None = None
    for clips, part in parts:
        # Scaled before it is multiplied: there are fewer queries than scores.
        asking = query[clips, :, part].float() * scale
        shape = torch.Size((*asking.shape[:-1], key.shape[-1]))
        # Taken once: fresh memory costs as much as filling it. The first piece is the largest.
        room = asking.new_empty(shape.numel()) if room is None else room
        scores = torch.matmul(asking, key[clips], out=room[: shape.numel()].view(shape))
        # On a CPU each row is read whole before it is written.
        yield clips, part, torch.softmax(scores, -1, out=scores if scores.device.type == "cpu" else None)


def _chunk_slices(query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice]]:
    """Divide clips and queries so that the attention of a part is small enough."""
    allowed = _CPU_CHUNK if query.device.type == "cpu" else _ACCELERATOR_CHUNK
    row = query.shape[1] * key.shape[2]
    # One clip at a time, unless they are tiny: taking several together copies their queries and keys.
    together = max(allowed // 24 // (row * query.shape[2]), 1)
    step = max(allowed // (row * together), 1)
    for first in range(0, len(query), together):
        for start in range(0, query.shape[2], step):
            yield slice(first, first + together), slice(start, start + step)
