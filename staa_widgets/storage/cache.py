"""What was computed, kept by content: the same video, sampling, weights and parameters are never computed twice.

Entries are checked safetensors files in one folder, named by kind and key. The folder is `STAA_CACHE` or the user's
cache folder, its size is kept under `STAA_CACHE_LIMIT` bytes (``"500MB"`` and the like are understood; default 2 GB) by
dropping what was not used for longest. Nothing here ever makes an explanation fail: a folder that cannot be written is
reported once and then does without.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.records.record import Geometry, Needs, Record
from staa_widgets.utils.files import canonical_json, pack, split_fields, unpack, write_atomic

T = TypeVar("T")

FORMAT = 3
"""Part of every key: raised when what an entry means changes."""

DEFAULT_LIMIT = 2_000_000_000
_ENTRY = re.compile(r"[a-z]+-[0-9a-f]{64}\.safetensors")
# Left by a process that ended while it wrote or held a lock; younger than a day it may still be in use.
_LEFTOVER = re.compile(r"[a-z]+-[0-9a-f]{64}\.lock|\.[a-z]+-[0-9a-f]{64}\.safetensors\.[0-9a-f]{8}\.tmp")
_LEFTOVER_AGE = 24 * 3600
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_reported: set[Path] = set()
# Bytes written by this process since it last pruned, by folder and limit.
_unlooked: dict[tuple[str, int], int] = {}


@dataclass(frozen=True)
class CacheInfo:
    """What the cache holds.

    Parameters
    ----------
    path
        Its folder, which need not exist yet.
    entries
        Number of entries by kind: ``"explanation"``, ``"record"``, ``"maps"``, ``"preview"``.
    size, limit
        Bytes it takes and may take.
    """

    path: Path
    entries: dict[str, int]
    size: int
    limit: int


def folder() -> Path:
    """Return the folder of the cache: `STAA_CACHE`, or the user's cache folder of this system."""
    return Path(os.environ.get("STAA_CACHE") or user_cache_dir("staa_widgets", appauthor=False)).expanduser()


def limit() -> int:
    """Return the most bytes that the cache may take.

    Raises
    ------
    ParameterError
        If `STAA_CACHE_LIMIT` is no size.
    """
    text = os.environ.get("STAA_CACHE_LIMIT", "").strip()
    if not text:
        return DEFAULT_LIMIT
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?B)?", text, re.IGNORECASE)
    if not found:
        raise ParameterError(f"STAA_CACHE_LIMIT is {text!r}.", "Give a size such as 500MB or 2GB.")
    return int(float(found[1]) * _UNITS[(found[2] or "").upper()])


def info() -> CacheInfo:
    """Say what the cache holds."""
    held = _entries()
    kinds: dict[str, int] = {}
    for path, _ in held:
        kind = path.name.split("-")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    return CacheInfo(folder(), dict(sorted(kinds.items())), sum(stat.st_size for _, stat in held), limit())


def clear() -> int:
    """Remove every entry, and nothing else that lies in the folder; return how many there were."""
    held = _entries()
    for path, _ in held:
        _remove(path)
    _remove_leftovers()
    return len(held)


def prune(size: int | None = None) -> int:
    """Drop what was not used for longest until the rest fits; return how many entries went.

    Parameters
    ----------
    size
        Bytes that may stay; default `limit`.
    """
    allowed = limit() if size is None else size
    held = sorted(_entries(), key=lambda entry: entry[1].st_mtime_ns)
    excess = sum(stat.st_size for _, stat in held) - allowed
    gone = 0
    for path, stat in held:
        if excess <= 0:
            break
        _remove(path)
        excess -= stat.st_size
        gone += 1
    _remove_leftovers()
    return gone


def key(**parts: Any) -> str:
    """Digest JSON values, sha256 in hexadecimal; equal values in any order of names have one key."""
    return hashlib.sha256(canonical_json({**parts, "format": FORMAT}).encode()).hexdigest()


