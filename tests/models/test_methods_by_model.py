"""The page of methods by model says what happens: each method explains a clip, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import staa_widgets as staa
from docs.methods_by_model import NETS, PAGE, explaining_methods, methods_text, unsupported, unsupported_by_net
from staa_widgets.errors import UnsupportedRequestError
from staa_widgets.models import VideoModel
from tests.helpers.tiny import ATTENDING, tiny_video_model

FEW_PASSES: dict[str, dict[str, Any]] = {
    "lime": {"samples": 20},
    "kernel_shap": {"samples": 20},
    "rise": {"masks": 4},
    "step": {"steps": 2},
    "extremal": {"steps": 2},
    "integrated_gradients": {"steps": 20},
    "smooth_grad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "shapley": {"segments": (2, 1, 1)},
    "occlusion": {"cells": (2, 3, 3)},
    "loco": {"segments": (2, 2, 2)},
}


class FrameModel(nn.Module):
    """Mean of the logits of single frames."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, clips: Tensor) -> Tensor:
        return self.net(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).mean(1)


class Recurrent(nn.Module):
    """Convolutions on every frame, then an LSTM over time."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, clips: Tensor) -> Tensor:
        features = self.features(clips.flatten(0, 1)).mean((2, 3)).unflatten(0, clips.shape[:2])
        return self.head(self.lstm(features)[0][:, -1])


def refused_methods(model: VideoModel) -> set[str]:
    """Return the methods that do not explain a clip for a model."""
    height, width = model.geometry.input_size
    frames = np.random.default_rng(0).integers(0, 256, (model.geometry.frames, height, width, 3), np.uint8)
    clip = staa.open_clip(frames, fps=8)
    refused = set()
    for method in explaining_methods():
        try:
            e = staa.explain(
                clip, model, method.name, cache=False, preview=False, attention=False, **FEW_PASSES.get(method.name, {})
            )
            assert np.isfinite(e.maps).all()
        except UnsupportedRequestError:
            refused.add(method.name)
    return refused


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == methods_text(), "run: make reference"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family", ATTENDING)
def test_methods_of_a_family(family: str) -> None:
    assert refused_methods(tiny_video_model(family)) == {*unsupported(family)}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_methods_of_a_net_of_convolutions_and_an_lstm() -> None:
    torch.manual_seed(0)
    model = staa.wrap_model(Recurrent(), frames=4, size=32, labels=5)
    assert refused_methods(model) == {*unsupported_by_net(NETS[-1])}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("net", [net for net in NETS if net.library], ids=lambda net: net.name)
def test_methods_of_a_net_of_another_library(net: Any) -> None:
    library = pytest.importorskip("torchvision.models.video" if net.library == "torchvision" else "timm")
    torch.manual_seed(0)
    if net.library == "timm":
        model = staa.wrap_model(
            FrameModel(library.create_model("resnet18", num_classes=5)), frames=8, size=64, labels=5
        )
    else:
        make: Callable[..., nn.Module] = getattr(library, net.name)
        size = 224 if net.name in {"s3d", "mvit_v2_s"} else 64
        frames = 16 if size == 224 else 8
        model = staa.wrap_model(make(num_classes=5), frames=frames, size=size, labels=5, layout="bcthw")
    assert refused_methods(model) == {*unsupported_by_net(net)}
