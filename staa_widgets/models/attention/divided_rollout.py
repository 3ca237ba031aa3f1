"""Rollout through attention within frames and over time, on the device of the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from staa_widgets.models.attention.rollout import add_step


def roll_out_divided(
    spatial: Sequence[Tensor], temporal: Sequence[Tensor] | None, reads: Tensor, *, one_readout: bool
) -> Tensor:
    """Carry CLS, and token weights of each layer, through attention within frames and over time, to the input.

    A layer is attention over time, then within frames; rollout goes the other way.

    Parameters
    ----------
    spatial
        Head-mean attention within frames of each layer, first to last, ``(B, T, 1 + P, 1 + P)``.
    temporal
        Head-mean attention over time, ``(B, P, T, T)`` for each layer; ``None`` to leave time out.
    reads
        ``(B, K, L, T, P)``: weights that `K` further rollouts add to their flow in each layer. They pass patches only.
    one_readout
        Whether all frames share one CLS, so that the flow to its copies is divided evenly among the frames.

    Returns
    -------
    Tensor
        float32 ``(B, 1 + K, n, T, P)``, the coefficients of the rollout of CLS and of `reads`, see
        `staa_widgets.records.rollout`. There are ``n = 2 L + 1``, without time ``L + 1``.
    """
    batch, count, layers, frames, patches = reads.shape
    terms = torch.zeros(batch, 1 + count, 1, frames, 1 + patches, device=reads.device)
    terms[:, 0, ..., 0] = 1 / frames
    for depth in reversed(range(layers)):
        terms = add_step(terms, _carry_within_frames(terms, spatial[depth]), 2)
        if one_readout:
            terms[..., 0] = terms[..., 0].mean(3, keepdim=True)
        terms[:, 1:, ..., 0] = 0
        terms[:, 1:, ..., 1:] += reads[:, :, depth, None]
        if temporal is not None:
            terms = add_step(terms, _carry_over_time(terms, temporal[depth]), 2)
    return terms[..., 1:]


def route_over_time(rows: Tensor, temporal: Tensor) -> Tensor:
    """Carry rows ``(…, T, P)`` over time by attention ``(…, P, T, T)``: ``Σ_t rows[t, p] · temporal[p, t, u]``."""
    return torch.einsum("...tp,...ptu->...up", rows, temporal)


def _carry_within_frames(terms: Tensor, attention: Tensor) -> Tensor:
    """Carry ``(B, K, n, T, Q)`` through ``(B, T, Q, Q)``."""
    by_frame = terms.flatten(1, 2).transpose(1, 2)
    return (by_frame @ attention.float()).transpose(1, 2).unflatten(1, terms.shape[1:3])


def _carry_over_time(terms: Tensor, attention: Tensor) -> Tensor:
    """Carry the patches of ``(B, K, n, T, 1 + P)`` through ``(B, P, T, T)``; CLS stays where it is."""
    by_patch = terms[..., 1:].permute(0, 4, 1, 2, 3).flatten(2, 3)
    carried = (by_patch @ attention).unflatten(2, terms.shape[1:3]).permute(0, 2, 3, 4, 1)
    return torch.cat([terms[..., :1], carried], -1)
