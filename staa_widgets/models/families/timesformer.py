"""TimeSformer (Hugging Face): divided, joint and space-only attention.

Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", arXiv 2102.05095.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import TimesformerConfig, TimesformerForVideoClassification
from transformers.models.timesformer.modeling_timesformer import TimesformerLayer, TimesformerSelfAttention

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.attention.joint import JointReader
from staa_widgets.models.attention.ops import (
    attend_and_summarize,
    attention_probabilities,
    class_direction,
    make_records,
    projected_value_norms,
    relevance_matrix,
    target_one_hot,
    value_contributions,
)
from staa_widgets.models.family import CaptureCallback, Family, submodules_of
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import AttentionType, Needs, Record

_ATTENTION_TYPES: dict[str, AttentionType] = {
    "divided_space_time": "divided",
    "joint_space_time": "joint",
    "space_only": "space_only",
}


def geometry(config: TimesformerConfig) -> Geometry:
    """Return the token layout: CLS, then patches with time fastest, or a sequence for each frame."""
    size, patch = config.image_size, config.patch_size
    if not isinstance(size, int) or not isinstance(patch, int):
        raise UnsupportedModelError(
            f"A TimeSformer with image size {size} and patch size {patch} is not supported.",
            "Use square images and patches: in the configuration, give each size as one number.",
        )
    return Geometry(
        frames=config.num_frames,
        tubelet=1,
        height=size // patch,
        width=size // patch,
        order="per_frame" if config.attention_type == "space_only" else "patch_major",
        prefix=1,
        input_size=(size, size),
    )


def make_reader(
    module: TimesformerForVideoClassification, geometry: Geometry, needs: Needs
) -> TimesformerReader | JointReader:
    """Return the reader of one pass."""
    if _ATTENTION_TYPES[module.config.attention_type] != "joint":
        return TimesformerReader(module, geometry, needs)
    layers = submodules_of(module, TimesformerLayer)
    return JointReader(
        geometry,
        needs,
        norm=module.timesformer.layernorm,
        classifier=module.classifier,
        attentions=[(layer.attention.attention, layer.attention.output.dense.weight) for layer in layers],
    )


class TimesformerReader:
    """Reads attention within frames from one pass of a TimeSformer, and attention over time if attention is divided.

    If whole matrices are needed, but no gradients, the matrices are computed once for both the output and the record.

    See `staa_widgets.models.family.AttentionReader`.
    """

    def __init__(self, module: TimesformerForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        self.geometry, self.needs = geometry, needs
        self.samples_queries = False
        self.norm = module.timesformer.layernorm
        self.classifier = module.classifier
        self.divided = module.config.attention_type == "divided_space_time"
        self.patch = geometry.resolve_patch(needs.patch) if needs.patch else None
        self.captures: dict[nn.Module, CaptureCallback] = {}
        self.layers: list[dict[str, Any]] = []
        for layer in submodules_of(module, TimesformerLayer):
            captured: dict[str, Any] = {}
            self.layers.append(captured)
            projection = layer.attention.output.dense.weight
            self.captures[layer.attention.attention] = partial(self._capture_space, captured, projection)
            if self.divided:
                projections = layer.temporal_dense.weight, layer.temporal_attention.output.dense.weight
                self.captures[layer.temporal_attention.attention] = partial(self._capture_time, captured, projections)

    def capture_readout(self, hidden: Tensor) -> None:
        """Store CLS before the last norm, ``(B, D)``, or ``(B·T, D)`` if each frame is a sequence."""
        self.readout = hidden[:, 0].detach()

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record per clip."""
        kind: AttentionType = "divided" if self.divided else "space_only"
        return make_records(self.geometry, kind, self.needs, logits, targets, self._make_arrays)

    def _capture_space(
        self,
        captured: dict[str, Any],
        projection: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor | None,
        scale: float,
    ) -> Tensor | None:
        """Store attention over the patches of a frame; return the output if it was computed with the attention."""
        needs = self.needs
        if needs.spatial:
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
            captured["value_row"] = (row * projected_value_norms(value, projection))[..., 1:].mean(1)
        if needs.contributions:
            captured["value"], captured["projection"] = value, projection
        if needs.backward:
            captured["space"], captured["space_out"] = (query, key, value, scale), out
        return output

    def _capture_time(
        self,
        captured: dict[str, Any],
        projections: tuple[Tensor, Tensor],
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
        if needs.temporal or needs.values:
            if needs.values:
                attention = attention_probabilities(query, key, scale)
                captured["temporal"] = attention.mean(1)
                norms = projected_value_norms(value, projections[0].float() @ projections[1].float())
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

    def _make_arrays(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Compute the arrays of a `Record` from the captured tensors; the first axis of every array is the clips."""
        needs, clips = self.needs, len(targets)
        arrays: dict[str, Tensor] = {}
        rows = self._stack("row", clips).movedim(2, -2)
        if needs.rows:
            arrays |= {"rows": rows[..., 1:], "cls": rows[..., 0]}
        if self.patch is not None:
            arrays["patch_rows"] = self._compute_patch_rows(self.patch, clips)
        if needs.values:
            arrays["value_rows"] = self._stack("value_row", clips)
        if needs.contributions:
            arrays["contributions"] = rows[..., 1:] * self._compute_contributions(clips, targets)
        if needs.backward:
            self._find_attention_gradients(logits, targets)
        if needs.gradients:
            # The row of CLS, without CLS itself.
            arrays["gradient_rows"] = self._stack("gradient_spatial", clips)[:, :, :, 0, 1:]
        if needs.relevance:
            arrays["relevance"] = self._compute_relevance(clips)
        if needs.spatial:
            arrays["spatial"] = self._stack("spatial", clips)
        if self.divided:
            for name, is_needed in (
                ("temporal", needs.temporal),
                ("value_temporal", needs.values),
                ("gradient_temporal", needs.gradients),
            ):
                if is_needed:
                    arrays[name] = self._stack(name, clips)
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

    def _compute_contributions(self, clips: int, targets: Tensor) -> Tensor:
        """Compute the contribution of each patch's projected value to the target's logit: ``(B, L, H, T, P)``."""
        frames = self.geometry.frames
        if self.divided:
            direction = class_direction(self.norm, self.classifier, self.readout, targets)
            direction = direction.repeat_interleave(frames, 0)
        else:
            direction = class_direction(self.norm, self.classifier, self.readout, targets.repeat_interleave(frames))
        for layer in self.layers:
            contributions = value_contributions(direction, layer["value"], layer["projection"])
            layer["contribution"] = contributions[..., 1:] / frames
        return self._stack("contribution", clips).movedim(2, -2)

    def _find_attention_gradients(self, logits: Tensor, targets: Tensor) -> None:
        kinds = {"gradient_spatial": "space"}
        if self.divided:
            kinds["gradient_temporal"] = "time"
        entries = [(layer, name, kind) for layer in self.layers for name, kind in kinds.items()]
        outputs = [layer[f"{kind}_out"] for layer, _, kind in entries]
        slopes = torch.autograd.grad(logits, outputs, target_one_hot(logits, targets))
        for (layer, name, kind), slope in zip(entries, slopes, strict=True):
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


def attend_and_capture(
    attention: TimesformerSelfAttention, callback: CaptureCallback, hidden: Tensor, *_: Any, **__: Any
) -> tuple[Tensor]:
    """Compute what `TimesformerSelfAttention.forward` does, and call the capture callback.

    Without gradients the callback may compute the output itself; otherwise sdpa does.
    """
    heads = attention.num_heads
    query, key, value = attention.qkv(hidden).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    out = None if torch.is_grad_enabled() else callback(query, key, value, None, attention.scale)
    if out is None:
        out = scaled_dot_product_attention(query, key, value, scale=attention.scale).transpose(1, 2)
    if torch.is_grad_enabled():
        with torch.no_grad():
            callback(query, key, value, out, attention.scale)
    return (out.flatten(2),)


TIMESFORMER = Family(
    name="timesformer",
    architecture=TimesformerForVideoClassification,
    geometry=geometry,
    make_reader=make_reader,
    layers=lambda module: submodules_of(module, TimesformerLayer),
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
    attention_forward=attend_and_capture,
)
