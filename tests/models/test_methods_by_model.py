"""`docs/generated/methods_by_model.md` says truly which methods explain which models."""

from __future__ import annotations

import warnings
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import staa_widgets as staa
from docs.methods_by_model import FAMILY_NAMES, PAGE, methods_text, refusal
from docs.other_nets import OTHER_NETS, OtherNet
from staa_widgets.errors import UnsupportedRequestError
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import Method
from staa_widgets.models import Transform
from staa_widgets.models.feature_layers import convolution_net, find_feature_layer
from staa_widgets.models.video_model import VideoModel
from tests.helpers.r2plus1d import R2Plus1D
from tests.helpers.tiny import MISSING_FAMILIES, tiny_video_model

FAST: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 1},
    "smooth_grad": {"samples": 1},
    "gradient_shap": {"samples": 1},
    "lime": {"samples": 4, "segments": (2, 1, 1)},
    "kernel_shap": {"samples": 4, "segments": (2, 1, 1)},
    "shapley": {"segments": (2, 1, 1)},
    "loco": {"segments": (2, 1, 1)},
    "step": {"steps": 1},
    "extremal": {"steps": 1},
    "rise": {"masks": 4, "parts": (2, 1, 1)},
}
"""Parameters with which a method takes few passes."""

PRETRAINED = {
    'weights="DEFAULT"': "weights=None",
    "pretrained=True": "pretrained=False",
}
"""Code that loads weights, and code without weights in its place."""

SMALL = {"s3d": (16, 224), "mvit_v2_s": (16, 224), "timm, vit_tiny_patch16_224": (2, 224)}
"""Frames and size for nets that take no clips of 8 frames of 64 pixels."""


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == methods_text(), "run `make reference`"


def check(model: VideoModel, kind: str | OtherNet, method: Method) -> None:
    geometry = model.geometry
    frames = np.random.default_rng(0).integers(0, 255, (geometry.frames, *geometry.input_size, 3), np.uint8)
    quiet: dict[str, Any] = {"cache": False, "preview": False, "progress": False}
    params = FAST.get(method.name, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if refusal(kind, method):
            with pytest.raises(UnsupportedRequestError):
                staa.explain(frames, model, method.name, **params, **quiet)
        else:
            maps = staa.explain(frames, model, method.name, **params, **quiet).maps
            assert maps.shape == (geometry.slices, geometry.height, geometry.width)
            assert np.isfinite(maps).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_methods_of_a_family(family: str, method: Method) -> None:
    if family in MISSING_FAMILIES:
        pytest.skip("not in this release of transformers")
    check(tiny_video_model(family), family, method)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods_of_a_small_net_like_r2plus1d(method: Method) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = R2Plus1D()
    model = staa.wrap_model(net, frames=4, size=32, patch=16, tubelet=2, labels=2, layout="bcthw")
    check(model, OtherNet("like R(2+1)D", (), "", "features"), method)
    assert feature_layer(model) == "features"


def feature_layer(model: VideoModel) -> str:
    """Return the name of the layer that Grad-CAM reads."""
    net = convolution_net(model.module)
    if net is None:
        return ""
    clip = torch.zeros(1, model.geometry.frames, 3, *model.geometry.input_size)
    return find_feature_layer(net, lambda: model.module(pixel_values=clip), model.geometry)[0]


def run_code(net: OtherNet, *, small: bool) -> VideoModel:
    """Run the code of the page with random weights, with sizes of the page or small ones and two cells."""
    frames, size = SMALL.get(net.name, (8, 64))
    changes: dict[str, Any] = {"frames": frames, "size": size, "patch": size, "tubelet": frames // 2}

    def wrap(module: nn.Module, **settings: Any) -> VideoModel:
        settings.pop("processor" if small else "", None)
        return staa.wrap_model(module, **{**settings, **(changes if small else {})})

    code = net.code
    for loaded, random in PRETRAINED.items():
        code = code.replace(loaded, random)
    scope: dict[str, Any] = {"staa": SimpleNamespace(wrap_model=wrap), "Transform": Transform}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(code, scope)
    return scope["model"]


@pytest.mark.parametrize("net", OTHER_NETS, ids=lambda net: net.name)
def test_methods_of_nets_of_other_libraries(net: OtherNet) -> None:
    for package in net.packages:
        try:
            import_module(package)
        except (ImportError, RuntimeError):  # torchvision raises RuntimeError if it is for another release of torch.
            pytest.skip(f"{package} is not installed")
    assert feature_layer(run_code(net, small=False)) == net.feature_layer
    small = run_code(net, small=True)
    for method in METHODS.values():
        check(small, net, method)
