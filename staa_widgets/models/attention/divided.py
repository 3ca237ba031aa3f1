"""Reader of divided attention, within frames and over time, and of attention within frames only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models.attention.divided_rollout import roll_out_divided, route_over_time
from staa_widgets.models.attention.linear import layer_weight
from staa_widgets.models.attention.ops import (
    attend_and_summarize,
    attention_probabilities,
    class_direction,
    make_records,
    projected_value_norms,
    relevance_matrix,
    select_rows,
    value_contributions,
)
from staa_widgets.models.family import CaptureCallback
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import AttentionType, Needs, Record
from staa_widgets.records.target import Target


class DividedReader:
    """Reads attention within frames of one pass, and attention over time if attention is divided.

    Where whole matrices are needed, but no gradients, they are computed once for both the output and the reader. They
    stay on the device until rollout has passed them; a record holds them only on request, because they are large.

    See `staa_widgets.models.family.AttentionReader`. Sequences within frames are CLS and the patches of a frame, clip
    by clip; sequences over time are the frames of a patch.

    Parameters
    ----------
    geometry, needs
        Layout of the tokens, and the quantities to record.
    norm, classifier
        Last norm, and the linear layer after it; the readout, CLS, is the input of the norm.
    spatial
        Attention modules within frames, first to last, each with its output projection, a linear layer.
    temporal
        Attention modules over time, which come before those within frames, each with a function that returns the weight
        of all that follows linearly; ``None`` if attention is within frames only.
    """

    def __init__(
        self,
        geometry: Geometry,
        needs: Needs,
        *,
        norm: nn.Module,
        classifier: Any,
        spatial: Sequence[tuple[nn.Module, nn.Module]],
        temporal: Sequence[tuple[nn.Module, Callable[[], Tensor]]] | None = None,
    ) -> None:
        self.geometry, self.needs = geometry, needs
        self.samples_queries = False
        self.norm, self.classifier = norm, classifier
        self.divided = temporal is not None
        self.patch = geometry.resolve_patch(needs.patch) if needs.patch else None
        self.rolls_out = needs.rollout or needs.frame_rollout
        self.routes = self.divided and (needs.heads or needs.time_rows)
        self.needs_rows = needs.rows or needs.mean_rows or needs.heads or needs.time_rows
        self.needs_temporal = self.divided and (needs.temporal or needs.rollout or self.routes)
        self.captures: dict[nn.Module, CaptureCallback] = {}
        self.layers: list[dict[str, Any]] = []
        for attention, projection in spatial:
            # Of `needs.first_frame`, the last layer alone is read.
            is_last = len(self.layers) == len(spatial) - 1
            captured = {"needs_matrix": needs.spatial or self.rolls_out or (needs.first_frame and is_last)}
            self.layers.append(captured)
            self.captures[attention] = partial(self._capture_space, captured, projection)
        for captured, (attention, projection) in zip(self.layers, temporal or (), strict=self.divided):
            self.captures[attention] = partial(self._capture_time, captured, projection)

    def capture_readout(self, hidden: Tensor) -> None:
        """Store CLS before the last norm, ``(B, D)``, or ``(B·T, D)`` if each frame is a sequence."""
        self.readout = hidden[:, 0].detach()

    def records(self, logits: Tensor, targets: Sequence[Target | None]) -> list[Record]:
        """Make one record per clip."""
        kind: AttentionType = "divided" if self.divided else "space_only"
        return make_records(self.geometry, kind, self.needs, logits, targets, self._make_arrays)

    def _capture_space(
        self,
        captured: dict[str, Any],
        projection: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor | None,
        scale: float,
    ) -> Tensor | None:
        """Store attention over the patches of a frame; return the output if it was computed with the attention."""
        needs = self.needs
        if captured["needs_matrix"]:
            output, row, mean = attend_and_summarize(query, key, value, scale, mean_dtype=torch.float16)
            captured["spatial"] = mean
        else:
            output, row = None, attention_probabilities(query[:, :, :1], key, scale)[:, :, 0]
        captured["row"] = row
        if self.patch is not None:
            token = self.geometry.prefix + self._index_in_frame(self.patch)
            # Sequences are frames, clip by clip.
            sequences = slice(self.patch[0], None, self.geometry.frames)
            patch_query = query[sequences, :, token, None]
            captured["patch_space"] = attention_probabilities(patch_query, key[sequences], scale)[
                :, :, 0, self.geometry.prefix :
            ]
        if needs.values:
            captured["value_row"] = (row * projected_value_norms(value, layer_weight(projection)))[..., 1:].mean(1)
        if needs.contributions:
            captured["value"], captured["projection"] = value, layer_weight(projection)
        if needs.backward:
            captured["space"], captured["space_out"] = (query, key, value, scale), out
        return output

    def _capture_time(
        self,
        captured: dict[str, Any],
        projection: Callable[[], Tensor],
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor | None,
        scale: float,
    ) -> Tensor | None:
        """Store attention over time; return the output if it was computed with the attention.

        Every patch is a sequence of ``T`` frames.
        """
        needs, output = self.needs, None
        if self.needs_temporal:
            if needs.values and (needs.temporal or needs.time_rows):
                attention = attention_probabilities(query, key, scale)
                captured["temporal"] = attention.mean(1)
                norms = projected_value_norms(value, projection())
                weighted = (attention * norms[:, :, None]).mean(1)
                captured["value_temporal"] = weighted / weighted.sum(-1, keepdim=True).clamp_min(1e-30)
            else:
                output, _, captured["temporal"] = attend_and_summarize(query, key, value, scale)
        if self.patch is not None:
            patch_query = query[:, :, self.patch[0], None]
            captured["patch_time"] = attention_probabilities(patch_query, key, scale)[:, :, 0].mean(1)
        if needs.backward:
            captured["time"], captured["time_out"] = (query, key, value, scale), out
        return output

    def _make_arrays(self, logits: Tensor, slopes: Tensor) -> dict[str, Tensor]:
        """Compute the arrays of a `Record` from the captured tensors; the first axis of every array is the clips."""
        needs, clips = self.needs, len(slopes)
        arrays: dict[str, Tensor] = {}
        # Weights of each patch in each layer, (B, L, T, P), by the prefix of the arrays made from them.
        weights: dict[str, Tensor] = {}
        rows = self._stack("row", clips).movedim(2, -2)
        if self.needs_rows:
            heads = self._route(rows, "temporal", clips) if needs.heads else None
            arrays |= select_rows(needs, rows[..., 1:], rows[..., 0], heads)
        if self.patch is not None:
            arrays["patch_rows"] = self._compute_patch_rows(self.patch, clips)
        if needs.values:
            arrays["value_rows"] = weights["value_"] = self._stack("value_row", clips)
        if needs.contributions:
            contributions = (rows[..., 1:] * self._compute_contributions(clips, slopes)).sum(2)
            arrays["contributions"], weights["contribution_"] = contributions, contributions.relu()
        if needs.backward:
            self._find_attention_gradients(logits, slopes)
        if needs.gradients:
            # The row of CLS, without CLS itself.
            arrays["gradient_rows"] = weights["gradient_"] = self._stack("gradient_spatial", clips)[:, :, :, 0, 1:]
        if needs.relevance:
            arrays["relevance"] = self._compute_relevance(clips)
        if needs.first_frame:
            arrays["first_frame"] = self.layers[-1]["spatial"].unflatten(0, (clips, -1))[:, 0]
        if self.routes and needs.time_rows:
            arrays |= self._compute_time_rows({"": rows[..., 1:].mean(2), **weights}, clips)
        arrays |= self._compute_rollouts(weights, rows, clips)
        if needs.spatial:
            arrays["spatial"] = self._stack("spatial", clips)
        if self.divided and needs.temporal:
            for name, is_needed in (
                ("temporal", True),
                ("value_temporal", needs.values),
                ("gradient_temporal", needs.gradients),
            ):
                if is_needed:
                    arrays[name] = self._stack(name, clips)
        return arrays

    def _route(self, rows: Tensor, name: str, clips: int) -> Tensor:
        """Return what the readout's rows with CLS, ``(B, L, H, T, 1 + P)``, come from over space and time."""
        patches = rows[..., 1:] / self.geometry.frames
        return route_over_time(patches, self._stack(name, clips)[:, :, None]) if self.divided else patches

    def _compute_time_rows(self, weights: Mapping[str, Tensor], clips: int) -> dict[str, Tensor]:
        """Carry the weights of each layer over time by the attention that has the same weighting."""
        temporal = {"value_": "value_temporal", "gradient_": "gradient_temporal"}
        return {
            f"{prefix}time_rows": route_over_time(rows, self._stack(temporal.get(prefix, "temporal"), clips))
            for prefix, rows in weights.items()
        }

    def _compute_rollouts(self, weights: Mapping[str, Tensor], rows: Tensor, clips: int) -> dict[str, Tensor]:
        """Carry CLS, and the weights of each layer, to the input: coefficients ``(B, n, T, P)`` by name."""
        needs, arrays = self.needs, dict[str, Tensor]()
        none = rows.new_zeros(clips, 0, *rows.shape[1:2], *rows[0, 0, 0, :, 1:].shape)
        reads = torch.stack(list(weights.values()), 1) if weights else none
        kinds = {"rollout": needs.rollout or (not self.divided and self.rolls_out)}
        kinds["frame_rollout"] = self.divided and needs.frame_rollout
        for name in (name for name, is_needed in kinds.items() if is_needed):
            over_time = self.divided and name == "rollout"
            terms = roll_out_divided(
                [layer["spatial"].unflatten(0, (clips, -1)) for layer in self.layers],
                [layer["temporal"].unflatten(0, (clips, -1)) for layer in self.layers] if over_time else None,
                reads,
                one_readout=self.divided,
            )
            arrays |= {f"{prefix}{name}": terms[:, index] for index, prefix in enumerate(["", *weights])}
        return arrays

    def _stack(self, name: str, clips: int) -> Tensor:
        """Return an array of all layers stacked: from ``(B·T or B·P, …)`` to ``(B, L, T or P, …)``."""
        return torch.stack([layer[name].unflatten(0, (clips, -1)) for layer in self.layers], 1)

    def _compute_patch_rows(self, patch: Patch, clips: int) -> Tensor:
        """Compute attention of one patch to all, ``(B, L, H, T, P)``: within its frame, and from there over time."""
        space = self._stack("patch_space", clips).squeeze(2)
        if self.divided:
            return torch.einsum("blhp,blpu->blhup", space, self._stack("patch_time", clips))
        rows = space.new_zeros(*space.shape[:3], self.geometry.frames, space.shape[3])
        rows[..., patch[0], :] = space
        return rows

    def _index_in_frame(self, patch: Patch) -> int:
        return patch[1] * self.geometry.width + patch[2]

    def _compute_contributions(self, clips: int, slopes: Tensor) -> Tensor:
        """Compute the contribution of each patch's projected value to the target's logit: ``(B, L, H, T, P)``."""
        frames = self.geometry.frames
        if self.divided:
            direction = class_direction(self.norm, self.classifier, self.readout, slopes)
            direction = direction.repeat_interleave(frames, 0)
        else:
            direction = class_direction(self.norm, self.classifier, self.readout, slopes.repeat_interleave(frames, 0))
        for layer in self.layers:
            contributions = value_contributions(direction, layer["value"], layer["projection"])
            layer["contribution"] = contributions[..., 1:] / frames
        return self._stack("contribution", clips).movedim(2, -2)

    def _find_attention_gradients(self, logits: Tensor, slopes: Tensor) -> None:
        kinds = {"gradient_spatial": "space"}
        if self.divided:
            kinds["gradient_temporal"] = "time"
        entries = [(layer, name, kind) for layer in self.layers for name, kind in kinds.items()]
        outputs = [layer[f"{kind}_out"] for layer, _, kind in entries]
        output_slopes = torch.autograd.grad(logits, outputs, slopes)
        for (layer, name, kind), slope in zip(entries, output_slopes, strict=True):
            query, key, value, scale = layer[kind]
            rows = slice(None) if kind == "time" or self.needs.relevance else slice(1)
            layer[name] = relevance_matrix(query[:, :, rows], key, value, slope[:, rows].transpose(1, 2), scale)

    def _compute_relevance(self, clips: int) -> Tensor:
        """Carry the readout back through ``I + mean_h relu(A · dy/dA)`` of space and time: ``(B, T, P)``.

        If frames share one CLS, each frame has a copy of it. Every copy starts with the full flow, because the gradient
        of a copy already contains the factor ``1/T``. Flow that arrives at one copy is added to all copies.
        """
        flow = torch.zeros(clips, *self.layers[0]["gradient_spatial"].unflatten(0, (clips, -1)).shape[1:3])
        flow = flow.to(self.readout.device)
        flow[..., 0] = 1
        for layer in reversed(self.layers):
            step = torch.einsum("btq,btqk->btk", flow, layer["gradient_spatial"].unflatten(0, (clips, -1)))
            if self.divided:
                step[..., 0] = step[..., 0].sum(1, keepdim=True)
            flow = flow + step
            if self.divided:
                time = layer["gradient_temporal"].unflatten(0, (clips, -1))
                patches = flow[..., 1:]
                flow[..., 1:] = patches + torch.einsum("btp,bptu->bup", patches, time)
        return flow[..., 1:]
