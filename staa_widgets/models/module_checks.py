"""Check modules in memory before they are explained."""

from __future__ import annotations

from torch import nn

from staa_widgets.errors import ParameterError, UnsupportedModelError

_QUANTIZED_MODULES = (
    *("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized"),
    *("torchao", "optimum.quanto", "bitsandbytes"),
)
_HINT = "For other models, use staa_widgets.wrap_model and a method without attention."


def check_has_values(module: nn.Module) -> None:
    """Raise `ParameterError` if weights or buffers of a module are on the meta device, where they have no values."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    empty = [name for name, tensor in tensors if tensor.is_meta]
    if empty:
        raise ParameterError(
            f"{len(empty)} weights of the module have no values (device meta), such as {empty[0]}.",
            "Load the weights first.",
        )


def check_weights(module: nn.Module) -> None:
    """Raise if the weights of a module cannot be read: quantized, without values, or not floating-point.

    Raises
    ------
    UnsupportedModelError
        If weights are quantized.
    ParameterError
        If weights have no values, or there are none.
    """
    kinds = {type(part) for part in (*module.modules(), *module.parameters())}
    quantized = {kind.__name__ for kind in kinds if kind.__module__.startswith(_QUANTIZED_MODULES)}
    quantized |= {str(weight.dtype) for weight in module.parameters() if not weight.is_floating_point()}
    if quantized:
        raise UnsupportedModelError(
            f"The module is quantized ({', '.join(sorted(quantized)[:3])}), so its attention cannot be read.",
            f"Load the model without quantization. {_HINT}",
        )
    check_has_values(module)
    if next(module.parameters(), None) is None:
        raise ParameterError("The module has no weights.", _HINT)
