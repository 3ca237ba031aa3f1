"""The file format: safetensors, with the values as JSON in its header and a checksum over everything."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import FormatError
from staa_widgets.utils.canonical import canonical_json

_T = TypeVar("_T")


def split_fields(instance: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the fields of a dataclass as plain values and arrays, the two arguments of `pack`."""
    items = {f.name: getattr(instance, f.name) for f in fields(instance)}
    arrays = {name: item for name, item in items.items() if isinstance(item, np.ndarray)}
    return {name: item for name, item in items.items() if name not in arrays}, arrays


def pack(kind: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of one safetensors file that holds values and arrays.

    Parameters
    ----------
    kind
        Kind of the file, such as ``"explanation"``; `unpack` checks it.
    values
        JSON values.
    arrays
        Arrays by name.
    """
    from safetensors.numpy import save

    text = canonical_json(values)
    # safetensors writes an array in the order of its memory, so that a transposed view would be read back scrambled.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(contiguous, {"staa_widgets": kind, "values": text, "sha256": _checksum(text, contiguous)})


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values and arrays of a file that `pack` wrote.

    Raises
    ------
    FormatError
        If the bytes are not such a file, or the file is of another kind, truncated or altered.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header_size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_size])["__metadata__"]
        actual_kind, text, checksum = header["staa_widgets"], header["values"], header["sha256"]
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(
            f"Cannot read the {kind}: the data is truncated or was not written by staa_widgets.",
            "Check that it is the right file, and copy or save it again.",
        ) from error
    if actual_kind != kind:
        raise FormatError(
            f"Cannot read the {kind}: the file is of another kind, {actual_kind}.",
            "Load it with the class that saved it, such as Explanation or Comparison.",
        )
    if checksum != _checksum(text, arrays):
        raise FormatError(
            f"Cannot read the {kind}: the file was changed after it was written.", "Compute it again from the video."
        )
    return json.loads(text), arrays


def read_file(path: str | os.PathLike[str], parse: Callable[[bytes], _T]) -> _T:
    """Return the content of a file, parsed by `parse`; if `parse` raises `FormatError`, add the file's name to it."""
    try:
        return parse(Path(path).read_bytes())
    except FormatError as error:
        raise FormatError(f"{Path(path).name}: {error.message}", error.hint) from error


def _checksum(text: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
