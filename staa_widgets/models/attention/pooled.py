"""Base reader of models with an attentive pooler, whose learned query attends to the tokens before the classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models.attention.ops import (
    make_records,
    mean_row,
    relevance_matrix,
    select_rows,
)
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target


class PooledReader(ABC):
    """Reads the attention of a pooler in one pass, see `staa_widgets.models.family.AttentionReader`.

    The readers of such families derive from it. Only the pooler has a row of attention from the readout. Rollout
    carries this row back through the layers before the pooler, in which every patch has its own row.

    Parameters
    ----------
    geometry
        Layout of the tokens that the pooler reads.
    needs
        Quantities to record.
    """

    def __init__(self, geometry: Geometry, needs: Needs) -> None:
        self.geometry, self.needs = geometry, needs
        self.samples_queries = False
        self.errors: dict[str, Tensor] = {}
        self.patch = geometry.resolve_patch(needs.patch) if needs.patch else None
        self.pooler: dict[str, Any] = {}
        # The captured tensors of each layer before the pooler, first to last.
        self.layers: list[dict[str, Any]] = []

    def records(self, logits: Tensor, targets: Sequence[Target | None]) -> list[Record]:
        """Make one record per clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._make_arrays, self.errors)

    def _capture_pooler(self, query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float) -> None:
        self.pooler |= {"query": query, "key": key, "value": value, "out": out, "scale": scale}
        self.pooler["row"] = mean_row(query, key, scale)

    def _make_arrays(self, logits: Tensor, slopes: Tensor) -> dict[str, Tensor]:
        """Compute the arrays of a `Record` from the captured tensors; the first axis of every array is the clips."""
        needs, row = self.needs, self.pooler["row"]
        arrays: dict[str, Tensor] = {}
        # The weights that a rollout starts with, one for each token that the pooler reads, (B, N); by name of the
        # rollout.
        reads = {"rollout": row.mean(1)}
        rows = self._to_grid(row[:, None])
        arrays |= select_rows(needs, rows, torch.zeros_like(rows[..., 0]))
        if self.patch is not None:
            arrays["patch_rows"] = torch.stack([self._patch_row(layer, self.patch) for layer in self.layers], 1)
        if needs.values:
            reads["value_rollout"] = (row * self._value_norms()).mean(1)
            arrays["value_rows"] = self._to_grid(reads["value_rollout"][:, None])
        if needs.contributions:
            contributions = (row * self._value_contributions(slopes)).sum(1)
            reads["contribution_rollout"] = contributions.relu()
            arrays["contributions"] = self._to_grid(contributions[:, None])
        if needs.backward:
            self._find_output_gradients(logits, slopes)
        if needs.gradients:
            reads["gradient_rollout"] = self._compute_pooler_relevance()
            arrays["gradient_rows"] = self._to_grid(reads["gradient_rollout"][:, None])
        if needs.rollout:
            arrays |= self._compute_rollouts(reads)
        if needs.relevance:
            arrays["relevance"] = self._compute_relevance()
        return arrays

    def _to_grid(self, values: Tensor) -> Tensor:
        """Reshape values of tokens ``(…, N)`` to ``(…, S, P)``."""
        return values.unflatten(-1, (self.geometry.slices, -1))

    def _find_output_gradients(self, logits: Tensor, slopes: Tensor) -> None:
        captured = [self.pooler, *self.layers] if self.needs.relevance else [self.pooler]
        outputs = [layer["out"] for layer in captured]
        output_slopes = torch.autograd.grad(logits, outputs, slopes)
        for layer, slope in zip(captured, output_slopes, strict=True):
            layer["slope"] = slope.transpose(1, 2)

    def _compute_pooler_relevance(self) -> Tensor:
        """Compute the positive part of the pooler's attention times its gradient, averaged over heads: ``(B, N)``."""
        pooler = self.pooler
        return relevance_matrix(pooler["query"], pooler["key"], pooler["value"], pooler["slope"], pooler["scale"])[:, 0]

    @abstractmethod
    def _patch_row(self, layer: dict[str, Any], patch: Patch) -> Tensor:
        """Return the attention of one patch to all patches in a layer before the pooler: ``(B, H, S, P)``."""

    @abstractmethod
    def _value_norms(self) -> Tensor:
        """Compute the norm of each value's contribution to the readout: ``(B, H, N)``."""

    @abstractmethod
    def _value_contributions(self, slopes: Tensor) -> Tensor:
        """Compute the contribution of each value to the target's logit minus the mean logit: ``(B, H, N)``."""

    @abstractmethod
    def _compute_rollouts(self, reads: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carry the token weights of the pooler, ``(B, N)`` by name, back to the input.

        Returns the coefficients ``(B, L + 1, S, P)`` by name, see `staa_widgets.records.rollout`.
        """

    @abstractmethod
    def _compute_relevance(self) -> Tensor:
        """Carry the pooler's relevance back through ``I + mean_h relu(A · dy/dA)`` of the layers: ``(B, S, P)``."""
