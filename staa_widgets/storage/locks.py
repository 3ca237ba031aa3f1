"""Locks between processes, one for each entry of the cache, so that nothing is computed twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from staa_widgets.storage.folder import entry_path, make_folder, may_use_folder, warn_once

_ATTEMPTS = 5


@contextmanager
def lock(kind: str, key: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of an entry, so that two processes do not compute it twice; without a usable folder, hold none.

    The file of the lock is removed by the process that releases it, while it still holds it: a process that waited for
    the removed file notices this and takes a new one.

    Parameters
    ----------
    kind, key
        Kind of the entry and its key.
    waiting
        Called twice a second while another process holds the lock; raise from it to stop waiting.
    """
    file_lock = _acquire(entry_path(kind, key).with_suffix(".lock"), waiting) if may_use_folder() else None
    try:
        yield
    finally:
        if file_lock is not None:
            _release(file_lock)


def _acquire(path: Path, waiting: Callable[[], object]) -> FileLock | None:
    """Return the acquired lock; ``None``, after a warning, if the folder allows no locks."""
    attempts = 0
    while True:
        try:
            make_folder(path.parent)
            file_lock = FileLock(path, timeout=0.5, mode=0o600)
            file_lock.acquire()
        except Timeout:
            waiting()
        except FileNotFoundError as error:
            # Another process may have cleared the cache and removed the folder just now.
            attempts += 1
            if attempts == _ATTEMPTS:
                warn_once(error)
                return None
        except (OSError, NotImplementedError) as error:
            warn_once(error)
            return None
        else:
            return file_lock


def _release(file_lock: FileLock) -> None:
    path = Path(file_lock.lock_file)
    # Windows removes no open file: there the file is removed after the release, if no other process has opened it.
    if os.name == "nt":
        file_lock.release()
        with suppress(OSError):
            path.unlink(missing_ok=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        file_lock.release()
