"""Where queries and keys lie to the end of a pass."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class Hold:
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
        self._all: Tensor | None = None
        self._free: Iterator[Tensor] = iter(())

    def __call__(self, tensor: Tensor) -> Tensor:
        """Give the same numbers, to be held."""
        if self._all is not None and tensor.untyped_storage().data_ptr() == self._all.untyped_storage().data_ptr():
            return tensor
        place = self._next(tensor)
        return tensor if place is None else place.copy_(tensor)

    def room(self, tensor: Tensor) -> Tensor:
        """Give a tensor like another, to be written and then held where it lies."""
        place = self._next(tensor)
        return tensor.new_empty(tensor.shape) if place is None else place

    def _next(self, tensor: Tensor) -> Tensor | None:
        if tensor.device.type != "cpu":
            return None
        if self._all is None:
            self._all = torch.empty(self._count, *tensor.shape, dtype=tensor.dtype)
            self._free = iter(self._all)
        place = next(self._free, None)
        return place if place is not None and place.shape == tensor.shape else None
