"""TimeSformer (Hugging Face): divided, joint and space-only attention.

Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", arXiv 2102.05095.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import TimesformerConfig, TimesformerForVideoClassification
from transformers.models.timesformer.modeling_timesformer import TimesformerLayer, TimesformerSelfAttention

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.base import Family
from staa_widgets.models.reading import carried, class_direction, moved_norms, probabilities, pulled_back
from staa_widgets.record import Geometry, Needs, Record

_TYPES: dict[str, Literal["divided", "joint", "space_only"]] = {
    "divided_space_time": "divided",
    "joint_space_time": "joint",
    "space_only": "space_only",
}


def geometry(config: TimesformerConfig) -> Geometry:
    """Layout of the tokens: CLS, then patches with time fastest, or a sequence for each frame."""
    size, patch = config.image_size, config.patch_size
    if not isinstance(size, int) or not isinstance(patch, int):
        raise UnsupportedModelError(
            f"This TimeSformer has image size {size} and patch size {patch}.",
            "transformers runs TimeSformer on square images and patches only: give both as one number.",
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


class TimesformerReading:
    """One pass of a TimeSformer being read, see `staa_widgets.models.base.Reading`."""

    def __init__(self, module: TimesformerForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        self.geometry, self.needs = geometry, needs
        self.norm = module.timesformer.layernorm
        self.classifier = module.classifier
        self.attention_type: Literal["divided", "joint", "space_only"] = _TYPES[module.config.attention_type]
        self.forwards: dict[nn.Module, Callable[..., Any]] = {}
        self.layers: list[dict[str, Any]] = []
        for layer in (m for m in module.modules() if isinstance(m, TimesformerLayer)):
            taken: dict[str, Any] = {}
            self.layers.append(taken)
            after = layer.attention.output.dense.weight
            self._watch(layer.attention.attention, partial(self._take_space, taken, after))
            if self.attention_type == "divided":
                after = layer.temporal_dense.weight, layer.temporal_attention.output.dense.weight
                self._watch(layer.temporal_attention.attention, partial(self._take_time, taken, after))

    def take_readout(self, hidden: Tensor) -> None:
        """Keep CLS before the last norm, ``(B, D)``, or ``(B·T, D)`` where each frame is a sequence."""
        self.readout = hidden[:, 0].detach()

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip."""
        clips = len(targets)
        logits = logits.reshape(clips, -1, logits.shape[-1]).mean(1)
        guess = logits.argmax(-1).tolist()
        wanted = [guess[i] if target is None else target for i, target in enumerate(targets)]
        arrays = self._arrays(clips, logits, torch.tensor(wanted, device=logits.device))
        return [
            Record(
                geometry=self.geometry,
                attention_type=self.attention_type,
                logits=logits[i].detach().float().cpu().numpy(),
                target=wanted[i] if self.needs.target else -1,
                **{name: array[i] for name, array in arrays.items()},
            )
            for i in range(clips)
        ]

    def _watch(self, attention: TimesformerSelfAttention, take: Any) -> None:
        self.forwards[attention] = partial(_attend, attention, take)

    def _take_space(
        self, taken: dict[str, Any], after: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        """Take what attention over patches says, whether of one frame or of all."""
        needs = self.needs
        whole = needs.spatial and self.attention_type != "joint"
        if whole:
            attention = probabilities(query, key, scale)
            row = attention[:, :, 0]
            taken["spatial"] = attention.mean(1).half()
        else:
            row = probabilities(query[:, :, :1], key, scale)[:, :, 0]
        taken["row"] = row
        if needs.values:
            taken["value_row"] = (row * moved_norms(value, after))[..., 1:].mean(1)
        if needs.contributions:
            taken["value"], taken["after"] = value, after
        if needs.gradients:
            taken["space_out"], taken["space_value"] = out, value
        if needs.spatial and self.attention_type == "joint":
            taken["query"], taken["key"], taken["scale"] = query, key, scale

    def _take_time(
        self,
        taken: dict[str, Any],
        after: tuple[Tensor, Tensor],
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor,
        scale: float,
    ) -> None:
        """Take what attention over time says; every patch is a sequence of ``T`` frames."""
        needs = self.needs
        if not (needs.temporal or needs.values or needs.gradients):
            return
        attention = probabilities(query, key, scale)
        taken["temporal"] = attention.mean(1)
        if needs.values:
            weighted = (attention * moved_norms(value, after[0].float() @ after[1].float())[:, :, None]).mean(1)
            taken["value_temporal"] = weighted / weighted.sum(-1, keepdim=True).clamp_min(1e-30)
        if needs.gradients:
            taken["time_out"], taken["time_value"], taken["time_attention"] = out, value, attention

    def _arrays(self, clips: int, logits: Tensor, targets: Tensor) -> dict[str, np.ndarray]:
        """Bring what was taken to the shapes of a `Record`, with the clips in front."""
        needs, taken = self.needs, self.layers
        found: dict[str, Tensor] = {}
        rows = torch.stack([self._slices(layer["row"][..., 1:], clips) for layer in taken], 1)
        if needs.rows:
            cls = torch.stack([self._own(layer["row"][..., 0], clips) for layer in taken], 1)
            found |= {"rows": rows, "cls": cls}
        if needs.values:
            found["value_rows"] = torch.stack([self._slices(layer["value_row"], clips) for layer in taken], 1)
        if needs.contributions:
            found["contributions"] = self._contributions(clips, rows, targets)
        if needs.gradients:
            found |= self._gradients(clips, rows, logits, targets)
        if self.attention_type == "divided":
            for name, wanted in (("temporal", needs.temporal), ("value_temporal", needs.values)):
                if wanted:
                    found[name] = torch.stack([layer[name].unflatten(0, (clips, -1)) for layer in taken], 1)
        if needs.spatial and self.attention_type == "joint":
            found |= self._rollouts(clips, found.get("contributions"))
        elif needs.spatial:
            found["spatial"] = torch.stack([layer["spatial"].unflatten(0, (clips, -1)) for layer in taken], 1)
        return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in found.items()}

    def _slices(self, values: Tensor, clips: int) -> Tensor:
        """Bring values of patches, ``(n, …, patches)`` a sequence, to ``(B, …, S, P)``."""
        if self.attention_type == "joint":
            return values.unflatten(-1, (-1, self.geometry.frames)).transpose(-1, -2)
        return values.unflatten(0, (clips, -1)).movedim(1, -2)

    def _own(self, values: Tensor, clips: int) -> Tensor:
        """Bring values of CLS, ``(n, H)``, to ``(B, H, S)``."""
        if self.attention_type == "joint":
            frames = self.geometry.frames
            return (values / frames)[..., None].expand(*values.shape, frames)
        return values.unflatten(0, (clips, -1)).movedim(1, -1)

    def _contributions(self, clips: int, rows: Tensor, targets: Tensor) -> Tensor:
        if self.attention_type == "space_only":
            targets = targets.repeat_interleave(self.geometry.frames)
        direction = class_direction(self.norm, self.classifier, self.readout, targets)
        share = 1.0 if self.attention_type == "joint" else 1 / self.geometry.frames
        if self.attention_type == "divided":
            direction = direction.repeat_interleave(self.geometry.frames, 0)
        moved = [pulled_back(direction, layer["value"], layer["after"])[..., 1:] for layer in self.layers]
        return share * rows * torch.stack([self._slices(one, clips) for one in moved], 1)

    def _gradients(self, clips: int, rows: Tensor, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        divided = self.attention_type == "divided"
        outs = [layer["space_out"] for layer in self.layers]
        outs += [layer["time_out"] for layer in self.layers] if divided else []
        slopes = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), outs)
        count = len(self.layers)
        found = []
        for layer, slope in zip(self.layers, slopes[:count], strict=True):
            change = (slope[:, :, :1].float() @ layer["space_value"].float().transpose(-1, -2))[:, :, 0, 1:]
            found.append(self._slices(change, clips))
        result = {"gradient_rows": (rows * torch.stack(found, 1)).relu().mean(2)}
        if divided:
            found = []
            for layer, slope in zip(self.layers, slopes[count:], strict=True):
                change = slope.float() @ layer["time_value"].float().transpose(-1, -2)
                found.append((layer["time_attention"] * change).relu().mean(1).unflatten(0, (clips, -1)))
            result["gradient_temporal"] = torch.stack(found, 1)
        return result

    def _rollouts(self, clips: int, contributions: Tensor | None) -> dict[str, Tensor]:
        """Roll joint attention out while queries and keys are here: its matrices are too large to keep."""
        first = self.layers[0]["query"]
        flow = torch.zeros(clips, first.shape[2], device=first.device)
        flow[:, 0] = 1
        pushed = torch.zeros_like(flow)
        for depth in reversed(range(len(self.layers))):
            layer = self.layers[depth]
            if contributions is not None:
                pushed[:, 1:] += contributions[:, depth].sum(1).relu().transpose(-1, -2).flatten(1)
            flow = (flow + carried(flow, layer["query"], layer["key"], layer["scale"])) / 2
            if contributions is not None and depth:
                below = self.layers[depth - 1]
                pushed = (pushed + carried(pushed, below["query"], below["key"], below["scale"])) / 2
                pushed[:, 0] = 0
        found = {"rollout": self._slices(flow[:, 1:], clips)}
        if contributions is not None:
            found["contribution_rollout"] = self._slices(pushed[:, 1:], clips)
        return found


def _attend(attention: TimesformerSelfAttention, take: Callable[..., None], hidden: Tensor, *_: Any, **__: Any) -> Any:
    """Compute what `TimesformerSelfAttention.forward` does, through sdpa, and hand over what passes."""
    heads = attention.num_heads
    query, key, value = attention.qkv(hidden).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    out = scaled_dot_product_attention(query, key, value, scale=attention.scale)
    with torch.no_grad():
        take(query, key, value, out, attention.scale)
    return (out.transpose(1, 2).flatten(2),)


TIMESFORMER = Family(
    name="timesformer",
    architecture=TimesformerForVideoClassification,
    geometry=geometry,
    read=TimesformerReading,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)
