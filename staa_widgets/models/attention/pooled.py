"""What readings have in common whose classifier reads a pooler: its learned query asks, tokens answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models.attention.ops import make_records, mean_row, relevance_matrix, target_one_hot
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import Needs, Record


class PooledReader(ABC):
    """One pass being read, see `staa_widgets.models.family.AttentionReader`; a family adds what is its own.

    The one layer whose row can be read is the pooler's. Rollout carries that row back through the layers before it. In
    those, a patch has a row of its own.

    Parameters
    ----------
    geometry
        Layout of the tokens that the pooler reads.
    needs
        What to keep.
    """

    def __init__(self, geometry: Geometry, needs: Needs) -> None:
        self.geometry, self.needs = geometry, needs
        self.errors: dict[str, Tensor] = {}
        self.query = geometry.resolve_patch(needs.patch) if needs.patch else None
        self.pooler: dict[str, Any] = {}
        # What each layer before the pooler left, first to last.
        self.layers: list[dict[str, Any]] = []

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._make_arrays, self.errors)

    def _capture_pooler(self, query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float) -> None:
        self.pooler |= {"query": query, "key": key, "value": value, "out": out, "scale": scale}
        self.pooler["row"] = mean_row(query, key, scale)

    def _make_arrays(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Bring what was taken to the shapes of a `Record`, with the clips in front."""
        needs, row, found = self.needs, self.pooler["row"], {}
        # By name of a rollout: what the pooler reads of each token, (B, N).
        read = {"rollout": row.mean(1)}
        if needs.rows:
            rows = self._to_grid(row[:, None])
            found |= {"rows": rows, "cls": torch.zeros_like(rows[..., 0])}
        if self.query is not None:
            found["patch_rows"] = torch.stack([self._patch_row(layer, self.query) for layer in self.layers], 1)
        if needs.values:
            read["value_rollout"] = (row * self._lengths()).mean(1)
            found["value_rows"] = self._to_grid(read["value_rollout"][:, None])
        if needs.contributions:
            contributions = row * self._moved(targets)
            read["contribution_rollout"] = contributions.sum(1).relu()
            found["contributions"] = self._to_grid(contributions[:, None])
        if needs.backward:
            self._find_output_gradients(logits, targets)
        if needs.gradients:
            read["gradient_rollout"] = self._pooler_relevance()
            found["gradient_rows"] = self._to_grid(read["gradient_rollout"][:, None])
        if needs.spatial:
            found |= self._rollouts(read)
        if needs.relevance:
            found["relevance"] = self._relevance()
        return found

    def _to_grid(self, values: Tensor) -> Tensor:
        """Bring values of tokens ``(…, N)`` to ``(…, S, P)``."""
        return values.unflatten(-1, (self.geometry.slices, -1))

    def _find_output_gradients(self, logits: Tensor, targets: Tensor) -> None:
        taken = [self.pooler, *self.layers] if self.needs.relevance else [self.pooler]
        outs = [layer["out"] for layer in taken]
        slopes = torch.autograd.grad(logits, outs, target_one_hot(logits, targets))
        for layer, slope in zip(taken, slopes, strict=True):
            layer["slope"] = slope.transpose(1, 2)

    def _pooler_relevance(self) -> Tensor:
        """Attention of the pooler times its gradient, the positive part, head mean: ``(B, N)``."""
        asked = self.pooler
        return relevance_matrix(asked["query"], asked["key"], asked["value"], asked["slope"], asked["scale"])[:, 0]

    @abstractmethod
    def _patch_row(self, layer: dict[str, Any], query: Patch) -> Tensor:
        """Attention of one patch in a layer before the pooler: ``(B, H, S, P)``."""

    @abstractmethod
    def _lengths(self) -> Tensor:
        """How long what each value moves is: ``(B, H, N)``."""

    @abstractmethod
    def _moved(self, targets: Tensor) -> Tensor:
        """How far each value goes along the direction that raises the target over the mean logit: ``(B, H, N)``."""

    @abstractmethod
    def _rollouts(self, read: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carry what the pooler reads, ``(B, N)`` by name, back to the input, for any share of attention.

        Kept are the coefficients of the powers of the share, ``(B, L + 1, S, P)``.
        """

    @abstractmethod
    def _relevance(self) -> Tensor:
        """Carry the pooler's relevance back through ``I + mean_h relu(A · dy/dA)`` of the layers: ``(B, S, P)``."""
