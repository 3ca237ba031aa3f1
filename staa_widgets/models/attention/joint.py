"""Reader of joint space-time attention: every token attends to every token of the clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models.attention import query_sampling
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.linear import is_plain, layer_weight, linear_layers
from staa_widgets.models.attention.ops import (
    carry_relevance,
    class_direction,
    make_records,
    mean_row,
    mean_row_and_error,
    mean_row_and_head_mean,
    projected_value_norms,
    select_rows,
    value_contributions,
)
from staa_widgets.models.attention.rollout import roll_out
from staa_widgets.models.family import CaptureCallback
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target


class JointReader:
    """Reads the joint attention of one pass, see `staa_widgets.models.family.AttentionReader`.

    If there are many tokens, sampled queries stand for all queries, see `staa_widgets.models.attention.query_sampling`.
    With ``needs.exact`` all queries are read instead, and products with whole attention matrices are computed in
    chunks. Gradients are never sampled, because a few queries may hold most of the gradient.

    Parameters
    ----------
    geometry, needs
        Layout of the tokens, and the quantities to record.
    norm, classifier
        Last norm, and the head after it; the readout is the input of the norm.
    attentions
        Attention modules, first to last, each with its output projection, a linear layer.
    mean_pooled
        Whether the classifier reads the mean of all tokens instead of the first one.
    """

    def __init__(
        self,
        geometry: Geometry,
        needs: Needs,
        *,
        norm: nn.Module,
        classifier: Any,
        attentions: Sequence[tuple[nn.Module, nn.Module]],
        mean_pooled: bool = False,
    ) -> None:
        self.geometry, self.needs = geometry, needs
        self.norm, self.classifier = norm, classifier
        self.mean_pooled, self.readout_tokens = mean_pooled, slice(None) if mean_pooled else slice(1)
        self.samples_queries = query_sampling.samples_queries(geometry, needs)
        self.needs_rows = needs.rows or needs.mean_rows or needs.heads or needs.values or needs.contributions
        # The matrix is kept if it takes less memory than queries and keys, or is computed for the rows anyway.
        matrices_are_cheap = query_sampling.has_few_tokens(geometry) or (self.needs_rows and mean_pooled)
        self.keeps_matrices = needs.rollout and not self.samples_queries and matrices_are_cheap
        self.keeps_queries = needs.rollout and not needs.backward and not self.keeps_matrices
        self.errors: dict[str, Tensor] = {}
        self.buffer = TensorBuffer(2 * len(attentions))
        self.patch_token = geometry.token_index(geometry.resolve_patch(needs.patch)) if needs.patch else None
        self.layers: list[dict[str, Any]] = [
            {"start": query_sampling.layer_offset(layer)} for layer in range(len(attentions))
        ]
        if needs.values or needs.contributions:
            for captured, (_, projection) in zip(self.layers, attentions, strict=True):
                captured["projection"] = layer_weight(projection)
        self.captures: dict[nn.Module, CaptureCallback] = {
            attention: partial(self._capture, captured)
            for (attention, _), captured in zip(attentions, self.layers, strict=True)
        }

    def projection_replacements(self) -> dict[tuple[nn.Module, str], Callable[[Tensor], Tensor]]:
        """Return replacements that project queries and keys into the buffer, see `Family.replacements`.

        This saves as much time as storing queries and keys takes.
        """
        if not self.keeps_queries:
            return {}
        return {
            (part, "forward"): partial(self.buffer.project, part)
            for attention in self.captures
            for part in linear_layers(attention)[:2]
            if isinstance(part, nn.Linear) and is_plain(part)
        }

    def capture_readout(self, hidden: Tensor) -> None:
        """Store the readout, ``(B, D)``, from the input of the last norm, which may hold all tokens."""
        self.readout = (hidden if hidden.ndim == 2 else hidden[:, 0]).detach()

    def records(self, logits: Tensor, targets: Sequence[Target | None]) -> list[Record]:
        """Make one record per clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._make_arrays, self.errors)

    def _capture(
        self, captured: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        needs = self.needs
        if self.keeps_matrices:
            captured["row"], captured["matrix"] = mean_row_and_head_mean(query, key, scale)
        if self.needs_rows:
            if not self.mean_pooled:
                captured["row"] = mean_row(query[:, :, :1], key, scale)
            elif self.samples_queries:
                size, start = query_sampling.SAMPLE_SIZE, captured["start"]
                sample = query_sampling.sample_evenly(self.geometry, size, start).to(query.device)
                captured["row"], captured["row_error"] = mean_row_and_error(query[:, :, sample], key, scale)
            elif not self.keeps_matrices:
                captured["row"] = mean_row(query, key, scale)
            if needs.values:
                captured["value_row"] = (captured["row"] * projected_value_norms(value, captured["projection"])).mean(1)
        if self.patch_token is not None:
            captured["patch_row"] = mean_row(query[:, :, self.patch_token, None], key, scale)
        if needs.backward:
            captured |= {"query": query, "key": key, "scale": scale}
        elif self.keeps_queries:
            captured |= {"query": self.buffer.store(query), "key": self.buffer.store(key), "scale": scale}
        if needs.contributions or needs.backward:
            captured["value"] = value
        if needs.backward:
            captured["out"] = out

    def _make_arrays(self, logits: Tensor, slopes: Tensor) -> dict[str, Tensor]:
        """Compute the arrays of a `Record` from the captured tensors; the first axis of every array is the clips."""
        needs, prefix = self.needs, self.geometry.prefix
        arrays: dict[str, Tensor] = {}
        # The weights that a rollout adds to the flow in each layer, for each token, (B, L, N); by name of the rollout.
        reads: dict[str, Tensor] = {}
        if needs.rows or needs.mean_rows or needs.heads:
            rows = self._stack("row")
            cls_share = rows[..., :prefix].sum(-1, keepdim=True) / self.geometry.slices
            cls_share = cls_share.expand(*cls_share.shape[:-1], self.geometry.slices)
            arrays |= select_rows(needs, self._to_grid(rows), cls_share)
            if "row_error" in self.layers[0]:
                self.errors["rows"] = self._stack("row_error").mean(1)
        if self.patch_token is not None:
            arrays["patch_rows"] = self._to_grid(self._stack("patch_row"))
        if needs.values:
            reads["value_rollout"] = self._stack("value_row")
            arrays["value_rows"] = self._to_grid(reads["value_rollout"])
        if needs.contributions:
            contributions = self._compute_contributions(slopes)
            reads["contribution_rollout"] = contributions.relu()
            arrays["contributions"] = self._to_grid(contributions)
        if needs.backward:
            self._find_output_gradients(logits, slopes)
        if needs.gradients:
            reads["gradient_rollout"] = self._compute_gradient_rows()
            arrays["gradient_rows"] = self._to_grid(reads["gradient_rollout"])
        if needs.rollout:
            arrays |= self._compute_rollouts(reads, logits)
        if needs.relevance:
            arrays["relevance"] = self._compute_relevance(logits)
        return arrays

    def _stack(self, name: str) -> Tensor:
        return torch.stack([captured[name] for captured in self.layers], 1)

    def _to_grid(self, values: Tensor) -> Tensor:
        """Reshape values of tokens ``(…, N)`` to ``(…, S, P)``."""
        values, slices = values[..., self.geometry.prefix :], self.geometry.slices
        if self.geometry.order == "patch_major":
            return values.unflatten(-1, (-1, slices)).transpose(-1, -2)
        return values.unflatten(-1, (slices, -1))

    def _readout_weights(self, logits: Tensor) -> Tensor:
        """Return the weight of each token in the input of the classifier, ``(B, N)``."""
        weights = torch.zeros(len(logits), query_sampling.count_tokens(self.geometry), device=logits.device)
        weights[:, self.readout_tokens] = 1
        return weights / weights[:1].sum()

    def _compute_contributions(self, slopes: Tensor) -> Tensor:
        """Compute the contribution of each token to the target's logit in each layer: ``(B, L, N)``."""
        direction = class_direction(self.norm, self.classifier, self.readout, slopes)
        return torch.stack(
            [
                (captured["row"] * value_contributions(direction, captured["value"], captured["projection"])).sum(1)
                for captured in self.layers
            ],
            1,
        )

    def _find_output_gradients(self, logits: Tensor, slopes: Tensor) -> None:
        outputs = [captured["out"] for captured in self.layers]
        output_slopes = torch.autograd.grad(logits, outputs, slopes)
        for captured, slope in zip(self.layers, output_slopes, strict=True):
            captured["slope"] = slope.transpose(1, 2)

    def _compute_gradient_rows(self) -> Tensor:
        """Compute the readout's attention times its gradient, ``(B, L, N)``, summed over the tokens of the readout."""
        readout, rows = self.readout_tokens, []
        for captured in self.layers:
            query, slope = captured["query"][:, :, readout], captured["slope"][:, :, readout]
            ones = torch.ones(len(query), query.shape[2], device=query.device)
            rows.append(carry_relevance(ones, query, captured["key"], captured["value"], slope, captured["scale"]))
        return torch.stack(rows, 1)

    def _compute_rollouts(self, reads: Mapping[str, Tensor], logits: Tensor) -> dict[str, Tensor]:
        """Carry the readout, and the token weights of each layer, back to the input.

        Returns the coefficients ``(B, L + 1, S, P)`` by name, see `staa_widgets.records.rollout`.
        """
        names, prefix = ("rollout", *reads), self.geometry.prefix
        readout = self._readout_weights(logits)
        starts = torch.stack([readout, *[torch.zeros_like(readout)] * len(reads)], 1)

        def add_reads(depth: int, terms: Tensor) -> None:
            for index, name in enumerate(names[1:], 1):
                terms[:, index] += reads[name][:, depth, None, None]
                # The weight of CLS belongs to no part of the video.
                terms[:, index, ..., :prefix] = 0

        path = query_sampling.token_path(self.geometry) if self.samples_queries else None
        terms, errors = roll_out(starts, self.layers, add_reads, path)
        if self.samples_queries:
            self.errors |= {name: errors[:, index] for index, name in enumerate(names)}
        return {name: self._to_grid(terms[:, index]) for index, name in enumerate(names)}

    def _compute_relevance(self, logits: Tensor) -> Tensor:
        """Carry the readout back through ``I + mean_h relu(A · dy/dA)``, and subtract the readout: ``(B, S, P)``."""
        flow = readout = self._readout_weights(logits)
        for captured in reversed(self.layers):
            flow = flow + carry_relevance(
                flow, captured["query"], captured["key"], captured["value"], captured["slope"], captured["scale"]
            )
        return self._to_grid(flow - readout)
