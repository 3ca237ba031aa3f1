"""A wrapped model that reads two corners of a clip, so that its maps are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import staa_widgets as staa
from staa_widgets.models.video_model import VideoModel

LABELS = ("left", "right", "none")


class Corner(nn.Module):
    """Logit 0: brightness at the top left of the last two frames; logit 1: at the bottom right of the first two."""

    def __init__(self, order: str = "bcthw") -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.dropout = nn.Dropout(0.5)
        self.order = order

    def forward(self, clips: Tensor) -> Tensor:
        clips = clips if self.order == "bcthw" else clips.transpose(1, 2)
        gray = self.dropout(clips).mean(1)
        one, two = gray[:, 2:, :8, :8].mean((1, 2, 3)), gray[:, :2, 8:, 8:].mean((1, 2, 3))
        return self.gain * torch.stack([one, two, 0 * one], 1)


def wrap(model: Any, **changes: Any) -> VideoModel:
    settings: dict[str, Any] = {"frames": 4, "size": 16, "labels": LABELS, "layout": "bcthw", "tubelet": 2, "patch": 8}
    return staa.wrap_model(model, **{**settings, **changes})


def video(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (4, 16, 16, 3), np.uint8)
