"""The folder of the cache: where it is, who may write to it, and the names of the files in it.

The folder belongs to one user. It and its files are made readable by that user only. A folder that another user could
fill with files is not used: see `find_problem`.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_dir

from staa_widgets.errors import ParameterError

ENTRY = re.compile(r"[0-9a-f]{64}\.safetensors")
WORKING_FILE = re.compile(r"[0-9a-f]{64}\.lock|\.(?:[0-9a-f]{64}\.safetensors|signing\.key)\.[0-9a-f]{8}\.tmp")
"""Temporary files and locks: in use, or left behind by a process that was killed."""
OLD_FILE = re.compile(r"\.?[a-z]+-[0-9a-f]{64}\.(?:safetensors|lock)(?:\.[0-9a-f]{8}\.tmp)?")
"""Files of versions before format 5, which had no folders for each kind."""


@dataclass
class WarningLog:
    """Folders for which this process has already given a warning.

    Parameters
    ----------
    warned_folders
        Folders that cannot be used.
    shared_folders
        Folders to which a group may write.
    """

    warned_folders: set[Path] = field(default_factory=set)
    shared_folders: set[Path] = field(default_factory=set)


warning_log = WarningLog()


def folder() -> Path:
    """Return the folder of the cache: `STAA_CACHE`, or the user's cache folder of this system.

    Raises
    ------
    ParameterError
        If `STAA_CACHE` begins with the home folder of a user whom this system does not know.
    """
    path = os.environ.get("STAA_CACHE") or user_cache_dir("staa_widgets", appauthor=False)
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ParameterError(f"STAA_CACHE is {path!r}, but there is no such home folder.", "Name a folder.") from error


def entry_path(kind: str, key: str) -> Path:
    """Return the path of an entry: ``kind/ab/key.safetensors``, where ``ab`` are the first characters of the key."""
    return folder() / kind / key[:2] / f"{key}.safetensors"


def find_problem(path: Path) -> str:
    """Return why an existing folder must not be used, or ``""``: other users could put files there.

    On Windows, and for a folder that does not exist yet, this is always ``""``.
    """
    mode, owner = _mode_and_owner(path)
    if owner is not None and owner != os.geteuid():
        return "it belongs to another user"
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return "every user may write to it"
    return ""


def is_group_writable(path: Path) -> bool:
    """Return whether members of a group may replace files in the folder."""
    mode, _ = _mode_and_owner(path)
    return bool(mode & stat.S_IWGRP) and not mode & stat.S_ISVTX


def may_use_folder() -> bool:
    """Return whether the folder may be used; if not, or if a group may write to it, warn once."""
    path = folder()
    problem = find_problem(path)
    if problem:
        warn_once(problem)
        return False
    if is_group_writable(path) and path not in warning_log.shared_folders:
        warning_log.shared_folders.add(path)
        warnings.warn(
            f"Members of your group may write to the cache in {path}. If they should not, run `chmod g-w {path}`.",
            RuntimeWarning,
            stacklevel=2,
        )
    return True


def make_folder(path: Path) -> None:
    """Make a folder within the cache, and the cache itself, readable by the user only.

    Raises
    ------
    OSError
        If a folder cannot be made.
    """
    folder().parent.mkdir(parents=True, exist_ok=True)
    for part in (folder(), *reversed([p for p in path.parents if folder() in p.parents]), path):
        part.mkdir(mode=0o700, exist_ok=True)


def remove_file(path: str | Path) -> bool:
    """Remove a file, and return whether it is gone; warn once if it cannot be removed."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        warn_once(error)
        return False
    return True


def warn_once(problem: object) -> None:
    """Warn, once for each folder, that the cache cannot be used."""
    path = folder()
    if path not in warning_log.warned_folders:
        warning_log.warned_folders.add(path)
        warnings.warn(
            f"The cache in {path} cannot be used ({problem}), so results are not reused. "
            "Set STAA_CACHE to a folder of your own that is writable.",
            RuntimeWarning,
            stacklevel=2,
        )


def _mode_and_owner(path: Path) -> tuple[int, int | None]:
    """Return the mode and the owner of a folder; 0 and ``None`` on Windows, and if there is no such folder."""
    if not hasattr(os, "geteuid"):
        return 0, None
    try:
        status = path.stat()
    except OSError:
        return 0, None
    return status.st_mode, status.st_uid
