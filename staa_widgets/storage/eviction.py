"""Which entries are removed when the cache is full, and which new entries are not stored.

Entries that are cheap to make again go first: records before previews, and both before all other entries; within a kind
the least recently used goes first. One exception keeps a loop over more videos than fit from removing each entry just
before its turn: an entry that this process has already asked for is not removed for a new entry of the same rank. The
new entry is then not stored, unless it is asked for again before as many other entries as the cache holds. So a second
run finds as many entries as fit, instead of none.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from staa_widgets.storage.folder import ENTRY, OLD_FILE, WORKING_FILE, entry_path, folder, remove_file

RANKS = {"record": 0, "preview": 1}
"""Kinds that are removed first, in this order; all other kinds have `TOP_RANK`."""
TOP_RANK = 2
OLD_RANK = -1
LEFTOVER_AGE = 3600.0
"""Seconds after which the temporary files and locks of killed processes are removed."""

_MAX_LIST_AGE = 60.0
_MAX_HISTORY = 100_000
_SAMPLE = 2000


class CacheFile(NamedTuple):
    """A file of the cache.

    Parameters
    ----------
    path, size
        Path and bytes.
    used_ns
        When it was last used, in nanoseconds.
    kind
        Kind of the entry; ``""`` for an entry of an old format, ``"leftover"`` for a temporary file or a lock.
    """

    path: str
    size: int
    used_ns: int
    kind: str

    @property
    def rank(self) -> int:
        """Place in the order of removal; the lowest goes first."""
        return _rank(self.kind)


def list_files() -> list[CacheFile]:
    """Return all files of the cache, in no order: entries, entries of old formats, temporary files and locks."""
    return _read_sizes(_list_names())


def remove_leftovers(files: list[CacheFile]) -> None:
    """Remove the temporary files and locks in a list that are older than an hour, except for locks that are held."""
    oldest = time.time_ns() - int(LEFTOVER_AGE * 1e9)
    for file in files:
        if file.kind == "leftover" and file.used_ns < oldest:
            if file.path.endswith(".lock"):
                _remove_free_lock(file.path)
            else:
                remove_file(file.path)


def remove_empty_folders() -> None:
    """Remove the folders of entries that hold nothing."""
    for _, part in _part_folders():
        with suppress(OSError):  # It holds something.
            part.rmdir()
            part.parent.rmdir()


@dataclass
class Inventory:
    """The entries of one folder, as last listed, and what this process asked for.

    Parameters
    ----------
    entries
        Entries by rank and path, the least recently used first.
    size
        Bytes of all entries and leftovers.
    unlisted_bytes
        Bytes written since the folder was listed.
    listed_at
        `time.monotonic` at that time.
    is_complete
        Whether `entries` holds all entries; otherwise it is empty, and `size` is an estimate.
    requests
        By rank, the paths of the entries that this process asked for, the latest last; each with the number of other
        entries that it had asked for since the request before, or ``None`` for the first request.
    """

    entries: dict[int, OrderedDict[str, CacheFile]] = field(default_factory=dict)
    size: int = 0
    unlisted_bytes: int = 0
    listed_at: float | None = None
    is_complete: bool = False
    requests: dict[int, OrderedDict[str, int | None]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def note_request(self, kind: str, key: str, *, hit: bool) -> None:
        """Note that an entry was asked for, and whether it was there."""
        path, rank = str(entry_path(kind, key)), _rank(kind)
        with self.lock:
            requests = self.requests.setdefault(rank, OrderedDict())
            distance = None
            if path in requests and not hit:
                distance = sum(1 for _ in takewhile(lambda other: other != path, reversed(requests)))
            requests[path] = distance
            requests.move_to_end(path)
            if len(requests) > _MAX_HISTORY:
                requests.popitem(last=False)
            if hit and path in self.entries.get(rank, ()):
                self.entries[rank].move_to_end(path)

    def make_room(self, kind: str, key: str, size: int, limit: int) -> bool:
        """Remove entries until a new one fits; return whether it does. If it does not, nothing is removed."""
        path, rank = str(entry_path(kind, key)), _rank(kind)
        with self.lock:
            self._list_if_outdated(limit, size)
            old_file = self.entries.setdefault(rank, OrderedDict()).get(path)
            excess = self.size + size - (old_file.size if old_file else 0) - limit
            removable: list[CacheFile] = []
            for file in self._removable(path, rank) if excess > 0 else ():
                removable.append(file)
                excess -= file.size
                if excess <= 0:
                    break
            if excess > 0:
                return False
            for file in removable:
                if remove_file(file.path):
                    self.forget(file.path, file.kind)
            if old_file:
                self.forget(path, kind)
            self.entries[rank][path] = CacheFile(path, size, time.time_ns(), kind)
            self.size += size
            self.unlisted_bytes += size
            return True

    def forget(self, path: str, kind: str) -> None:
        """Take an entry that was removed off the list."""
        with self.lock:
            file = self.entries.get(_rank(kind), {}).pop(path, None)
            self.size -= file.size if file else 0

    def forget_all(self) -> None:
        """Let the folder be listed again before the next entry is stored."""
        self.listed_at = None

    def _list_if_outdated(self, limit: int, new_bytes: int) -> None:
        """List the folder every minute and whenever a twentieth of the limit was written: other processes write too."""
        now = time.monotonic()
        is_current = self.listed_at is not None and now - self.listed_at < _MAX_LIST_AGE
        is_full = self.size + new_bytes > 0.8 * limit
        if is_current and self.unlisted_bytes <= limit // 20 and (self.is_complete or not is_full):
            return
        names = _list_names()
        leftovers = [(kind, entry) for kind, entry in names if kind == "leftover"]
        remove_leftovers(_read_sizes(leftovers))
        # The sizes of many files take long to read; while there is much room, those of a sample are enough.
        step = max(1, len(names) // _SAMPLE)
        files = _read_sizes(names[::step])
        self.size = step * sum(file.size for file in files)
        self.is_complete = step == 1
        if not self.is_complete and self.size + new_bytes > 0.7 * limit:
            files = _read_sizes(names)
            self.size, self.is_complete = sum(file.size for file in files), True
        self.entries = {}
        for file in sorted(files, key=lambda file: file.used_ns) if self.is_complete else ():
            if file.kind != "leftover":
                self.entries.setdefault(file.rank, OrderedDict())[file.path] = file
        self.unlisted_bytes, self.listed_at = 0, now

    def _removable(self, path: str, rank: int) -> Iterator[CacheFile]:
        """Yield the entries that may be removed for a new one, in the order of removal."""
        for other_rank in sorted(other for other in self.entries if other < rank):
            yield from self.entries[other_rank].values()
        requests, entries = self.requests.get(rank, {}), self.entries[rank]
        distance = requests.get(path)
        is_repeated = distance is not None and distance < len(entries)
        yield from (
            file for file in entries.values() if file.path != path and (is_repeated or file.path not in requests)
        )


def _rank(kind: str) -> int:
    return RANKS.get(kind, TOP_RANK) if kind else OLD_RANK


def _list_names() -> list[tuple[str, os.DirEntry[str]]]:
    """Return the files of the cache with their kinds, see `CacheFile`, without reading their sizes."""
    files: list[tuple[str, os.DirEntry[str]]] = []
    for entry in _scan(folder()):
        if OLD_FILE.fullmatch(entry.name):
            files.append(("", entry))
        elif WORKING_FILE.fullmatch(entry.name):
            files.append(("leftover", entry))
    for kind, part in _part_folders():
        for entry in _scan(part):
            name = entry.name
            if name.endswith(".safetensors") and name[0] != "." and ENTRY.fullmatch(name):
                files.append((kind, entry))
            elif WORKING_FILE.fullmatch(name):
                files.append(("leftover", entry))
    return files


def _read_sizes(names: list[tuple[str, os.DirEntry[str]]]) -> list[CacheFile]:
    files = []
    for kind, entry in names:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # Another process removed the file meanwhile.
        files.append(CacheFile(entry.path, status.st_size, status.st_mtime_ns, kind))
    return files


def _part_folders() -> list[tuple[str, Path]]:
    """Return the kind and the path of each folder ``kind/ab`` of the cache."""
    kind_folders = [entry for entry in _scan(folder()) if entry.name.isalpha() and entry.is_dir(follow_symlinks=False)]
    return [
        (kind_folder.name, Path(part.path))
        for kind_folder in kind_folders
        for part in _scan(kind_folder.path)
        if len(part.name) == 2 and part.is_dir(follow_symlinks=False)
    ]


def _scan(path: str | Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder; nothing if it cannot be read."""
    try:
        with os.scandir(path) as listing:
            return list(listing)
    except OSError:
        return []


def _remove_free_lock(path: str) -> None:
    with suppress(Timeout, OSError, NotImplementedError), FileLock(path, timeout=0):
        remove_file(path)
