"""VideoPrism (Hugging Face, not in every release): attention within frames, then over time, read by a pooler's query.

Zhao et al., "VideoPrism: A Foundational Visual Encoder for Video Understanding", arXiv 2402.13217.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import VideoPrismForVideoClassification, VideoPrismVisionConfig
from transformers.models.videoprism.modeling_videoprism import (
    VideoPrismAttention,
    VideoPrismLayer,
    VideoPrismMultiheadAttentionPoolingHead,
)

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.base import Family, Take, parts_of
from staa_widgets.models.reading import (
    chosen,
    class_direction,
    make_records,
    mean_row,
    moved_norms,
    pulled_back,
    relevant,
)
from staa_widgets.record import Geometry, Needs, Record


def geometry(config: VideoPrismVisionConfig) -> Geometry:
    """Layout of the tokens that the pooler reads: patches frame by frame, and no CLS."""
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    frames, down, across = config.tubelet_size
    if frames != 1:
        raise UnsupportedModelError(
            f"This VideoPrism has tubelets of {frames} frames.", "transformers runs it with tubelets of one frame."
        )
    return Geometry(
        frames=config.num_frames,
        tubelet=1,
        height=height // down,
        width=width // across,
        order="time_major",
        prefix=0,
        input_size=(height, width),
        input_name="pixel_values_videos",
    )


class VideoPrismReading:
    """One pass of a VideoPrism being read, see `staa_widgets.models.base.Reading`.

    The one layer whose row can be read is the pooling head: its learned query asks, patches of all frames answer.
    Rollout carries that row back through the encoder over time, patch by patch, and the one within frames. Their scores
    are capped before the softmax, which is repeated here.
    """

    def __init__(self, module: VideoPrismForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        self.geometry, self.needs = geometry, needs
        self.norm, self.classifier = module.head_layernorm, module.classifier
        (head,) = parts_of(module, VideoPrismMultiheadAttentionPoolingHead)
        self.after = parts_of(head, nn.Linear)[-1].weight
        self.pooler: dict[str, Any] = {}
        self.takes: dict[nn.Module, Take] = {head: self._take_pooler}
        self.layers: list[dict[str, Any]] = []
        for at, attention in enumerate(parts_of(module, VideoPrismAttention)):
            over = "space" if at < module.config.num_spatial_layers else "time"
            self.layers.append({"over": over, "cap": attention.attn_logit_softcapping})
            if needs.spatial or needs.relevance:
                self.takes[attention] = partial(self._take, self.layers[-1])

    def take_readout(self, hidden: Tensor) -> None:
        """Keep what the head gives, ``(B, D)``."""
        self.readout = hidden[:, 0].detach()

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip."""
        return make_records(self.geometry, "joint", self.needs, logits, targets, self._arrays)

    def _take_pooler(self, query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float) -> None:
        self.pooler |= {"query": query, "key": key, "value": value, "out": out, "scale": scale}
        self.pooler["row"] = mean_row(query, key, scale)

    def _take(
        self, taken: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        scores = query.float() @ key.float().transpose(-2, -1) * scale
        attention = (taken["cap"] * (scores / taken["cap"]).tanh()).softmax(-1)
        taken["matrix"] = attention.mean(1)
        if self.needs.relevance:
            taken |= {"attention": attention, "value": value, "out": out}

    def _arrays(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Bring what was taken to the shapes of a `Record`, with the clips in front."""
        needs, row, found = self.needs, self.pooler["row"], {}
        # By name of a rollout: what the pooler reads of each token, (B, N).
        read = {"rollout": row.mean(1)}
        if needs.rows:
            rows = self._grid(row[:, None])
            found |= {"rows": rows, "cls": torch.zeros_like(rows[..., 0])}
        if needs.values:
            read["value_rollout"] = (row * moved_norms(self.pooler["value"], self.after)).mean(1)
            found["value_rows"] = self._grid(read["value_rollout"][:, None])
        if needs.contributions:
            # This norm adds 1 to its weight.
            norm: Any = SimpleNamespace(weight=self.norm.weight + 1, eps=self.norm.eps)
            direction = class_direction(norm, self.classifier, self.readout, targets)
            contributions = row * pulled_back(direction, self.pooler["value"], self.after)
            read["contribution_rollout"] = contributions.sum(1).relu()
            found["contributions"] = self._grid(contributions[:, None])
        if needs.backward:
            self._find_slopes(logits, targets)
        if needs.gradients:
            read["gradient_rollout"] = self._pooler_relevance()
            found["gradient_rows"] = self._grid(read["gradient_rollout"][:, None])
        if needs.spatial:
            found |= self._rollouts(read)
        if needs.relevance:
            found["relevance"] = self._relevance()
        return found

    def _grid(self, values: Tensor) -> Tensor:
        """Bring values of tokens ``(…, N)`` to ``(…, S, P)``."""
        return values.unflatten(-1, (self.geometry.slices, -1))

    def _find_slopes(self, logits: Tensor, targets: Tensor) -> None:
        taken = [self.pooler, *self.layers] if self.needs.relevance else [self.pooler]
        slopes = torch.autograd.grad(logits, [layer["out"] for layer in taken], chosen(logits, targets))
        for layer, slope in zip(taken, slopes, strict=True):
            layer["slope"] = slope.transpose(1, 2)

    def _pooler_relevance(self) -> Tensor:
        """Attention of the pooler times its gradient, the positive part, head mean: ``(B, N)``."""
        asked = self.pooler
        return relevant(asked["query"], asked["key"], asked["value"], asked["slope"], asked["scale"])[:, 0]

    def _rollouts(self, read: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carry what the pooler reads back to the input: coefficients of the powers of attention's share."""
        starts = self._grid(torch.stack(list(read.values()), 1))
        terms = torch.zeros(*starts.shape[:2], len(self.layers) + 1, *starts.shape[2:], device=starts.device)
        terms[:, :, 0] = starts
        for layer in reversed(self.layers):
            through = _carried(terms, layer["over"], layer["matrix"])
            terms[:, :, 1:] += through[:, :, :-1] - terms[:, :, :-1]
        return {name: terms[:, at] for at, name in enumerate(read)}

    def _relevance(self) -> Tensor:
        """Carry the pooler's relevance back through ``I + mean_h relu(A · dy/dA)`` of the layers: ``(B, S, P)``."""
        flow = self._grid(self._pooler_relevance())[:, None, None]
        for layer in reversed(self.layers):
            change = layer["slope"].float() @ layer["value"].float().transpose(-2, -1)
            flow = flow + _carried(flow, layer["over"], (layer["attention"] * change).relu().mean(1))
        return flow[:, 0, 0]


def _carried(flow: Tensor, over: str, matrix: Tensor) -> Tensor:
    """Carry ``(B, K, n, T, P)`` through attention within frames ``(B·T, P, P)``, or over time ``(B·P, T, T)``."""
    matrix = matrix.unflatten(0, (len(flow), -1))
    return torch.einsum("bkntq,btqp->bkntp" if over == "space" else "bkntp,bptu->bknup", flow, matrix)


VIDEOPRISM = Family(
    name="videoprism_vision_model",
    architecture=VideoPrismForVideoClassification,
    geometry=geometry,
    read=VideoPrismReading,
    layers=lambda module: parts_of(module, VideoPrismLayer),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    # Blocks over time take a sequence a patch.
    last_order="patch_major",
)