def get(kind: str, name: str, parse: Callable[[bytes], T]) -> T | None:
    """Look an entry up and mark it as used.

    Parameters
    ----------
    kind, name
        Kind of the entry and its `key`.
    read
        Turns the bytes into the value; where it raises `FormatError`, the entry is damaged and dropped.

    Returns
    -------
    T | None
        ``None`` where there is no sound entry.
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
    with suppress(OSError):  # A cache that may only be read still answers.
        os.utime(path)
    return value


def has(kind: str, name: str) -> bool:
    """Say whether there is an entry, sound or not, without reading it."""
    return _path(kind, name).is_file()


def put(kind: str, name: str, data: bytes) -> None:
    """Keep the bytes of an entry, then drop old ones beyond the limit. Failing to write is reported once."""
    allowed = limit()
    if len(data) > allowed:
        return
    try:
        folder().mkdir(parents=True, exist_ok=True)
        write_atomic(_path(kind, name), data)
        _make_room(len(data), allowed)
    except OSError as error:
        _warn_once(error)


def _make_room(written: int, allowed: int) -> None:
    """Prune once a twentieth of the limit has been written: looking the folder through at every entry is slow."""
    place = str(folder()), allowed
    _unlooked[place] = _unlooked.get(place, allowed) + written
    if _unlooked[place] > allowed // 20:
        prune(allowed)
        _unlooked[place] = 0


def record_to_bytes(record: Record, needs: Needs) -> bytes:
    """Write a record as a file that also tells what it holds."""
    values, arrays = split_fields(record)
    return pack("record", {**values, "geometry": asdict(record.geometry), "needs": asdict(needs)}, arrays)


def record_from_bytes(data: bytes) -> tuple[Record, Needs]:
    """Read what `record_to_bytes` wrote.

    Raises
    ------
    FormatError
        If it is something else, cut short, altered or of another version.
    """
    values, arrays = unpack("record", data)
    try:
        needs, geometry = Needs(**values.pop("needs")), values.pop("geometry")
        geometry["input_size"] = tuple(geometry["input_size"])
        return Record(geometry=Geometry(**geometry), **values, **arrays), needs
    except (KeyError, TypeError) as error:
        raise FormatError("This record is of another version.", "Compute it again.") from error


@contextmanager
def lock(kind: str, name: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the right to compute an entry, so that two processes do not compute it twice.

    Parameters
    ----------
    kind, name
        Kind of the entry and its `key`.
    waiting
        Called twice a second while another holds it; what it raises ends the waiting.
    """
    held = _open_lock(kind, name)
    try:
        while held is not None and not _try_acquire(held):
            waiting()
        yield
    finally:
        if held is not None:
            held.release()


def _open_lock(kind: str, name: str) -> FileLock | None:
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _warn_once(error)
        return None
    return FileLock(_path(kind, name).with_suffix(".lock"))


def _try_acquire(held: FileLock) -> bool:
    """Try for half a second; where the folder takes no locks the work may be done twice rather than not at all."""
    try:
        held.acquire(timeout=0.5)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        _warn_once(error)
    return True


def _path(kind: str, name: str) -> Path:
    return folder() / f"{kind}-{name}.safetensors"


def _entries() -> list[tuple[Path, os.stat_result]]:
    return _scan_folder(_ENTRY)


def _scan_folder(pattern: re.Pattern[str]) -> list[tuple[Path, os.stat_result]]:
    held = []
    try:
        with os.scandir(folder()) as found:
            for entry in found:
                if pattern.fullmatch(entry.name):
                    try:
                        held.append((Path(entry.path), entry.stat()))
                    except FileNotFoundError:
                        continue  # Another process removed it meanwhile.
    except OSError:
        return []
    return held


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
    where = folder()
    if where not in _reported:
        _reported.add(where)
        warnings.warn(
            f"The cache in {where} cannot be used ({error}); results are computed anew. "
            "Point STAA_CACHE to a folder that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )
