"""Sample queries, for clips with so many tokens that reading the attention of every query would take too long.

Nothing is random: sampling is systematic (Madow 1949), each layer starts at a different offset, and the same clip
always gives the same result. Every sample consists of two independent half samples; half the difference of their
results is the standard error of the mean result.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

EXACT_TOKENS = 512
"""Number of tokens up to which all queries are read."""

SAMPLE_SIZE = 64
"""Number of queries that are read per layer if there are more tokens: both half samples together."""

_GOLDEN = (5**0.5 - 1) / 2


def count_tokens(geometry: Geometry) -> int:
    """Count the tokens that attend to each other."""
    return geometry.prefix + geometry.slices * geometry.height * geometry.width


def has_few_tokens(geometry: Geometry) -> bool:
    """Return whether there are few enough tokens that all queries are always read."""
    return count_tokens(geometry) <= EXACT_TOKENS


def samples_queries(geometry: Geometry, needs: Needs) -> bool:
    """Return whether attention is estimated from sampled queries."""
    return not needs.exact and not has_few_tokens(geometry)


def token_path(geometry: Geometry) -> Tensor:
    """Return the tokens in an order in which neighbors lie near each other in the clip: int64 ``(N,)``.

    First come the prefix tokens, then the patches slice by slice, within a slice along a Z-order curve.
    """
    row, column = np.mgrid[: geometry.height, : geometry.width]
    curve = sum(((row >> b & 1) << 2 * b + 1) + ((column >> b & 1) << 2 * b) for b in range(16))
    number = np.arange(count_tokens(geometry) - geometry.prefix, dtype=np.float64)
    patches = geometry.to_grid(number).reshape(geometry.slices, -1).astype(np.int64)
    ordered = patches[:, np.argsort(np.ravel(curve))] + geometry.prefix
    return torch.from_numpy(np.concatenate([np.arange(geometry.prefix), ordered.ravel()]))


def layer_offset(layer: int) -> float:
    """Return a layer's offset. Offsets are multiples of the golden ratio, so that they spread evenly over 0 to 1."""
    return (0.5 + layer * _GOLDEN) % 1


def sample_evenly(geometry: Geometry, count: int, start: float) -> Tensor:
    """Sample patches evenly over space and time, the same number in every slice.

    Parameters
    ----------
    geometry
        ``S`` slices of ``P`` patches.
    count
        Sample size; rounded up to a multiple of twice the number of slices.
    start
        Offset from 0 to below 1. Averaged over all offsets, each patch is sampled equally often.

    Returns
    -------
    Tensor
        int64 ``(m,)``, token indices; the indices at even and at odd positions are the two half samples.
    """
    patches = token_path(geometry)[geometry.prefix :].reshape(geometry.slices, -1)
    size = patches.shape[1]
    per_slice = min(2 * -(-count // (2 * geometry.slices)), size)
    # Each slice starts at a different offset, so that no place in the frame is sampled in every slice.
    offsets = (start + _GOLDEN * torch.arange(geometry.slices, dtype=torch.float64)[:, None]) % 1
    positions = ((torch.arange(per_slice) + offsets) * size / per_slice).long()
    # The second half sample is shifted by one slice; otherwise it would take the same part of every slice.
    positions[1::2] = positions[1::2].roll(1, 1)
    return patches.gather(1, positions).ravel()


def sample_by_weight(weights: Tensor, count: int, start: float) -> tuple[Tensor, Tensor]:
    """Sample indices in proportion to their weights; indices with more than ``1/m`` of the weight are always sampled.

    Parameters
    ----------
    weights
        Non-negative ``(…, N)``, in an order in which neighbors in the clip are adjacent, see `token_path`.
    count
        Sample size ``m``, at most ``N``.
    start
        Offset from 0 to below 1. Averaged over all offsets, ``Σ factor · x[index]`` equals the sum of ``x`` over the
        indices with positive weight.

    Returns
    -------
    index, factor
        int64 and float32 ``(…, m)``: the sampled indices, and the number of indices that each of them stands for, 0 if
        no index with positive weight remained.
    """
    # Computed on the CPU, because not every accelerator has double precision, and there are few numbers.
    device, weights = weights.device, weights.cpu().double()
    count = min(count, weights.shape[-1])
    certain = torch.zeros_like(weights, dtype=torch.bool)
    probability = torch.zeros_like(weights)
    for _ in range(count + 1):
        remaining_weights = weights.masked_fill(certain, 0)
        remaining_count = (count - certain.sum(-1, keepdim=True)).clamp_min(0)
        per_weight = remaining_count / remaining_weights.sum(-1, keepdim=True).clamp_min(1e-300)
        probability = (remaining_weights * per_weight).masked_fill(certain, 1)
        saturated = probability > 1 - 1e-9
        if bool((saturated == certain).all()):
            break
        certain = saturated
    cumulative = probability.cumsum(-1)
    steps = torch.arange(count) + start
    index = torch.searchsorted(cumulative, steps.expand(*weights.shape[:-1], -1).contiguous(), right=True)
    is_valid = index < weights.shape[-1]
    index = index.clamp_max(weights.shape[-1] - 1)
    factor = torch.where(is_valid, 1 / probability.gather(-1, index).clamp_min(1e-300), 0)
    return index.to(device), factor.float().to(device)
