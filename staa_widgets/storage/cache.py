"""Content-addressed cache: results for the same video, sampling, weights and parameters are computed once.

Entries are safetensors files with a checksum in one folder, named by kind and key. The folder is `STAA_CACHE` or the
user's cache folder. The size of the folder stays under `STAA_CACHE_LIMIT` (such as ``"500MB"``; default 2 GB): the
least recently used entries are removed. The cache never makes an explanation fail: if the folder cannot be written,
results are computed again each time, and one warning is given.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.utils.canonical import canonical_json
from staa_widgets.utils.files import write_atomic

T = TypeVar("T")

FORMAT = 4
"""Part of every key. Raise it when the content or the meaning of entries changes."""

DEFAULT_LIMIT = 2_000_000_000
_ENTRY = re.compile(r"[a-z]+-[0-9a-f]{64}\.safetensors")
# Temporary files and locks of processes that ended early; they are removed after a day, as younger ones may be in use.
_LEFTOVER = re.compile(r"[a-z]+-[0-9a-f]{64}\.lock|\.[a-z]+-[0-9a-f]{64}\.safetensors\.[0-9a-f]{8}\.tmp")
_LEFTOVER_AGE = 24 * 3600
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass
class _ProcessState:
    """What this process remembers about cache folders: warnings and unpruned bytes.

    Parameters
    ----------
    warned_folders
        Folders that cannot be used and for which a warning was given.
    unpruned_bytes
        Bytes written since the last pruning, by folder and limit.
    """

    warned_folders: set[Path] = field(default_factory=set)
    unpruned_bytes: dict[tuple[str, int], int] = field(default_factory=dict)


_state = _ProcessState()


@dataclass(frozen=True)
class CacheInfo:
    """Number and size of the entries of the cache.

    Parameters
    ----------
    path
        Folder of the cache, which need not exist yet.
    entries
        Number of entries by kind: ``"explanation"``, ``"record"``, ``"maps"``, ``"preview"``.
    size, limit
        Total bytes of all entries, and the limit for them.
    """

    path: Path
    entries: dict[str, int]
    size: int
    limit: int


def folder() -> Path:
    """Return the folder of the cache: `STAA_CACHE`, or the user's cache folder of this system."""
    return Path(os.environ.get("STAA_CACHE") or user_cache_dir("staa_widgets", appauthor=False)).expanduser()


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
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?B)?", text, re.IGNORECASE)
    if not match:
        raise ParameterError(f"STAA_CACHE_LIMIT must be a size, got {text!r}.", "For example, 500MB or 2GB.")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


def info() -> CacheInfo:
    """Return the number and size of the entries of the cache."""
    entries = _list_entries()
    kinds: dict[str, int] = {}
    for path, _ in entries:
        kind = path.name.split("-")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    return CacheInfo(folder(), dict(sorted(kinds.items())), sum(stat.st_size for _, stat in entries), limit())


def clear() -> int:
    """Remove every entry, but no other file of the folder; return the number of removed entries."""
    entries = _list_entries()
    for path, _ in entries:
        _remove(path)
    _remove_leftovers()
    return len(entries)


def prune(size: int | None = None) -> int:
    """Remove the least recently used entries until the rest fits; return the number of removed entries.

    Parameters
    ----------
    size
        Bytes that may stay; default `limit`.
    """
    max_bytes = limit() if size is None else size
    entries = sorted(_list_entries(), key=lambda entry: entry[1].st_mtime_ns)
    excess = sum(stat.st_size for _, stat in entries) - max_bytes
    removed_count = 0
    for path, stat in entries:
        if excess <= 0:
            break
        _remove(path)
        excess -= stat.st_size
        removed_count += 1
    _remove_leftovers()
    return removed_count


def key(**parts: Any) -> str:
    """Return the key of JSON values: their sha256 digest in hexadecimal, whatever the order of names."""
    return hashlib.sha256(canonical_json({**parts, "format": FORMAT}).encode()).hexdigest()


