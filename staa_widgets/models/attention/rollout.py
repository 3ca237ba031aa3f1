"""Rollout through joint attention: row vectors carried from the last layer to the input, never ``N × N`` at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.attention.ops import carry_rows, head_mean

DEFAULT_SHARE = 0.3
"""Share of attention for which queries are chosen: that of `staa` unless said otherwise."""


def roll_out(
    starts: Tensor,
    layers: Sequence[Mapping[str, Any]],
    after_layer: Callable[[int, Tensor], None] = lambda *_: None,
    path: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Carry row vectors back through layers ``I + share · (A - I)``, for any share of attention.

    What is kept are the coefficients of the powers of `share`. With a `path`, `SAMPLE_SIZE` queries stand for all
    in each layer, chosen by what flows through them. Two half samples go all the way apart. Each is right in the
    mean for any share: what is chosen in a layer depends on what flows into it, never on the attention that is read
    there.

    Parameters
    ----------
    starts
        ``(B, K, N)``, what `K` rollouts begin with.
    layers
        First to last: ``"matrix"``, float32 ``(B, N, N)``, or ``"query"``, ``"key"`` ``(B, H, N, d)`` and ``"scale"``.
    after_layer
        Called with a layer and terms ``(B, K, R, L + 1, N)``, in `R` half samples, when they were carried through it,
        to add what it reads.
    path
        `queries.path`, where sampling is wanted.

    Returns
    -------
    terms, errors
        ``(B, K, L + 1, N)``, and ``(B, K)``: standard errors as shares of what arrives, 0 where nothing is sampled.
    """
    halves = 1 if path is None else 2
    terms = torch.zeros(*starts.shape[:2], halves, len(layers) + 1, starts.shape[-1], device=starts.device)
    terms[..., 0, :] = starts[:, :, None]
    for depth, layer in reversed(list(enumerate(layers))):
        if path is not None:
            through = _carry_sampled(terms, layer, path.to(starts.device), queries.layer_offset(depth))
        elif "matrix" in layer:
            through = terms.flatten(1, 3) @ layer["matrix"]
        else:
            through = carry_rows(terms.flatten(1, 3), layer["query"], layer["key"], layer["scale"])
        terms[..., 1:, :] += through.view_as(terms)[..., :-1, :] - terms[..., :-1, :]
        after_layer(depth, terms)
    if path is None:
        return terms[:, :, 0], starts.new_zeros(starts.shape[:2])
    arriving = _flow_per_token(terms)
    errors = (arriving[:, :, 0] - arriving[:, :, 1]).abs().sum(-1) / arriving.sum((2, 3)).clamp_min(1e-30)
    return terms.mean(2), errors


def _flow_per_token(terms: Tensor) -> Tensor:
    """Sum what arrives at `DEFAULT_SHARE`: ``(…, L + 1, N)`` to ``(…, N)``."""
    powers = DEFAULT_SHARE ** torch.arange(terms.shape[-2], device=terms.device)
    return torch.einsum("...pn,p->...n", terms, powers).clamp_min(0)


def _carry_sampled(terms: Tensor, layer: Mapping[str, Any], path: Tensor, start: float) -> Tensor:
    """Carry terms ``(B, K, R, n, N)`` through attention of some queries, other ones for each of `K` and `R`."""
    flow, halves = _flow_per_token(terms)[..., path], terms.shape[2]
    found = [
        queries.sample_by_weight(flow[:, :, half], queries.SAMPLE_SIZE // halves, (start + half / halves) % 1)
        for half in range(halves)
    ]
    index = path[torch.stack([places for places, _ in found], 2)]
    factor = torch.stack([factors for _, factors in found], 2)
    query, key = layer["query"], layer["key"]
    asked = index.flatten(1)[:, None, :, None].expand(-1, query.shape[1], -1, query.shape[-1])
    attention = head_mean(query.gather(2, asked), key, layer["scale"]).view(*index.shape, -1)
    carrying = terms.gather(-1, index[..., None, :].expand(*terms.shape[:-1], -1)) * factor[..., None, :]
    return carrying @ attention
