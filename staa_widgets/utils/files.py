"""Files that are whole or absent: safetensors with a JSON header and a checksum, replaced in one step."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ExportError, FormatError, ParameterError

_T = TypeVar("_T")


def to_json_value(value: Any) -> Any:
    """Bring a value to what JSON can say, numpy's numbers and arrays included.

    Raises
    ------
    ParameterError
        For anything JSON has no word for, NaN and infinities included.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise ParameterError(
        f"{value!r} of type {type(value).__name__} cannot be kept with an explanation.",
        "Give finite numbers, strings, lists or mappings of them.",
    )


def canonical_json(value: Any) -> str:
    """Write a value as JSON in the one form that equal values share."""
    return json.dumps(to_json_value(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def split_fields(value: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Divide the fields of a dataclass into values and arrays, as `pack` wants them."""
    held = {f.name: getattr(value, f.name) for f in fields(value)}
    arrays = {name: item for name, item in held.items() if isinstance(item, np.ndarray)}
    return {name: item for name, item in held.items() if name not in arrays}, arrays


def pack(kind: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write values and arrays as one safetensors file.

    Parameters
    ----------
    kind
        What the file is, such as ``"explanation"``; `unpack` asks for it again.
    values
        JSON values.
    arrays
        Arrays by name.
    """
    from safetensors.numpy import save

    text = canonical_json(values)
    # safetensors writes an array's memory as it lies: a transposed view would come back scrambled.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(whole, {"staa_widgets": kind, "values": text, "sha256": _checksum(text, whole)})


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what `pack` wrote.

    Returns
    -------
    values, arrays
        As they were given to `pack`.

    Raises
    ------
    FormatError
        If the bytes are no such file, of another kind, cut short or altered.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])["__metadata__"]
        found, text, checksum = header["staa_widgets"], header["values"], header["sha256"]
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(
            f"These bytes are no {kind} written by staa_widgets.", "The file may be cut short or of another program."
        ) from error
    if found != kind:
        raise FormatError(f"This file holds a {found}, not a {kind}.", "Open it with what wrote it.")
    if checksum != _checksum(text, arrays):
        raise FormatError(f"This {kind} was altered after it was written.", "Make it again from the video.")
    return json.loads(text), arrays


def write_atomic(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file in one step: readers see the old content or the new, never a part.

    Raises
    ------
    OSError
        If the folder is missing, not writable or full; nothing is left behind.
    """
    with atomic_path(path) as part:
        part.write_bytes(data)
    return Path(path)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of another in one step at the end.

    Raises
    ------
    OSError
        As `write_atomic`. Whatever is raised within, nothing is left behind.
    """
    target = Path(path)
    # Beside the target, because replacing is one step only within a file system.
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield part
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def export_path(path: str | os.PathLike[str], what: str) -> Iterator[Path]:
    """Give the path of a file to write, as `atomic_path`, for somebody who named it.

    Raises
    ------
    ExportError
        If the file cannot be written; it says what, where to and why.
    """
    try:
        with atomic_path(path) as part:
            yield part
    except OSError as error:
        if isinstance(error, ValueError):  # a video that cannot be read says so itself
            raise
        raise ExportError(
            f"The {what} cannot be written to {path}: {error.strerror or error}.",
            "Give a file in a folder that exists, is writable and not full.",
        ) from error


def export_bytes(path: str | os.PathLike[str], data: bytes, what: str) -> Path:
    """Write a file that somebody named, in one step; raises as `export_path`."""
    with export_path(path, what) as part:
        part.write_bytes(data)
    return Path(path)


def read_file(path: str | os.PathLike[str], parse: Callable[[bytes], _T]) -> _T:
    """Read a file; a `FormatError` of what parses it names the file."""
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
