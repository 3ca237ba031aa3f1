"""Feature maps of convolution nets: whether a wrapped model has any, and the layer that gives the last one."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models.video_model import VideoModel
from staa_widgets.models.wrap import WrappedModel
from staa_widgets.records.geometry import Geometry


def has_layers(model: VideoModel) -> bool:
    """Return whether Grad-CAM can read layers of a model: blocks of a transformer, named layers, a convolution net."""
    module = model.module
    if not isinstance(module, WrappedModel):
        return bool(model.family.layers(module))
    return bool(module.layers) or convolution_net(module) is not None


def convolution_net(module: nn.Module) -> nn.Module | None:
    """Return the convolution net in a wrapped model without named layers; ``None`` if it is none.

    A net with more convolutions than linear layers counts: video transformers have a convolution for their patches, and
    many more linear layers.
    """
    if not isinstance(module, WrappedModel) or module.layers or not isinstance(module.inner, nn.Module):
        return None
    parts = [*module.inner.modules()]
    convolutions = sum(isinstance(part, nn.Conv2d | nn.Conv3d) for part in parts)
    linear = sum(isinstance(part, nn.Linear | nn.MultiheadAttention) for part in parts)
    return module.inner if convolutions > linear else None


def is_feature_map(shape: Sequence[int], geometry: Geometry) -> bool:
    """Return whether a shape is that of feature maps of one clip: ``(1, C, T', H', W')``, or ``(T, C, H', W')``.

    They are at most as large as the clip, have about its aspect ratio, and more than one cell. Other orders of the
    axes, such as channels last, do not fit.
    """
    height, width = geometry.input_size
    if len(shape) not in (4, 5) or (len(shape) == 5 and (shape[0] != 1 or shape[2] > geometry.frames)):
        return False
    rows, columns = shape[-2:]
    if not (1 <= rows <= height and 1 <= columns <= width and rows * columns > 1):
        return False
    # Rounding changes the aspect ratio of a small map.
    return abs(math.log(rows / columns * width / height)) <= math.log(2) + 1e-6


def find_feature_layer(
    net: nn.Module, run: Callable[[], object], geometry: Geometry
) -> tuple[str, nn.Module] | tuple[str, None]:
    """Return the name and the module of the layer that gives the last feature map in a pass.

    Parameters
    ----------
    net
        Net whose layers are looked at.
    run
        Function that runs one clip through the net.
    geometry
        Layout of the clip.

    Returns
    -------
    name, layer
        The layer that finishes last, of those that run once and give feature maps; ``("", None)`` if there is none.
    """
    this_thread = threading.get_ident()
    runs: Counter[str] = Counter()
    map_names: list[str] = []

    def note(name: str, output: Any) -> None:
        if threading.get_ident() != this_thread:
            return
        runs[name] += 1
        is_map = isinstance(output, Tensor) and is_feature_map(output.shape, geometry)
        if is_map and (output.ndim == 5 or len(output) == geometry.frames):
            map_names.append(name)

    layers = {name: layer for name, layer in net.named_modules() if name}
    handles = [
        layer.register_forward_hook(lambda _, __, output, name=name: note(name, output))
        for name, layer in layers.items()
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    names = [name for name in map_names if runs[name] == 1]
    return (names[-1], layers[names[-1]]) if names else ("", None)
