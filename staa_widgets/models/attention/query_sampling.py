"""Which queries stand for all, where reading the attention of every token to every other would cost too much.

Nothing is drawn: positions are systematic (Madow 1949), each layer begins elsewhere, and the same clip always gives the
same. Every sample is two half samples that know nothing of each other; half of what they differ by is the standard
error of their mean.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

EXACT_TOKENS = 512
"""Tokens up to which all queries are read."""

SAMPLE_SIZE = 64
"""Queries of a layer that are read beyond that, both halves together."""

_GOLDEN = (5**0.5 - 1) / 2


def count_tokens(geometry: Geometry) -> int:
    """Count the tokens that attend to each other."""
    return geometry.prefix + geometry.slices * geometry.height * geometry.width


def samples_queries(geometry: Geometry, needs: Needs) -> bool:
    """Say whether some queries stand for all."""
    return not needs.exact and count_tokens(geometry) > EXACT_TOKENS


def token_path(geometry: Geometry) -> Tensor:
    """Order tokens so that neighbours on the way are neighbours in the clip: int64 ``(N,)``.

    First what stands before the patches, then slice by slice, each along a Z-order curve.
    """
    row, column = np.mgrid[: geometry.height, : geometry.width]
    curve = sum(((row >> b & 1) << 2 * b + 1) + ((column >> b & 1) << 2 * b) for b in range(16))
    number = np.arange(count_tokens(geometry) - geometry.prefix, dtype=np.float64)
    patches = geometry.to_grid(number).reshape(geometry.slices, -1).astype(np.int64)
    ordered = patches[:, np.argsort(np.ravel(curve))] + geometry.prefix
    return torch.from_numpy(np.concatenate([np.arange(geometry.prefix), ordered.ravel()]))


def layer_offset(layer: int) -> float:
    """Where a layer begins: multiples of the golden ratio lie evenly between 0 and 1."""
    return (0.5 + layer * _GOLDEN) % 1


def sample_evenly(geometry: Geometry, count: int, start: float) -> Tensor:
    """Choose patches evenly over space and time, the same number in every slice.

    Parameters
    ----------
    geometry
        ``S`` slices of ``P`` patches.
    count
        How many; raised until it divides evenly over the slices, in pairs.
    start
        From 0 to below 1. Over all starts each patch is chosen equally often.

    Returns
    -------
    Tensor
        int64 ``(m,)``, tokens; every other one is a half sample of its own.
    """
    patches = token_path(geometry)[geometry.prefix :].reshape(geometry.slices, -1)
    size = patches.shape[1]
    each = min(2 * -(-count // (2 * geometry.slices)), size)
    # Each slice begins elsewhere, so that no column of patches is looked at throughout.
    begin = (start + _GOLDEN * torch.arange(geometry.slices, dtype=torch.float64)[:, None]) % 1
    places = ((torch.arange(each) + begin) * size / each).long()
    # And each half looks at other patches in every other slice, or it would see the same part of the picture always.
    places[1::2] = places[1::2].roll(1, 1)
    return patches.gather(1, places).ravel()


def sample_by_weight(weights: Tensor, count: int, start: float) -> tuple[Tensor, Tensor]:
    """Choose in proportion to weights, and always what weighs more than its share of the choice.

    Parameters
    ----------
    weights
        Non-negative ``(…, N)``; those of neighbours should stand together.
    count
        How many are chosen, ``m``, at most ``N``.
    start
        From 0 to below 1. Over all starts ``Σ factor · x[index]`` is the sum of ``x`` over all that has weight.

    Returns
    -------
    index, factor
        int64 and float32 ``(…, m)``: what was chosen, and how many it stands for; 0 where nothing was left to choose.
    """
    # In double precision, which not every accelerator has: there are few numbers.
    place, weights = weights.device, weights.cpu().double()
    count = min(count, weights.shape[-1])
    certain = torch.zeros_like(weights, dtype=torch.bool)
    chance = torch.zeros_like(weights)
    for _ in range(count + 1):
        rest = weights.masked_fill(certain, 0)
        left = (count - certain.sum(-1, keepdim=True)).clamp_min(0)
        chance = (rest * (left / rest.sum(-1, keepdim=True).clamp_min(1e-300))).masked_fill(certain, 1)
        more = chance > 1 - 1e-9
        if bool((more == certain).all()):
            break
        certain = more
    reached = chance.cumsum(-1)
    steps = torch.arange(count) + start
    index = torch.searchsorted(reached, steps.expand(*weights.shape[:-1], -1).contiguous(), right=True)
    found = index < weights.shape[-1]
    index = index.clamp_max(weights.shape[-1] - 1)
    factor = torch.where(found, 1 / chance.gather(-1, index).clamp_min(1e-300), 0)
    return index.to(place), factor.float().to(place)
