"""Grad-CAM on the feature maps of a convolution net."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from staa_widgets.errors import UnsupportedRequestError
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.models.feature_layers import find_feature_layer, is_feature_map


def feature_cam(inputs: MethodInputs) -> NDArray[np.float32]:
    """Return the positive part of the feature maps weighted by their mean gradient, ``(S, h, w)``.

    Selvaraju et al., "Grad-CAM", arXiv 1610.02391, over space and time.

    Parameters
    ----------
    inputs
        The window and its model; the output of the last of its layers is read, or of the layer that is found.

    Raises
    ------
    UnsupportedRequestError
        If the output of the layer is no feature map, or the layer does not run exactly once.
    """
    inputs.report(0, 1)
    layer = inputs.layers[-1] if inputs.layers else _last_layer(inputs)
    this_thread = threading.get_ident()
    outputs: list[Tensor] = []

    def replace_output(_: Any, __: Any, output: Any) -> Any:
        if threading.get_ident() != this_thread or not isinstance(output, Tensor):
            return output
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # The next layer may write into its input.

    handle = layer.register_forward_hook(replace_output)
    try:
        with torch.enable_grad():
            logit = inputs.target_logits(inputs.pixels[None])[0]
    finally:
        handle.remove()
    if len(outputs) != 1 or not is_feature_map(outputs[0].shape, inputs.geometry):
        shapes = ", ".join(str(tuple(output.shape)) for output in outputs) or "no tensor"
        raise UnsupportedRequestError(
            f"The layer {type(layer).__name__} gives {shapes}, not one feature map (1, C, T, H, W).",
            "Give wrap_model another of the model's layers, such as its last convolution.",
        )
    (gradient,) = torch.autograd.grad(logit, outputs[0])
    features, slopes = outputs[0].detach().float(), gradient.float()
    if features.ndim == 4:  # The frames of the clip, one by one.
        features, slopes = features.transpose(0, 1)[None], slopes.transpose(0, 1)[None]
    cam = (features * slopes.mean((2, 3, 4), keepdim=True)).sum(1, keepdim=True).relu()
    inputs.report(1, 1)
    return interpolate(cam, inputs.shape, mode="trilinear", align_corners=False)[0, 0].cpu().numpy()


def _last_layer(inputs: MethodInputs) -> nn.Module:
    """Return the layer that gives the last feature map of a convolution net."""
    assert inputs.net is not None
    _, layer = find_feature_layer(inputs.net, lambda: inputs.forward(inputs.pixels[None]), inputs.geometry)
    if layer is None:
        raise UnsupportedRequestError(
            "No layer of this net gives feature maps (1, C, T, H, W), or (T, C, H, W) frame by frame.",
            "Name one with layers= of wrap_model, or use 'occlusion' or 'integrated_gradients'.",
        )
    return layer
