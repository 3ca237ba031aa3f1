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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from staa_widgets.storage.folder import ENTRY, OLD_FILE, WORKING_FILE, entry_path, folder, remove_file, scan

RANKS = {"record": 0, "preview": 1}
"""Kinds that are removed first, in this order; all other kinds have `TOP_RANK`."""
TOP_RANK = 2
OLD_RANK = -1
LEFTOVER_AGE = 3600.0
"""Seconds after which the temporary files and locks of killed processes are removed."""

_MAX_LIST_AGE = 60.0
_MAX_HISTORY = 100_000


@dataclass(frozen=True)
class CacheFile:
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
    top = folder()
    files = [
        CacheFile(entry.path, stat.st_size, stat.st_mtime_ns, "" if OLD_FILE.fullmatch(entry.name) else "leftover")
        for entry, stat in scan(top)
        if OLD_FILE.fullmatch(entry.name) or WORKING_FILE.fullmatch(entry.name)
    ]
    for kind_folder, part in _part_folders(top):
        for entry, stat in scan(part):
            is_entry = ENTRY.fullmatch(entry.name)
            if is_entry or WORKING_FILE.fullmatch(entry.name):
                kind = kind_folder.name if is_entry else "leftover"
                files.append(CacheFile(entry.path, stat.st_size, stat.st_mtime_ns, kind))
    return files


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
    top = folder()
    for kind_folder, part in _part_folders(top):
        with suppress(OSError):  # It holds something.
            part.rmdir()
            kind_folder.rmdir()


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
    requests
        By rank, the paths of the entries that this process asked for, the latest last; each with the number of other
        entries that it had asked for since the request before, or ``None`` for the first request.
    """

    entries: dict[int, OrderedDict[str, CacheFile]] = field(default_factory=dict)
    size: int = 0
    unlisted_bytes: int = 0
    listed_at: float | None = None
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
            self._list_if_outdated(limit)
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

    def _list_if_outdated(self, limit: int) -> None:
        """List the folder every minute and whenever a twentieth of the limit was written: other processes write too."""
        now = time.monotonic()
        is_current = self.listed_at is not None and now - self.listed_at < _MAX_LIST_AGE
        if is_current and self.unlisted_bytes <= limit // 20:
            return
        files = list_files()
        remove_leftovers(files)
        self.entries = {}
        for file in sorted((file for file in files if file.kind != "leftover"), key=lambda file: file.used_ns):
            self.entries.setdefault(file.rank, OrderedDict())[file.path] = file
        self.size = sum(file.size for file in files)
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


def _part_folders(top: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each folder ``kind`` of the cache with each folder ``ab`` in it."""
    for kind_folder in _subfolders(top, str.isalpha):
        for part in _subfolders(kind_folder, lambda name: len(name) == 2):
            yield kind_folder, part


def _subfolders(path: Path, accepts: Callable[[str], bool]) -> list[Path]:
    with suppress(OSError), os.scandir(path) as listing:
        return [Path(entry.path) for entry in listing if accepts(entry.name) and entry.is_dir(follow_symlinks=False)]
    return []


def _remove_free_lock(path: str) -> None:
    with suppress(Timeout, OSError, NotImplementedError), FileLock(path, timeout=0):
        remove_file(path)
