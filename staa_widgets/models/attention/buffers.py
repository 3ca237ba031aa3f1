"""`TensorBuffer`: preallocated memory for the queries and keys of all layers of one pass."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class TensorBuffer:
    """Preallocated buffer for tensors of one shape that are needed until the end of a pass.

    Used on a CPU only. Queries and keys allocated one by one would lie between tensors that are freed again, so that
    the process asks the system for fresh memory over and over; the page faults take 5 % of a pass.

    Parameters
    ----------
    count
        Number of tensors.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._memory: Tensor | None = None
        self._free_slots: Iterator[Tensor] = iter(())

    def store(self, tensor: Tensor) -> Tensor:
        """Copy a tensor into the buffer, unless it is there already, and return the copy."""
        if self._memory is not None and _same_storage(tensor, self._memory):
            return tensor
        slot = self._next_slot(tensor, tensor.shape)
        return tensor if slot is None else slot.copy_(tensor)

    def new_like(self, tensor: Tensor) -> Tensor:
        """Return an uninitialized tensor of the same shape in the buffer, for the caller to fill."""
        slot = self._next_slot(tensor, tensor.shape)
        return tensor.new_empty(tensor.shape) if slot is None else slot

    def project(self, linear: nn.Linear, tokens: Tensor) -> Tensor:
        """Return the output of a linear layer for ``(B, N, D)``, written into the buffer if possible.

        The result is the same to the last bit.
        """
        weight, bias = linear.weight, linear.bias
        same_dtype = tokens.dtype == weight.dtype and not torch.is_autocast_enabled(tokens.device.type)
        slot = None
        if same_dtype and tokens.ndim == 3 and tokens.is_contiguous() and not torch.is_grad_enabled():
            slot = self._next_slot(tokens, torch.Size((*tokens.shape[:2], len(weight))))
        if slot is None:
            return nn.functional.linear(tokens, weight, bias)
        flat_tokens, flat_slot = tokens.flatten(0, 1), slot.flatten(0, 1)
        if bias is None:
            torch.mm(flat_tokens, weight.t(), out=flat_slot)
        else:
            torch.addmm(bias, flat_tokens, weight.t(), out=flat_slot)
        return slot

    def _next_slot(self, like: Tensor, shape: torch.Size) -> Tensor | None:
        """Return the next free slot; ``None`` if no free slot has this shape."""
        if like.device.type != "cpu":
            return None
        if self._memory is None:
            self._memory = torch.empty(self._count, *shape, dtype=like.dtype)
            self._free_slots = iter(self._memory)
        slot = next(self._free_slots, None)
        return slot if slot is not None and slot.shape == shape else None


def _same_storage(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
