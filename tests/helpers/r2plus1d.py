"""A small convolution net like R(2+1)D that tells two drawn actions apart, trained in about four seconds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import staa_widgets as staa
from staa_widgets.datasets.drawn_actions import ActionClip
from staa_widgets.models import VideoModel

ACTIONS = ("wave", "squat")
FIRST_SEED = 30_000_000
TRAINING_CLIPS = 128
SIZE = 32


class R2Plus1D(nn.Module):
    """Convolutions in space and time by turns (Tran et al., arXiv 1711.11248) over differences to the mean frame."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 8), (8, 16)):
            layers += [
                *(nn.Conv3d(inputs, outputs, (1, 3, 3), (1, 2, 2), (0, 1, 1)), nn.ReLU()),
                *(nn.Conv3d(outputs, outputs, (3, 1, 1), 1, (1, 0, 0)), nn.ReLU()),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(16, len(ACTIONS))

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(self.features(clips - clips.mean(2, keepdim=True)).amax((2, 3, 4)))


def draw_clip(number: int) -> ActionClip:
    """Return a clip of 8 frames; the first `TRAINING_CLIPS` ones are for training."""
    return staa.action_clip(FIRST_SEED + number, ACTIONS[number % 2], size=SIZE, fps=2)


def train_r2plus1d() -> VideoModel:
    """Return the trained net, wrapped."""
    clips = [draw_clip(number) for number in range(TRAINING_CLIPS)]
    pixels = torch.from_numpy(np.stack([clip.frames for clip in clips])).float().permute(0, 4, 1, 2, 3) / 255 - 0.5
    classes = torch.tensor([ACTIONS.index(clip.label) for clip in clips])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = R2Plus1D()
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(25):
            for batch in torch.randperm(TRAINING_CLIPS).split(16):
                loss = nn.functional.cross_entropy(net(pixels[batch]), classes[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return staa.wrap_model(
        net, frames=8, size=SIZE, patch=4, labels=ACTIONS, layout="bcthw", mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0)
    )
