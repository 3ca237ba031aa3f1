"""Attention rollout through joint attention: multiply row vectors by attention without storing ``N × N`` matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models.attention import query_sampling
from staa_widgets.models.attention.ops import carry_rows, head_mean
from staa_widgets.records.rollout import rollout_weights

DEFAULT_SHARE = 0.3
"""Share of attention for which queries are sampled: the default of `staa`."""


def roll_out(
    starts: Tensor,
    layers: Sequence[Mapping[str, Any]],
    after_layer: Callable[[int, Tensor], None] = lambda *_: None,
    path: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Multiply row vectors by ``I + share · (A - I)`` of each layer, last to first, for any share of attention.

    The product is a polynomial in the share; its coefficients are returned, see `staa_widgets.records.rollout`. With a
    `path`, `query_sampling.SAMPLE_SIZE` queries of each layer stand for all queries, sampled in proportion to the flow
    through them. Two half samples are carried separately. Both are unbiased for any share, because the sample of a
    layer depends on the flow into the layer, never on the attention that is read there.

    Parameters
    ----------
    starts
        ``(B, K, N)``, row vectors that `K` rollouts start with.
    layers
        First to last: ``"matrix"``, float32 ``(B, N, N)``, or ``"query"``, ``"key"`` ``(B, H, N, d)`` and ``"scale"``.
    after_layer
        Called with the index of a layer and the terms ``(B, K, R, n, N)``, of `R` half samples and `n` coefficients,
        after they were carried through the layer; it may add to the terms in place.
    path
        `query_sampling.token_path`, to sample queries.

    Returns
    -------
    terms, errors
        ``(B, K, L + 1, N)``, the coefficients; and ``(B, K)``, their standard errors as shares of the flow that
        arrives, 0 without sampling.
    """
    halves = 1 if path is None else 2
    terms = starts.float()[:, :, None, None].repeat(1, 1, halves, 1, 1)
    for depth, layer in reversed(list(enumerate(layers))):
        if path is not None:
            carried_terms = _carry_sampled(terms, layer, path.to(starts.device), query_sampling.layer_offset(depth))
        elif "matrix" in layer:
            carried_terms = terms.flatten(1, 3) @ layer["matrix"]
        else:
            carried_terms = carry_rows(terms.flatten(1, 3), layer["query"], layer["key"], layer["scale"])
        terms = add_step(terms, carried_terms.view_as(terms), 3)
        after_layer(depth, terms)
    if path is None:
        return terms[:, :, 0], starts.new_zeros(starts.shape[:2])
    flow = _flow_per_token(terms)
    errors = (flow[:, :, 0] - flow[:, :, 1]).abs().sum(-1) / flow.sum((2, 3)).clamp_min(1e-30)
    return terms.mean(2), errors


def add_step(terms: Tensor, carried_terms: Tensor, dim: int) -> Tensor:
    """Return the coefficients of a rollout after one more step, one coefficient more than before.

    Parameters
    ----------
    terms
        Coefficients along the axis `dim`, see `staa_widgets.records.rollout`.
    carried_terms
        The same coefficients, carried through the attention of the step.
    dim
        Axis of the coefficients.
    """
    count = terms.shape[dim]
    # Of all ways in which i of the steps are attention, the new step is attention in this share.
    share = torch.arange(count + 1, device=terms.device) / count
    share = share.view(-1, *[1] * (terms.ndim - dim - 1))
    longer = terms.new_zeros(*terms.shape[:dim], count + 1, *terms.shape[dim + 1 :])
    longer.narrow(dim, 0, count).copy_(terms * (1 - share[:-1]))
    longer.narrow(dim, 1, count).add_(carried_terms * share[1:])
    return longer


def _flow_per_token(terms: Tensor) -> Tensor:
    """Return the flow through each token for `DEFAULT_SHARE`: terms ``(…, n, N)`` to ``(…, N)``."""
    weights = torch.from_numpy(rollout_weights(terms.shape[-2], DEFAULT_SHARE)).to(terms.device)
    return torch.einsum("...pn,p->...n", terms, weights)


def _carry_sampled(terms: Tensor, layer: Mapping[str, Any], path: Tensor, start: float) -> Tensor:
    """Carry terms ``(B, K, R, n, N)`` through the attention of sampled queries; every row of `K`, `R` has a sample."""
    flow, halves = _flow_per_token(terms)[..., path], terms.shape[2]
    size = query_sampling.SAMPLE_SIZE // halves
    samples = [
        query_sampling.sample_by_weight(flow[:, :, half], size, (start + half / halves) % 1) for half in range(halves)
    ]
    index = path[torch.stack([positions for positions, _ in samples], 2)]
    factor = torch.stack([factors for _, factors in samples], 2)
    query, key = layer["query"], layer["key"]
    query_index = index.flatten(1)[:, None, :, None].expand(-1, query.shape[1], -1, query.shape[-1])
    attention = head_mean(query.gather(2, query_index), key, layer["scale"]).view(*index.shape, -1)
    weighted = terms.gather(-1, index[..., None, :].expand(*terms.shape[:-1], -1)) * factor[..., None, :]
    return weighted @ attention
