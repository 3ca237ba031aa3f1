"""Grad-CAM on the feature maps of a convolution net."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from staa_widgets.errors import UnsupportedRequestError
from staa_widgets.methods.inputs import MethodInputs


def feature_cam(inputs: MethodInputs) -> NDArray[np.float32]:
    """Return the positive part of the feature maps weighted by their mean gradient, ``(S, h, w)``.

    Selvaraju et al., "Grad-CAM", arXiv 1610.02391, over space and time.

    Parameters
    ----------
    inputs
        The window and its model; the output of the last of its layers is read.

    Raises
    ------
    UnsupportedRequestError
        If the output of the layer is no feature map, or the layer does not run exactly once.
    """
    inputs.report(0, 1)
    this_thread = threading.get_ident()
    outputs: list[Tensor] = []

    def replace_output(_: Any, __: Any, output: Any) -> Any:
        if threading.get_ident() != this_thread or not isinstance(output, Tensor):
            return output
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # The next layer may write into its input.

    handle = inputs.layers[-1].register_forward_hook(replace_output)
    try:
        with torch.enable_grad():
            logit = inputs.forward(inputs.pixels[None])[0, inputs.target]
    finally:
        handle.remove()
    layer = type(inputs.layers[-1]).__name__
    if len(outputs) != 1 or outputs[0].ndim not in (4, 5) or (outputs[0].ndim == 5 and len(outputs[0]) != 1):
        shapes = ", ".join(str(tuple(output.shape)) for output in outputs) or "no tensor"
        raise UnsupportedRequestError(
            f"The layer {layer} gives {shapes}, not one feature map (1, C, T, H, W).",
            "Give wrap_model another of the model's layers, such as its last convolution.",
        )
    (gradient,) = torch.autograd.grad(logit, outputs[0])
    features, slopes = outputs[0].detach().float(), gradient.float()
    if features.ndim == 4:  # The frames of the clip, one by one.
        features, slopes = features.transpose(0, 1)[None], slopes.transpose(0, 1)[None]
    cam = (features * slopes.mean((2, 3, 4), keepdim=True)).sum(1, keepdim=True).relu()
    inputs.report(1, 1)
    return interpolate(cam, inputs.shape, mode="trilinear", align_corners=False)[0, 0].cpu().numpy()
