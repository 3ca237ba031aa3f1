"""Content-addressed cache: results for the same video, sampling, weights and parameters are computed once.

Entries are signed safetensors files in one folder, ``kind/ab/key.safetensors``. The folder is `STAA_CACHE` or the
user's cache folder. Its size stays under `STAA_CACHE_LIMIT` (such as ``"500MB"``; default 2 GB);
`staa_widgets.storage.eviction` chooses what is removed. An entry states its kind and key under its checksum, and is
compared with the question after it is read; one that does not fit, or cannot be read for whatever reason, is dropped
and computed again. The cache never makes an explanation fail: if the folder cannot be used, results are computed again
each time, and one warning is given.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.storage.eviction import CacheFile, Inventory, list_files, remove_empty_folders, remove_leftovers
from staa_widgets.storage.folder import (
    entry_path,
    find_problem,
    folder,
    is_group_writable,
    make_folder,
    may_use_folder,
    remove_file,
    warn_once,
    warning_log,
)
from staa_widgets.storage.format import Parts, Seal, pack, unpack
from staa_widgets.storage.locks import lock
from staa_widgets.storage.signing import make_secret, read_secret, secret_path
from staa_widgets.utils.canonical import canonical_json
from staa_widgets.utils.files import write_atomic

__all__ = [
    "CacheInfo",
    "EntryType",
    "clear",
    "describe_access",
    "folder",
    "get",
    "get_or_compute",
    "has",
    "info",
    "key",
    "limit",
    "lock",
    "prune",
    "put",
    "remove",
]

T = TypeVar("T")

FORMAT = 5
"""Part of every key. Raise it when the content or the meaning of entries changes."""

DEFAULT_LIMIT = 2_000_000_000
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_state = warning_log
_inventories: dict[Path, Inventory] = {}


@dataclass(frozen=True)
class EntryType(Generic[T]):
    """How the values of one kind are stored.

    Parameters
    ----------
    kind
        Name of the kind, letters only, such as ``"explanation"``.
    to_parts, from_parts
        Functions from a value to JSON values and arrays, and back. `from_parts` may raise anything for wrong parts.
    """

    kind: str
    to_parts: Callable[[T], Parts]
    from_parts: Callable[[dict[str, Any], dict[str, Any]], T]


@dataclass(frozen=True)
class CacheInfo:
    """Number and size of the entries of the cache.

    Parameters
    ----------
    path
        Folder of the cache, which need not exist yet.
    entries
        Number of entries by kind: ``"explanation"``, ``"record"``, ``"maps"``, ``"preview"``, ``"metric"``,
        ``"checkpoint"``.
    size, limit
        Total bytes of all files, and the limit for them.
    leftovers
        Number of other files: temporary files and locks, in use or left behind by processes that were killed, and
        entries of versions before format 5. Those of killed processes are removed after an hour.
    """

    path: Path
    entries: dict[str, int]
    size: int
    limit: int
    leftovers: int = 0


def limit() -> int:
    """Return the size limit of the cache in bytes.

    Raises
    ------
    ParameterError
        If `STAA_CACHE_LIMIT` is not a size.
    """
    text = os.environ.get("STAA_CACHE_LIMIT", "").strip()
    if not text:
        return DEFAULT_LIMIT
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]*)?)\s*([KMGT]?B)?", text, re.IGNORECASE | re.ASCII)
    if not match:
        raise ParameterError(f"STAA_CACHE_LIMIT must be a size, got {text!r}.", "For example, 500MB or 2GB.")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


def info() -> CacheInfo:
    """Return the number and size of the entries of the cache."""
    files = list_files()
    counts = Counter(file.kind for file in files)
    leftovers = counts.pop("leftover", 0) + counts.pop("", 0)
    return CacheInfo(folder(), dict(sorted(counts.items())), sum(file.size for file in files), limit(), leftovers)


def describe_access() -> str:
    """Return why the folder of the cache is not used, or that a group may write to it; ``""`` if all is well."""
    problem = find_problem(folder())
    if problem:
        return f"not used, because {problem}"
    return "members of your group may write to it" if is_group_writable(folder()) else ""


def clear() -> int:
    """Remove every entry, but no other file of the folder; return the number of removed entries."""
    files = list_files()
    removed_count = _remove_entries([file for file in files if file.kind != "leftover"])
    remove_leftovers(files)
    remove_empty_folders()
    remove_file(secret_path())
    return removed_count


def prune(size: int | None = None) -> int:
    """Remove entries until the rest fits, and all entries of old formats; return the number of removed entries.

    Records are removed first, then previews, then all others; of these, the least recently used first.

    Parameters
    ----------
    size
        Bytes that may stay; default `limit`.
    """
    excess = -(limit() if size is None else size)
    files = list_files()
    remove_leftovers(files)
    entries = sorted((file for file in files if file.kind != "leftover"), key=lambda file: (file.rank, file.used_ns))
    excess += sum(file.size for file in entries)
    removable = []
    for file in entries:
        if excess > 0 or not file.kind:
            removable.append(file)
            excess -= file.size
    return _remove_entries(removable)


def key(**parts: Any) -> str:
    """Return the key of JSON values: their sha256 digest in hexadecimal, whatever the order of names."""
    return hashlib.sha256(canonical_json({**parts, "format": FORMAT}).encode()).hexdigest()


def get(entry_type: EntryType[T], name: str, fits: Callable[[T], bool] = lambda _: True) -> T | None:
    """Return the value of an entry, and mark the entry as used.

    Parameters
    ----------
    entry_type, name
        Type of the entry and its `key`.
    fits
        Whether a value answers the question for which it is read.

    Returns
    -------
    T | None
        ``None`` if there is no entry, or if it is damaged, belongs to another key or does not fit. Such an entry is
        removed.
    """
    value = _read(entry_type, name, fits)
    _inventory().note_request(entry_type.kind, name, hit=value is not None)
    return value


def has(entry_type: EntryType[Any], name: str) -> bool:
    """Return whether there is an entry, damaged or not, without reading it."""
    return entry_path(entry_type.kind, name).is_file()


def put(entry_type: EntryType[T], name: str, value: T) -> None:
    """Store a value, and remove other entries beyond the limit; warn once if the folder cannot be written.

    A value that does not fit beside the entries that must stay, see `staa_widgets.storage.eviction`, is not stored.
    """
    max_bytes = limit()
    if max_bytes == 0 or not may_use_folder():
        return
    path = entry_path(entry_type.kind, name)
    try:
        data = pack(entry_type.kind, *entry_type.to_parts(value), Seal(name, make_secret()))
        if len(data) > max_bytes or not _inventory().make_room(entry_type.kind, name, len(data), max_bytes):
            return
        make_folder(path.parent)
        try:
            write_atomic(path, data, private=True)
        except FileNotFoundError:  # Another process cleared the cache just now.
            make_folder(path.parent)
            write_atomic(path, data, private=True)
    except OSError as error:
        warn_once(error)


def remove(entry_type: EntryType[Any], name: str) -> None:
    """Remove an entry, if there is one."""
    path = entry_path(entry_type.kind, name)
    if remove_file(path):
        _inventory().forget(str(path), entry_type.kind)


def get_or_compute(
    entry_type: EntryType[T],
    name: str,
    compute: Callable[[], T],
    fits: Callable[[T], bool] = lambda _: True,
    waiting: Callable[[], object] = lambda: None,
) -> tuple[T, bool]:
    """Return a value from the cache, or compute and store it.

    Parameters
    ----------
    entry_type, name, fits
        As for `get`.
    compute
        Function that computes the value; two processes never run it for the same key at the same time.
    waiting
        As for `lock`.

    Returns
    -------
    value, hit
        `hit` is true if the value was in the cache.

    Raises
    ------
    ParameterError
        If `STAA_CACHE_LIMIT` is not a size; nothing is computed then.
    """
    limit()
    value = get(entry_type, name, fits)
    if value is not None:
        return value, True
    with lock(entry_type.kind, name, waiting):
        value = _read(entry_type, name, fits)
        if value is not None:
            return value, True
        value = compute()
        put(entry_type, name, value)
    return value, False


def _read(entry_type: EntryType[T], name: str, fits: Callable[[T], bool]) -> T | None:
    path, max_bytes = entry_path(entry_type.kind, name), limit()
    secret = read_secret() if may_use_folder() else None
    if secret is None:
        return None
    try:
        status = path.stat()
        # A pipe would block, and a file larger than the cache is no entry of it.
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            raise FormatError("This is not an entry of the cache.")
        value = entry_type.from_parts(*unpack(entry_type.kind, path.read_bytes(), Seal(name, secret)))
    except OSError:
        return None
    except Exception:  # Damaged or foreign data can raise anything.
        remove(entry_type, name)
        return None
    if not fits(value):
        remove(entry_type, name)
        return None
    with suppress(OSError):  # The folder may be read-only.
        os.utime(path)
    return value


def _remove_entries(files: list[CacheFile]) -> int:
    removed_count = sum(remove_file(file.path) for file in files)
    _inventory().forget_all()
    return removed_count


def _inventory() -> Inventory:
    return _inventories.setdefault(folder(), Inventory())
