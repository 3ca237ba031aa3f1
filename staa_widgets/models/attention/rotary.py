"""Rotary position embedding in fewer steps than transformers takes, and into a given place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Rotate = Callable[[Tensor, Any], Tensor]
"""A module's own: queries or keys ``(B, H, N, d)`` and positions in, the same turned out."""


class RotaryCache:
    """Turns queries and keys of one pass as its attention modules do, to the last bit.

    The modules, which share their positions, make cosines and sines anew for each, and nine tensors of the size of the
    queries on the way: 5 % of a pass. Here both are read off the module once, by what it makes of ones and zeros. Where
    its own turn is not to the bit what this makes of them, as a later release may have it, its own is used.

    Parameters
    ----------
    allocate
        Gives a tensor like another to write into.
    """

    def __init__(self, allocate: Callable[[Tensor], Tensor]) -> None:
        self._allocate = allocate
        self._rotation: tuple[Tensor, Tensor] | None = None
        self._is_read = False

    def __call__(self, rotate: Rotate, tensor: Tensor, positions: Any) -> Tensor:
        """Turn ``(B, H, N, d)``; `own` is what this stands in for."""
        if not self._is_read:
            self._rotation, self._is_read = _read_rotation(rotate, tensor, positions), True
        if self._rotation is None or self._rotation[0].shape[:-2] != tensor.shape[-2:-1]:
            return rotate(tensor, positions)
        return _apply_rotation(tensor, *self._rotation, self._allocate(tensor))


def _read_rotation(own: Rotate, tensor: Tensor, positions: Any) -> tuple[Tensor, Tensor] | None:
    """Read cosines and sines ``(N, d/2, 2)`` off a module; ``None`` where they are not all that it does."""
    if tensor.shape[-1] % 2:
        return None
    ones = torch.eye(2, device=tensor.device, dtype=tensor.dtype).repeat(1, tensor.shape[-1] // 2)
    first, second = own(ones[:, None, None].expand(2, 1, *tensor.shape[-2:]), positions)[:, 0].unflatten(-1, (-1, 2))
    cosine = torch.stack([first[..., 0], second[..., 1]], -1)
    sine = torch.stack([second[..., 0], first[..., 1]], -1)
    shown = tensor[:1, :1]
    same = torch.equal(_apply_rotation(shown, cosine, sine, torch.empty_like(shown)), own(shown, positions))
    return (cosine, sine) if same else None


def _apply_rotation(tensor: Tensor, cosine: Tensor, sine: Tensor, out: Tensor) -> Tensor:
    pairs, made = tensor.unflatten(-1, (-1, 2)), out.unflatten(-1, (-1, 2))
    torch.mul(pairs, cosine, out=made)
    for one, other in ((0, 1), (1, 0)):
        # Not in one step, which would round otherwise.
        made[..., one] += pairs[..., other] * sine[..., one]
    return out
