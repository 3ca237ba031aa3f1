"""The file format: safetensors, with the values as JSON in its header and a checksum over everything."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import FormatError
from staa_widgets.utils.canonical import canonical_json
from staa_widgets.utils.text import printable_text

_T = TypeVar("_T")

Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""Values and arrays by name, the content of a file."""

MAX_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file."""


@dataclass(frozen=True, repr=False)
class Seal:
    """Binds a file to a cache key: the checksum covers kind and key, and only the owner of the secret can compute it.

    Parameters
    ----------
    key
        Key of the cache entry.
    secret
        Secret bytes of the user, see `staa_widgets.storage.signing`.
    """

    key: str
    secret: bytes


def split_fields(instance: Any) -> Parts:
    """Return the fields of a dataclass as plain values and arrays, two arguments of `pack`."""
    items = {f.name: getattr(instance, f.name) for f in fields(instance)}
    arrays = {name: item for name, item in items.items() if isinstance(item, np.ndarray)}
    return {name: item for name, item in items.items() if name not in arrays}, arrays


def pack(kind: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], seal: Seal | None = None) -> bytes:
    """Return the bytes of one safetensors file that holds values and arrays.

    Parameters
    ----------
    kind
        Kind of the file, such as ``"explanation"``; `unpack` checks it.
    values
        JSON values.
    arrays
        Arrays by name.
    seal
        For an entry of the cache, its key and the secret; ``None`` for a file of the user, which has a plain checksum.
    """
    from safetensors.numpy import save

    text = canonical_json(values)
    # safetensors writes an array in the order of its memory, so that a transposed view would be read back scrambled.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(contiguous, {"staa_widgets": kind, "values": text, **_checksum(kind, text, contiguous, seal)})


def unpack(kind: str, data: bytes, seal: Seal | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values and arrays of a file that `pack` wrote.

    Raises
    ------
    FormatError
        If the bytes are not such a file, or the file is of another kind, truncated, altered, or has another seal.
    """
    from safetensors.numpy import load

    message = f"Cannot read the {kind}: the data is truncated or was not written by staa_widgets."
    with refuse_damaged(message, "Check that it is the right file, and copy or save it again."):
        metadata = _read_metadata(data)
        text, arrays = metadata["values"], load(data)
        if metadata["staa_widgets"] != kind:
            raise FormatError(
                f"Cannot read the {kind}: the file is of another kind, {printable_text(metadata['staa_widgets'], 60)}.",
                "Load it with the class that saved it, such as Explanation or Comparison.",
            )
        expected = _checksum(kind, text, arrays, seal)
        if not all(hmac.compare_digest(metadata.get(name, ""), part) for name, part in expected.items()):
            raise FormatError(
                f"Cannot read the {kind}: the file was changed after it was written.",
                "Compute it again from the video.",
            )
        return parse_object(text), arrays


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object whose numbers are all finite; raise `ValueError` or `RecursionError` for other text.

    Strings with half of a surrogate pair, which nothing can show or write, are not accepted either.
    """
    values = json.loads(text, parse_float=_parse_finite, parse_constant=_parse_finite)
    if not isinstance(values, dict):
        raise ValueError("This is not a JSON object.")
    json.dumps(values, ensure_ascii=False).encode()
    return values


@contextmanager
def refuse_damaged(message: str, hint: str, *, with_cause: bool = False) -> Iterator[None]:
    """Turn any error in the block, whatever its type, into a `FormatError`: damaged data can raise anything.

    Parameters
    ----------
    message, hint
        Of the error. A `FormatError` raised in the block is passed on unchanged.
    with_cause
        Whether to append the text of the original error to the message.
    """
    try:
        yield
    except FormatError:
        raise
    except Exception as error:
        raise FormatError(f"{message} {printable_text(error)}" if with_cause else message, hint) from error


def read_file(path: str | os.PathLike[str], parse: Callable[[bytes], _T]) -> _T:
    """Return the content of a file, parsed by `parse`; if `parse` raises `FormatError`, add the file's name to it.

    Raises
    ------
    FormatError
        If the header states a size that the file does not have; the file is then not read any further.
    OSError
        If the file cannot be read.
    """
    name = Path(path).name
    try:
        return parse(_read_whole(path))
    except FormatError as error:
        raise FormatError(f"{name}: {error.message}", error.hint) from error


def _read_whole(path: str | os.PathLike[str]) -> bytes:
    hint = "Check that it is the right file, and copy or save it again."
    # A pipe would block until somebody writes to it.
    if stat.S_ISFIFO(Path(path).stat().st_mode):
        raise FormatError("This is a pipe, not a file.", hint)
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 2 <= int.from_bytes(file.read(8), "little") <= min(size - 8, MAX_HEADER_BYTES):
            raise FormatError("The file is truncated or was not written by staa_widgets.", hint)
        file.seek(0)
        try:
            return file.read()
        except MemoryError as error:
            raise FormatError(f"The file of {size / 1e9:.1f} GB is too large to be read.", hint) from error


def _read_metadata(data: bytes) -> dict[str, str]:
    header_size = int.from_bytes(data[:8], "little")
    if header_size > min(len(data) - 8, MAX_HEADER_BYTES):
        raise ValueError("The header is larger than the file.")
    return json.loads(data[8 : 8 + header_size])["__metadata__"]


def _checksum(kind: str, text: str, arrays: Mapping[str, NDArray[Any]], seal: Seal | None) -> dict[str, str]:
    """Return what the header states about the content: a plain checksum, or the key and a keyed checksum."""
    digest: Any = hashlib.sha256()
    if seal is not None:
        digest = hmac.new(seal.secret, f"{kind}\n{seal.key}\n".encode(), "sha256")
    digest.update(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    checksum = digest.hexdigest()
    return {"sha256": checksum} if seal is None else {"key": seal.key, "hmac": checksum}


def _parse_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number.")
    return value