def get(kind: str, name: str, parse: Callable[[bytes], T]) -> T | None:
    """Return the value of an entry, and mark the entry as used.

    Parameters
    ----------
    kind, name
        Kind of the entry and its `key`.
    parse
        Turns the bytes into the value. If it raises `FormatError`, the entry is damaged and is removed.

    Returns
    -------
    T | None
        ``None`` if there is no entry, or the entry is damaged.
    """
    path = _path(kind, name)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        value = parse(data)
    except FormatError:
        _remove(path)
        return None
    with suppress(OSError):  # The folder may be read-only.
        os.utime(path)
    return value


def has(kind: str, name: str) -> bool:
    """Return whether there is an entry, damaged or not, without reading it."""
    return _path(kind, name).is_file()


def put(kind: str, name: str, data: bytes) -> None:
    """Write the bytes of an entry, then prune beyond the limit; warn once if the folder cannot be written."""
    max_bytes = limit()
    if len(data) > max_bytes:
        return
    try:
        folder().mkdir(parents=True, exist_ok=True)
        write_atomic(_path(kind, name), data)
        _make_room(len(data), max_bytes)
    except OSError as error:
        _warn_once(error)


def _make_room(new_bytes: int, max_bytes: int) -> None:
    """Prune whenever a twentieth of the limit has been written, because listing the folder for every entry is slow."""
    folder_and_limit = str(folder()), max_bytes
    unpruned = _state.unpruned_bytes.get(folder_and_limit, max_bytes) + new_bytes
    if unpruned > max_bytes // 20:
        prune(max_bytes)
        unpruned = 0
    _state.unpruned_bytes[folder_and_limit] = unpruned


@contextmanager
def lock(kind: str, name: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of an entry, so that two processes do not compute it twice.

    Parameters
    ----------
    kind, name
        Kind of the entry and its `key`.
    waiting
        Called twice a second while another process holds the lock; raise from it to stop waiting.
    """
    file_lock = _open_lock(kind, name)
    try:
        while file_lock is not None and not _try_acquire(file_lock):
            waiting()
        yield
    finally:
        if file_lock is not None:
            file_lock.release()


def _open_lock(kind: str, name: str) -> FileLock | None:
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _warn_once(error)
        return None
    return FileLock(_path(kind, name).with_suffix(".lock"))


def _try_acquire(file_lock: FileLock) -> bool:
    """Try for half a second to lock a file; return whether to stop trying, also if the folder allows no locks."""
    try:
        file_lock.acquire(timeout=0.5)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        _warn_once(error)
    return True


def _path(kind: str, name: str) -> Path:
    return folder() / f"{kind}-{name}.safetensors"


def _list_entries() -> list[tuple[Path, os.stat_result]]:
    return _scan_folder(_ENTRY)


def _scan_folder(pattern: re.Pattern[str]) -> list[tuple[Path, os.stat_result]]:
    files = []
    try:
        with os.scandir(folder()) as listing:
            for entry in listing:
                if pattern.fullmatch(entry.name):
                    try:
                        files.append((Path(entry.path), entry.stat()))
                    except FileNotFoundError:
                        continue  # Another process removed the file meanwhile.
    except OSError:
        return []
    return files


def _remove_leftovers() -> None:
    for path, stat in _scan_folder(_LEFTOVER):
        if time.time() - stat.st_mtime > _LEFTOVER_AGE:
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _warn_once(error)


def _warn_once(error: BaseException) -> None:
    cache_folder = folder()
    if cache_folder not in _state.warned_folders:
        _state.warned_folders.add(cache_folder)
        warnings.warn(
            f"The cache in {cache_folder} cannot be used ({error}), so results are not reused. "
            "Set STAA_CACHE to a folder that is writable.",
            RuntimeWarning,
            stacklevel=2,
        )
