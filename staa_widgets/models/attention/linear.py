"""Linear layers as they compute: adapters (PEFT), parametrizations and heads of several layers included."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.errors import UnsupportedModelError

_TOLERANCE = 1e-2
"""Largest difference from a linear map, as a share of the outputs; a network with an activation differs by far more."""


def linear_layers(module: nn.Module) -> tuple[nn.Module, ...]:
    """Return the linear layers of a module in the order in which they were made.

    A layer with adapters counts as one layer; the layers that the adapters consist of are not returned.
    """
    if _is_linear(module):
        return (module,)
    return tuple(layer for child in module.children() for layer in linear_layers(child))


def layer_weight(layer: Any) -> Tensor:
    """Return the weight ``(D, D')`` that a linear layer computes with, active adapters included.

    The weight of any other layer than `torch.nn.Linear` is the Jacobian of its outputs, so that every kind of adapter
    counts as it computes: its scaling, several adapters at once, and adapters that are disabled or merged.

    Raises
    ------
    UnsupportedModelError
        If the layer is not linear.
    """
    if is_plain(layer):
        return layer.get_parameter("weight")
    parameter = next(layer.parameters())
    rows, columns = layer.out_features, layer.in_features
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, columns, generator=generator).to(parameter.device, parameter.dtype)
    # Each row is read at another random input: only if all inputs have the same Jacobian can it give the outputs.
    with torch.enable_grad(), torch.autocast(parameter.device.type, enabled=False):
        outputs = layer(inputs.requires_grad_())
        (weight,) = torch.autograd.grad(outputs, inputs, torch.eye(rows, device=inputs.device, dtype=outputs.dtype))
    with torch.no_grad(), torch.autocast(parameter.device.type, enabled=False):
        changes = (outputs - layer(torch.zeros_like(inputs))).float()
        difference = (changes - inputs.float() @ weight.float().T).norm()
    if not difference <= _TOLERANCE * changes.norm() + 1e-6:
        raise UnsupportedModelError(
            f"A {type(layer).__name__} in the place of a linear layer does not compute a linear map.",
            "Use 'rollout', which reads no values, or a gradient or perturbation method.",
        )
    return weight


def logit_gradient(classifier: nn.Module, readout: Tensor, slopes: Tensor) -> Tensor:
    """Return the gradient of the target's logit, less the mean logit, at the input of the head: float32 ``(n, D)``.

    The gradient of a linear head is the same everywhere. For a head of several layers it holds near this readout only.
    The mean logit counts as often as the slopes add up to: once for a class, not at all for the difference of two
    classes. With a single logit nothing is subtracted.

    Parameters
    ----------
    classifier
        Head of the model, from ``(n, D)`` to logits ``(n, K)``.
    readout
        Input of the head, ``(n, D)``.
    slopes
        Derivatives of the target by the logits, ``(n, K)``, see `staa_widgets.records.target.target_slopes`.
    """
    total = slopes.sum(-1, keepdim=True)
    if is_plain(classifier):
        weight = classifier.get_parameter("weight").float()
        return slopes.float() @ weight - (total * weight.mean(0) if len(weight) > 1 else 0)
    with torch.enable_grad():
        inputs = readout.detach().requires_grad_()
        logits = classifier(inputs)
        differences = (logits * slopes).sum(-1)
        if logits.shape[-1] > 1:
            differences = differences - total[:, 0] * logits.mean(-1)
        (gradient,) = torch.autograd.grad(differences.sum(), inputs)
    return gradient.float()


def norm_gain(norm: Any) -> tuple[Any, float]:
    """Return the gain ``(D,)`` that a LayerNorm computes with, active adapters included, and its epsilon."""
    eps = float(next(part.eps for part in norm.modules() if isinstance(getattr(part, "eps", None), float)))
    if hasattr(norm, "eps"):
        return norm.weight, eps
    # The bias is the same for an input and its negative.
    gain = next(norm.parameters())
    signs = torch.ones_like(gain)
    signs[1::2] = -1
    with torch.no_grad():
        return (norm(signs) - norm(-signs)) / (2 * nn.functional.layer_norm(signs, signs.shape, eps=eps)), eps


def is_plain(layer: nn.Module) -> bool:
    """Return whether a layer is a `torch.nn.Linear` whose weight is all that it computes with."""
    return type(layer) is nn.Linear and type(layer.weight) is nn.Parameter and "forward" not in vars(layer)


def _is_linear(module: nn.Module) -> bool:
    # The adapters of PEFT wrap a linear layer, and have its attributes.
    return hasattr(module, "in_features") and hasattr(module, "out_features")
