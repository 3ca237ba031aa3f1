"""Digests of the contents of tensors, computed again only when a tensor changed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

_PROBED_VALUES = 64


def is_readable(tensor: Any) -> bool:
    """Return whether the bytes of a tensor can be read; those of sparse, quantized and meta tensors cannot."""
    return (
        isinstance(tensor, Tensor) and tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    )


@torch.no_grad()
def tensor_states(tensors: Sequence[Tensor]) -> list[Hashable]:
    """Return the state of each tensor, which differs after the tensor was replaced or changed in place.

    Changes are detected by address, by torch's version counter and, because the counter misses writes through
    ``.data``, by 64 values spread over the tensor.
    """
    return [
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version, tensor.dtype, tensor.shape, probe)
        for tensor, probe in zip(tensors, _probe_bytes(tensors), strict=True)
    ]


@torch.no_grad()
def content_digest(tensor: Tensor) -> str:
    """Return the sha256 digest of a tensor's type, shape and values."""
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(_as_bytes(tensor).cpu().numpy().data)
    return digest.hexdigest()


def _probe_bytes(tensors: Sequence[Tensor]) -> list[bytes]:
    """Return about 64 values of each tensor; those of one type on one device are copied from it together."""
    numbers_by_group: defaultdict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
    for number, tensor in enumerate(tensors):
        numbers_by_group[tensor.device, tensor.dtype].append(number)
    probes = [b""] * len(tensors)
    for numbers in numbers_by_group.values():
        parts = [_spread_values(tensors[number]) for number in numbers]
        data = _as_bytes(torch.cat(parts)).cpu().numpy().tobytes()
        size = parts[0].element_size()
        end = 0
        for number, part in zip(numbers, parts, strict=True):
            start, end = end, end + size * len(part)
            probes[number] = data[start:end]
    return probes


def _spread_values(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1)[:: max(1, tensor.numel() // _PROBED_VALUES)]


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
