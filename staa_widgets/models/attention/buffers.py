"""Where queries and keys lie to the end of a pass."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class TensorBuffer:
    """Holds tensors of one shape to the end of a pass, on a CPU in one piece of memory.

    Held where they are, they would lie between what the pass takes and gives back, and the system would be asked for
    fresh memory again and again: 5 % of a pass.

    Parameters
    ----------
    count
        How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._memory: Tensor | None = None
        self._free_slots: Iterator[Tensor] = iter(())

    def __call__(self, tensor: Tensor) -> Tensor:
        """Give the same numbers, to be held."""
        if (
            self._memory is not None
            and tensor.untyped_storage().data_ptr() == self._memory.untyped_storage().data_ptr()
        ):
            return tensor
        place = self._next_slot(tensor, tensor.shape)
        return tensor if place is None else place.copy_(tensor)

    def new_like(self, tensor: Tensor) -> Tensor:
        """Give a tensor like another, to be written and then held where it lies."""
        place = self._next_slot(tensor, tensor.shape)
        return tensor.new_empty(tensor.shape) if place is None else place

    def project(self, linear: nn.Linear, tokens: Tensor) -> Tensor:
        """Give what a linear layer makes of ``(B, N, D)``, to the last bit, made where it is held if that can be."""
        weight, bias = linear.weight, linear.bias
        same = tokens.dtype == weight.dtype and not torch.is_autocast_enabled(tokens.device.type)
        place = None
        if same and tokens.ndim == 3 and tokens.is_contiguous() and not torch.is_grad_enabled():
            place = self._next_slot(tokens, torch.Size((*tokens.shape[:2], len(weight))))
        if place is None:
            return nn.functional.linear(tokens, weight, bias)
        given, made = tokens.flatten(0, 1), place.flatten(0, 1)
        if bias is None:
            torch.mm(given, weight.t(), out=made)
        else:
            torch.addmm(bias, given, weight.t(), out=made)
        return place

    def _next_slot(self, like: Tensor, shape: torch.Size) -> Tensor | None:
        if like.device.type != "cpu":
            return None
        if self._memory is None:
            self._memory = torch.empty(self._count, *shape, dtype=like.dtype)
            self._free_slots = iter(self._memory)
        place = next(self._free_slots, None)
        return place if place is not None and place.shape == shape else None
