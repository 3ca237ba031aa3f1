"""Pure functions on queries, keys and values, in chunks that fit memory, in float32 for inputs of any dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from staa_widgets.models.attention.linear import logit_gradient, norm_gain
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import AttentionType, Needs, Record
from staa_widgets.records.target import Target, target_slopes

_CPU_CHUNK = 3 << 20
"""Number of attention probabilities per chunk on a CPU: few enough to stay in its cache."""

_ACCELERATOR_CHUNK = 1 << 27
"""Number of attention probabilities per chunk on an accelerator."""


def attention_probabilities(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Compute attention of queries ``(…, q, d)`` to keys ``(…, k, d)``: float32 ``(…, q, k)``, rows sum to 1."""
    return (query.float() @ key.float().transpose(-2, -1) * scale).softmax(-1)


def split_by_head(weight: Tensor, heads: int) -> Tensor:
    """Split an output projection ``(D, H·d)`` into the projections of the heads: float32 ``(H, D, d)``."""
    return weight.float().unflatten(1, (heads, -1)).transpose(0, 1)


def projected_value_norms(value: Tensor, weight: Tensor) -> Tensor:
    """Compute the norm of each head's value at each token, after the output projection.

    `value` ``(n, H, N, d)`` and `weight` ``(D, H·d)`` give float32 ``(n, H, N)``.

    The norms are computed from the ``d × d`` Gram matrix of each head, without a tensor of size ``N × D`` per head.
    """
    projection = split_by_head(weight, value.shape[1])
    gram = projection.transpose(1, 2) @ projection
    value = value.float()
    return ((value @ gram) * value).sum(-1).clamp_min(0).sqrt()


def class_direction(
    norm: Any, classifier: nn.Module, readout: Tensor, slopes: Tensor, gain: Tensor | None = None
) -> Tensor:
    """Compute the direction in which a readout raises the target's logit above the mean logit: float32 ``(n, D)``.

    The last LayerNorm is linear if its scale is held fixed: ``d = γ (w_c - mean_k w_k) / std``, less its mean over
    channels, because the norm subtracts the mean of its input. With a single logit nothing is subtracted. `slopes`
    ``(n, K)`` are the derivatives of the target by the logits; for the difference of two classes the direction is ``γ
    (w_a - w_b) / std``. Where the head is not one linear layer, its gradient at the readout takes the place of ``w_c -
    mean_k w_k``. `gain` is ``γ``, if that is not the norm's weight. A norm that is the identity changes nothing.
    """
    gradient = logit_gradient(classifier, norm(readout), slopes)
    if isinstance(norm, nn.Identity):
        return gradient
    weight, eps = norm_gain(norm)
    std = (readout.float().var(-1, correction=0, keepdim=True) + eps).sqrt()
    direction = (weight if gain is None else gain).float() * gradient / std
    return direction - direction.mean(-1, keepdim=True)


