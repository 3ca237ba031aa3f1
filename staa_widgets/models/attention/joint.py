"""Joint attention over space and time, whatever the family: every token attends to every token of the clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.attention.buffers import Hold
from staa_widgets.models.attention.ops import (
    carried_relevance,
    chosen,
    class_direction,
    make_records,
    mean_row,
    moved_norms,
    pulled_back,
    rows_and_mean,
    sampled_row,
)
from staa_widgets.models.attention.rollout import roll_out
from staa_widgets.models.family import Take, parts_of
from staa_widgets.records.record import Geometry, Needs, Record


class JointReading:
    """One pass of a model with joint attention being read, see `staa_widgets.models.family.Reading`.

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
    pooled
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
        pooled: bool = False,
    ) -> None:
        self.geometry, self.needs = geometry, needs
        self.norm, self.classifier = norm, classifier
        self.pooled, self.readers = pooled, slice(None) if pooled else slice(1)
        self.sampled = queries.sampled(geometry, needs)
        self.reads = needs.rows or needs.values or needs.contributions
        # As a matrix attention is smaller than its queries and keys, or needed for the rows anyway.
        small = queries.tokens(geometry) <= queries.EXACT or (self.reads and pooled)
        self.whole = needs.spatial and not self.sampled and small
        self.holds = needs.spatial and not needs.backward and not self.whole
        self.errors: dict[str, Tensor] = {}
        self.hold = Hold(2 * len(attentions))
        self.query = geometry.token(geometry.patch(needs.query)) if needs.query else None
        self.layers: list[dict[str, Any]] = [
            {"after": after, "start": queries.offset(layer)} for layer, (_, after) in enumerate(attentions)
        ]
        self.takes: dict[nn.Module, Take] = {
            attention: partial(self._take, taken) for (attention, _), taken in zip(attentions, self.layers, strict=True)
        }

    def projections(self) -> dict[tuple[nn.Module, str], Callable[[Tensor], Tensor]]:
        """Let queries and keys be made where they are held, which pays for holding them; see `Family.instead`."""
        if not self.holds:
            return {}
        return {
            (part, "forward"): partial(self.hold.projected, part)
            for attention in self.takes
            for part in parts_of(attention, nn.Linear)[:2]
            # One of another class, weight or forward computes otherwise.
            if type(part) is nn.Linear and type(part.weight) is nn.Parameter and "forward" not in vars(part)
        }

    def take_readout(self, hidden: Tensor) -> None:
        """Keep what the classifier reads, ``(B, D)``; the norm may have been given all tokens."""
        self.readout = (hidden if hidden.ndim == 2 else hidden[:, 0]).detach()

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._arrays, self.errors)

    def _take(
        self, taken: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        needs = self.needs
        if self.whole:
            taken["row"], taken["matrix"] = rows_and_mean(query, key, scale)
        if self.reads:
            if not self.pooled:
                taken["row"] = mean_row(query[:, :, :1], key, scale)
            elif self.sampled:
                asked = queries.spread(self.geometry, queries.COUNT, taken["start"]).to(query.device)
                taken["row"], taken["row_error"] = sampled_row(query[:, :, asked], key, scale)
            elif not self.whole:
                taken["row"] = mean_row(query, key, scale)
            if needs.values:
                taken["value_row"] = (taken["row"] * moved_norms(value, taken["after"])).mean(1)
        if self.query is not None:
            taken["query_row"] = mean_row(query[:, :, self.query, None], key, scale)
        if needs.backward:
            taken |= {"query": query, "key": key, "scale": scale}
        elif self.holds:
            taken |= {"query": self.hold(query), "key": self.hold(key), "scale": scale}
        if needs.contributions or needs.backward:
            taken["value"] = value
        if needs.backward:
            taken["out"] = out

    def _arrays(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Bring what was taken to the shapes of a `Record`, with the clips in front."""
        needs, prefix, found = self.needs, self.geometry.prefix, {}
        # By name of a rollout: what each layer reads of each token, (B, L, N).
        read: dict[str, Tensor] = {}
        if needs.rows:
            rows = self._stacked("row")
            own = rows[..., :prefix].sum(-1, keepdim=True) / self.geometry.slices
            found |= {"rows": self._grid(rows), "cls": own.expand(*own.shape[:-1], self.geometry.slices)}
            if "row_error" in self.layers[0]:
                self.errors["rows"] = self._stacked("row_error").mean(1)
        if self.query is not None:
            found["query_rows"] = self._grid(self._stacked("query_row"))
        if needs.values:
            read["value_rollout"] = self._stacked("value_row")
            found["value_rows"] = self._grid(read["value_rollout"])
        if needs.contributions:
            contributions = self._contributions(targets)
            read["contribution_rollout"] = contributions.sum(2).relu()
            found["contributions"] = self._grid(contributions)
        if needs.backward:
            self._find_slopes(logits, targets)
        if needs.gradients:
            read["gradient_rollout"] = self._gradients()
            found["gradient_rows"] = self._grid(read["gradient_rollout"])
        if needs.spatial:
            found |= self._rollouts(read, logits)
        if needs.relevance:
            found["relevance"] = self._relevance(logits)
        return found

    def _stacked(self, name: str) -> Tensor:
        return torch.stack([taken[name] for taken in self.layers], 1)

    def _grid(self, values: Tensor) -> Tensor:
        """Bring values of tokens ``(…, N)`` to ``(…, S, P)``."""
        values, slices = values[..., self.geometry.prefix :], self.geometry.slices
        if self.geometry.order == "patch_major":
            return values.unflatten(-1, (-1, slices)).transpose(-1, -2)
        return values.unflatten(-1, (slices, -1))

    def _read(self, logits: Tensor) -> Tensor:
        """Weight of each token in what the classifier reads, ``(B, N)``."""
        weights = torch.zeros(len(logits), queries.tokens(self.geometry), device=logits.device)
        weights[:, self.readers] = 1
        return weights / weights[:1].sum()

    def _contributions(self, targets: Tensor) -> Tensor:
        """Find what each token adds to the target's logit in each layer and head: ``(B, L, H, N)``."""
        direction = class_direction(self.norm, self.classifier, self.readout, targets)
        return torch.stack(
            [taken["row"] * pulled_back(direction, taken["value"], taken["after"]) for taken in self.layers], 1
        )

    def _find_slopes(self, logits: Tensor, targets: Tensor) -> None:
        outs = [taken["out"] for taken in self.layers]
        slopes = torch.autograd.grad(logits, outs, chosen(logits, targets))
        for taken, slope in zip(self.layers, slopes, strict=True):
            taken["slope"] = slope.transpose(1, 2)

    def _gradients(self) -> Tensor:
        """Attention of the readout times its gradient, ``(B, L, N)``; where all tokens are read, the sum over them."""
        readers, rows = self.readers, []
        for taken in self.layers:
            query, slope = taken["query"][:, :, readers], taken["slope"][:, :, readers]
            ones = torch.ones(len(query), query.shape[2], device=query.device)
            rows.append(carried_relevance(ones, query, taken["key"], taken["value"], slope, taken["scale"]))
        return torch.stack(rows, 1)

    def _rollouts(self, read: Mapping[str, Tensor], logits: Tensor) -> dict[str, Tensor]:
        """Carry the readout, and what each layer reads, back to the input, for any share of attention.

        Kept are the coefficients of the powers of the share, ``(B, L + 1, S, P)``, see `roll_out`.
        """
        names, prefix = ("rollout", *read), self.geometry.prefix
        readout = self._read(logits)
        starts = torch.stack([readout, *[torch.zeros_like(readout)] * len(read)], 1)

        def add(depth: int, terms: Tensor) -> None:
            for at, name in enumerate(names[1:], 1):
                terms[:, at, :, 0] += read[name][:, depth, None]
                # What a layer reads of CLS itself says nothing of the video.
                terms[:, at, ..., :prefix] = 0

        path = queries.path(self.geometry) if self.sampled else None
        terms, errors = roll_out(starts, self.layers, add, path)
        if self.sampled:
            self.errors |= {name: errors[:, at] for at, name in enumerate(names)}
        return {name: self._grid(terms[:, at]) for at, name in enumerate(names)}

    def _relevance(self, logits: Tensor) -> Tensor:
        """Carry the readout back through ``I + mean_h relu(A · dy/dA)``, less itself: ``(B, S, P)``."""
        flow = readout = self._read(logits)
        for taken in reversed(self.layers):
            flow = flow + carried_relevance(
                flow, taken["query"], taken["key"], taken["value"], taken["slope"], taken["scale"]
            )
        return self._grid(flow - readout)
