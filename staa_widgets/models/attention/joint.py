"""Joint attention over space and time, whatever the family: every token attends to every token of the clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.ops import (
    carry_relevance,
    class_direction,
    make_records,
    mean_row,
    mean_row_and_error,
    mean_row_and_head_mean,
    projected_value_norms,
    target_one_hot,
    value_contributions,
)
from staa_widgets.models.attention.rollout import roll_out
from staa_widgets.models.family import CaptureCallback, submodules_of
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record


class JointReader:
    """One pass of a model with joint attention being read, see `staa_widgets.models.family.AttentionReader`.

    Where there are many tokens, sampled queries stand for all, see `staa_widgets.models.attention.query_sampling`,
    unless all are asked for; then what must go through whole matrices is carried in pieces. What depends on gradients
    is never sampled: a few queries may hold most of it.

    Parameters
    ----------
    geometry, needs
        Layout of the tokens, and what to keep.
    norm, classifier
        Last norm and linear layer; the norm's input is what the classifier reads.
    attentions
        Attention modules, first to last, each with the weight ``(D, H·d)`` of the projection after it.
    mean_pooled
        Whether the classifier reads the mean of all tokens instead of the first one.
    """

    def __init__(
        self,
        geometry: Geometry,
        needs: Needs,
        *,
        norm: nn.LayerNorm,
        classifier: nn.Module,
        attentions: Sequence[tuple[nn.Module, Tensor]],
        mean_pooled: bool = False,
    ) -> None:
        self.geometry, self.needs = geometry, needs
        self.norm, self.classifier = norm, classifier
        self.mean_pooled, self.readout_tokens = mean_pooled, slice(None) if mean_pooled else slice(1)
        self.sampled = queries.samples_queries(geometry, needs)
        self.needs_rows = needs.rows or needs.values or needs.contributions
        # As a matrix attention is smaller than its queries and keys, or needed for the rows anyway.
        small = queries.count_tokens(geometry) <= queries.EXACT_TOKENS or (self.needs_rows and mean_pooled)
        self.keeps_matrices = needs.spatial and not self.sampled and small
        self.holds = needs.spatial and not needs.backward and not self.keeps_matrices
        self.errors: dict[str, Tensor] = {}
        self.buffer = TensorBuffer(2 * len(attentions))
        self.query = geometry.token_index(geometry.resolve_patch(needs.patch)) if needs.patch else None
        self.layers: list[dict[str, Any]] = [
            {"after": after, "start": queries.layer_offset(layer)} for layer, (_, after) in enumerate(attentions)
        ]
        self.captures: dict[nn.Module, CaptureCallback] = {
            attention: partial(self._capture, taken)
            for (attention, _), taken in zip(attentions, self.layers, strict=True)
        }

    def projection_replacements(self) -> dict[tuple[nn.Module, str], Callable[[Tensor], Tensor]]:
        """Let queries and keys be made where they are held, which pays for holding them; see `Family.replacements`."""
        if not self.holds:
            return {}
        return {
            (part, "forward"): partial(self.buffer.project, part)
            for attention in self.captures
            for part in submodules_of(attention, nn.Linear)[:2]
            # One of another class, weight or forward computes otherwise.
            if type(part) is nn.Linear and type(part.weight) is nn.Parameter and "forward" not in vars(part)
        }

    def capture_readout(self, hidden: Tensor) -> None:
        """Keep what the classifier reads, ``(B, D)``; the norm may have been given all tokens."""
        self.readout = (hidden if hidden.ndim == 2 else hidden[:, 0]).detach()

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._make_arrays, self.errors)

    def _capture(
        self, taken: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        needs = self.needs
        if self.keeps_matrices:
            taken["row"], taken["matrix"] = mean_row_and_head_mean(query, key, scale)
        if self.needs_rows:
            if not self.mean_pooled:
                taken["row"] = mean_row(query[:, :, :1], key, scale)
            elif self.sampled:
                asked = queries.sample_evenly(self.geometry, queries.SAMPLE_SIZE, taken["start"]).to(query.device)
                taken["row"], taken["row_error"] = mean_row_and_error(query[:, :, asked], key, scale)
            elif not self.keeps_matrices:
                taken["row"] = mean_row(query, key, scale)
            if needs.values:
                taken["value_row"] = (taken["row"] * projected_value_norms(value, taken["after"])).mean(1)
        if self.query is not None:
            taken["patch_row"] = mean_row(query[:, :, self.query, None], key, scale)
        if needs.backward:
            taken |= {"query": query, "key": key, "scale": scale}
        elif self.holds:
            taken |= {"query": self.buffer(query), "key": self.buffer(key), "scale": scale}
        if needs.contributions or needs.backward:
            taken["value"] = value
        if needs.backward:
            taken["out"] = out

    def _make_arrays(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Bring what was taken to the shapes of a `Record`, with the clips in front."""
        needs, prefix, found = self.needs, self.geometry.prefix, {}
        # By name of a rollout: what each layer reads of each token, (B, L, N).
        read: dict[str, Tensor] = {}
        if needs.rows:
            rows = self._stack("row")
            own = rows[..., :prefix].sum(-1, keepdim=True) / self.geometry.slices
            found |= {"rows": self._to_grid(rows), "cls": own.expand(*own.shape[:-1], self.geometry.slices)}
            if "row_error" in self.layers[0]:
                self.errors["rows"] = self._stack("row_error").mean(1)
        if self.query is not None:
            found["patch_rows"] = self._to_grid(self._stack("patch_row"))
        if needs.values:
            read["value_rollout"] = self._stack("value_row")
            found["value_rows"] = self._to_grid(read["value_rollout"])
        if needs.contributions:
            contributions = self._compute_contributions(targets)
            read["contribution_rollout"] = contributions.sum(2).relu()
            found["contributions"] = self._to_grid(contributions)
        if needs.backward:
            self._find_output_gradients(logits, targets)
        if needs.gradients:
            read["gradient_rollout"] = self._compute_gradient_rows()
            found["gradient_rows"] = self._to_grid(read["gradient_rollout"])
        if needs.spatial:
            found |= self._compute_rollouts(read, logits)
        if needs.relevance:
            found["relevance"] = self._compute_relevance(logits)
        return found

    def _stack(self, name: str) -> Tensor:
        return torch.stack([taken[name] for taken in self.layers], 1)

    def _to_grid(self, values: Tensor) -> Tensor:
        """Bring values of tokens ``(…, N)`` to ``(…, S, P)``."""
        values, slices = values[..., self.geometry.prefix :], self.geometry.slices
        if self.geometry.order == "patch_major":
            return values.unflatten(-1, (-1, slices)).transpose(-1, -2)
        return values.unflatten(-1, (slices, -1))

    def _readout_weights(self, logits: Tensor) -> Tensor:
        """Weight of each token in what the classifier reads, ``(B, N)``."""
        weights = torch.zeros(len(logits), queries.count_tokens(self.geometry), device=logits.device)
        weights[:, self.readout_tokens] = 1
        return weights / weights[:1].sum()

    def _compute_contributions(self, targets: Tensor) -> Tensor:
        """Find what each token adds to the target's logit in each layer and head: ``(B, L, H, N)``."""
        direction = class_direction(self.norm, self.classifier, self.readout, targets)
        return torch.stack(
            [taken["row"] * value_contributions(direction, taken["value"], taken["after"]) for taken in self.layers], 1
        )

    def _find_output_gradients(self, logits: Tensor, targets: Tensor) -> None:
        outs = [taken["out"] for taken in self.layers]
        slopes = torch.autograd.grad(logits, outs, target_one_hot(logits, targets))
        for taken, slope in zip(self.layers, slopes, strict=True):
            taken["slope"] = slope.transpose(1, 2)

    def _compute_gradient_rows(self) -> Tensor:
        """Attention of the readout times its gradient, ``(B, L, N)``; where all tokens are read, the sum over them."""
        readers, rows = self.readout_tokens, []
        for taken in self.layers:
            query, slope = taken["query"][:, :, readers], taken["slope"][:, :, readers]
            ones = torch.ones(len(query), query.shape[2], device=query.device)
            rows.append(carry_relevance(ones, query, taken["key"], taken["value"], slope, taken["scale"]))
        return torch.stack(rows, 1)

    def _compute_rollouts(self, read: Mapping[str, Tensor], logits: Tensor) -> dict[str, Tensor]:
        """Carry the readout, and what each layer reads, back to the input, for any share of attention.

        Kept are the coefficients of the powers of the share, ``(B, L + 1, S, P)``, see `roll_out`.
        """
        names, prefix = ("rollout", *read), self.geometry.prefix
        readout = self._readout_weights(logits)
        starts = torch.stack([readout, *[torch.zeros_like(readout)] * len(read)], 1)

        def add(depth: int, terms: Tensor) -> None:
            for at, name in enumerate(names[1:], 1):
                terms[:, at, :, 0] += read[name][:, depth, None]
                # What a layer reads of CLS itself says nothing of the video.
                terms[:, at, ..., :prefix] = 0

        path = queries.token_path(self.geometry) if self.sampled else None
        terms, errors = roll_out(starts, self.layers, add, path)
        if self.sampled:
            self.errors |= {name: errors[:, at] for at, name in enumerate(names)}
        return {name: self._to_grid(terms[:, at]) for at, name in enumerate(names)}

    def _compute_relevance(self, logits: Tensor) -> Tensor:
        """Carry the readout back through ``I + mean_h relu(A · dy/dA)``, less itself: ``(B, S, P)``."""
        flow = readout = self._readout_weights(logits)
        for taken in reversed(self.layers):
            flow = flow + carry_relevance(
                flow, taken["query"], taken["key"], taken["value"], taken["slope"], taken["scale"]
            )
        return self._to_grid(flow - readout)