def value_contributions(direction: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """Compute how far each head's value at each token, after the output projection, points along `direction`.

    `direction` ``(n, D)``, `value` ``(n, H, N, d)``, `weight` ``(D, H·d)`` give float32 ``(n, H, N)``.
    """
    head_directions = torch.einsum("nD,hDd->nhd", direction, split_by_head(weight, value.shape[1]))
    return torch.einsum("nhd,nhkd->nhk", head_directions, value.float())


def mean_row(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Average attention to keys over the queries: float32 ``(n, H, k)``, without storing ``q × k``."""
    total = torch.zeros(*key.shape[:3], device=key.device)
    for clips, _, attention in attention_chunks(query, key, scale):
        total[clips] += attention.sum(2)
    return total / query.shape[2]


def mean_row_and_error(query: Tensor, key: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Average attention to keys over sampled queries, and estimate its standard error as a share of the total.

    Queries at even and at odd positions are two half samples. Returns float32 ``(n, H, k)`` and ``(n,)``.
    """
    halves = [mean_row(query[:, :, half::2], key, scale) for half in range(2)]
    error = (halves[0] - halves[1]).mean(1).abs().sum(-1) / 2
    return (halves[0] + halves[1]) / 2, error


def mean_row_and_head_mean(query: Tensor, key: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Compute both `mean_row` and `head_mean` of all queries while computing attention only once."""
    total = torch.zeros(*key.shape[:3], device=key.device)
    mean = torch.empty(len(query), query.shape[2], key.shape[2], device=key.device)
    for clips, queries, attention in attention_chunks(query, key, scale):
        total[clips] += attention.sum(2)
        torch.mean(attention, 1, out=mean[clips, queries])
    return total / query.shape[2], mean


def head_mean(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Average attention over heads: float32 ``(n, q, k)``."""
    mean = torch.empty(len(query), query.shape[2], key.shape[2], device=key.device)
    for clips, queries, attention in attention_chunks(query, key, scale):
        torch.mean(attention, 1, out=mean[clips, queries])
    return mean


def attend_and_summarize(
    query: Tensor, key: Tensor, value: Tensor, scale: float, mean_dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute attention once, and return the output of attention, its first row and its mean over heads.

    Returns
    -------
    output, row, mean
        ``(n, q, H, d)`` of the value's dtype, float32 ``(n, H, k)``, and ``(n, q, k)``.
    """
    count, heads, query_count, width = query.shape
    output = value.new_empty(count, query_count, heads, width)
    row = torch.empty(*key.shape[:3], device=key.device)
    mean = torch.empty(count, query_count, key.shape[2], device=key.device, dtype=mean_dtype)
    for clips, queries, attention in attention_chunks(query, key, scale):
        output[clips, queries] = (attention.to(value.dtype) @ value[clips]).transpose(1, 2)
        mean[clips, queries] = attention.mean(1)
        if queries.start == 0:
            row[clips] = attention[:, :, 0]
    return output, row, mean


def carry_rows(rows: Tensor, query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Multiply row vectors ``(n, r, N)`` by head-mean attention, ``rows @ mean_h A_h``, without storing ``N × N``."""
    out = torch.zeros_like(rows)
    for clips, queries, attention in attention_chunks(query, key, scale):
        out[clips] += rows[clips, :, queries] @ attention.mean(1)
    return out


def relevance_matrix(query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Compute the positive part of attention times its gradient, head mean: float32 ``(n, q, k)``.

    By ``dy/da[q, k] = <dy/dout[q], v_k>``, so that attention need not be part of the autograd graph. `slope` is
    ``dy/dout``, ``(n, H, q, d)``.
    """
    change = slope.float() @ value.float().transpose(-1, -2)
    return (attention_probabilities(query, key, scale) * change).relu().mean(1)


def carry_relevance(row: Tensor, query: Tensor, key: Tensor, value: Tensor, slope: Tensor, scale: float) -> Tensor:
    """Multiply a row vector ``(n, q)`` by `relevance_matrix`: ``(n, k)``, without storing ``q × k``."""
    out = torch.zeros(len(row), key.shape[2], device=row.device)
    for clips, queries in _chunk_slices(query, key):
        chunk = query[clips, :, queries], key[clips], value[clips], slope[clips, :, queries]
        out[clips] += (row[clips, None, queries] @ relevance_matrix(*chunk, scale))[:, 0]
    return out


def stack_slopes(logits: Tensor, targets: Sequence[Target]) -> Tensor:
    """Return the derivatives of each clip's target by its logits, ``(B, K)``: one-hot for a class."""
    values = logits.detach().float().cpu().numpy()
    slopes = [target_slopes(values[i : i + 1], target) for i, target in enumerate(targets)]
    return torch.from_numpy(np.concatenate(slopes)).to(logits.device, logits.dtype)


def select_rows(needs: Needs, rows: Tensor, cls_share: Tensor, heads: Tensor | None = None) -> dict[str, Tensor]:
    """Return the arrays of a record that hold the readout's attention, as far as they are needed.

    Parameters
    ----------
    needs
        Quantities to record.
    rows, cls_share
        Attention from the readout to each patch, ``(B, L, H, S, P)``, and to CLS, ``(B, L, H, S)``.
    heads
        `rows` over space and time, if they are attention within frames.
    """
    arrays = {"rows": rows, "cls": cls_share} if needs.rows else {}
    if needs.mean_rows:
        arrays["mean_rows"] = rows.mean(2)
    if needs.heads:
        arrays["heads"] = (rows if heads is None else heads).half()
    return arrays


def make_records(
    geometry: Geometry,
    attention_type: AttentionType,
    needs: Needs,
    logits: Tensor,
    targets: Sequence[Target | None],
    make_arrays: Callable[[Tensor, Tensor], Mapping[str, Tensor]],
    errors: Mapping[str, Tensor] = MappingProxyType({}),
) -> list[Record]:
    """Make one record per clip.

    `logits` are the model's output: ``(B, K)``, or ``(B·T, K)`` if each frame is a sequence. `make_arrays` is called
    with the logits of the clips and the derivatives of their targets by the logits, and returns the arrays of the
    records; the first axis of every array is the clips. `errors` maps the name of an array to one sampling error per
    clip, ``(B,)``; `make_arrays` may fill it. The errors are stored in the records.
    """
    logits = logits.reshape(len(targets), -1, logits.shape[-1]).mean(1)
    predicted = logits.argmax(-1).tolist()
    all_targets = [predicted[i] if target is None else target for i, target in enumerate(targets)]
    slopes = stack_slopes(logits, all_targets) if needs.class_specific else torch.zeros_like(logits)
    # Gradients are computed through the graph of the pass, but nothing may be added to the graph: a graph through views
    # that are written in place would never be freed.
    with torch.no_grad():
        tensors = make_arrays(logits, slopes)
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    return [
        Record(
            geometry=geometry,
            attention_type=attention_type,
            logits=logits[i].detach().float().cpu().numpy().copy(),
            target=all_targets[i] if needs.class_specific else None,
            sampling_errors={name: float(error[i]) for name, error in errors.items()},
            **{name: array[i].copy() for name, array in arrays.items()},
        )
        for i in range(len(targets))
    ]


def attention_chunks(query: Tensor, key: Tensor, scale: float) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield attention chunk by chunk: slice of clips, slice of queries, and float32 probabilities ``(c, H, q, k)``.

    No gradients are recorded. Each chunk overwrites the chunk before it, so use a chunk before taking the next.
    """
    key = key.float().transpose(-2, -1)
    memory: Tensor | None = None
    for clips, queries in list(_chunk_slices(query, key.transpose(-2, -1))):
        # Scale the queries, not the scores, because there are fewer queries.
        scaled = query[clips, :, queries].float() * scale
        shape = torch.Size((*scaled.shape[:-1], key.shape[-1]))
        # Allocate only once, for the first chunk, which is the largest: to get fresh memory takes as long as to fill
        # it.
        memory = scaled.new_empty(shape.numel()) if memory is None else memory
        scores = torch.matmul(scaled, key[clips], out=memory[: shape.numel()].view(shape))
        # Writing in place is safe on a CPU, because softmax there reads a whole row before it writes the row.
        yield clips, queries, torch.softmax(scores, -1, out=scores if scores.device.type == "cpu" else None)


def _chunk_slices(query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice]]:
    """Yield slices of clips and of queries whose attention fits a chunk."""
    size = _CPU_CHUNK if query.device.type == "cpu" else _ACCELERATOR_CHUNK
    row = query.shape[1] * key.shape[2]
    # Several clips in one chunk means copying their queries and keys, so only tiny clips share a chunk.
    clips_per_chunk = max(size // 24 // (row * query.shape[2]), 1)
    step = max(size // (row * clips_per_chunk), 1)
    for first in range(0, len(query), clips_per_chunk):
        for start in range(0, query.shape[2], step):
            yield slice(first, first + clips_per_chunk), slice(start, start + step)
