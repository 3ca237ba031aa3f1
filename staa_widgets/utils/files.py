"""Write files atomically, so that a file is whole or absent, and make safe file names."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staa_widgets.errors import FileWriteError, ParameterError, StaaError
from staa_widgets.utils.text import quote_value


def write_atomic(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> Path:
    """Write a file in one step: readers see the old content or the new content, never a part.

    Parameters
    ----------
    path, data
        Path and content of the file.
    private
        Whether only the user may read and write the file (mode 0600).

    Raises
    ------
    OSError
        If the folder is missing, not writable or full; nothing is left behind.
    """
    with atomic_path(path) as temporary_path:
        if private:
            temporary_path.touch(0o600, exist_ok=False)
        temporary_path.write_bytes(data)
    return Path(path)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a temporary file; at the end, the temporary file replaces ``path`` in one step.

    Raises
    ------
    OSError
        As in `write_atomic`. If the block raises, the temporary file is removed.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "It is not a file", str(target))
    # The temporary file lies in the folder of the target, because replacing is one step only within a file system. A
    # file system that allows the name of the target may not allow a longer one.
    prefix = f".{target.name}" if len(os.fsencode(target.name)) <= 200 else ""
    temporary_path = target.with_name(f"{prefix}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary_path
        temporary_path.replace(target)
    except BaseException:
        temporary_path.unlink(missing_ok=True)
        raise


@contextmanager
def export_path(path: str | os.PathLike[str], content: str) -> Iterator[Path]:
    """Yield a temporary path as `atomic_path` does, for a path given by the user; report failures as typed errors.

    Raises
    ------
    FileWriteError
        If the file cannot be written; the message names the file and the cause.
    ParameterError
        If `path` is not the path of a file.
    """
    try:
        is_file_name = bool(Path(path).name) and "\0" not in str(path)
    except TypeError:
        is_file_name = False
    if not is_file_name:
        raise ParameterError(f"The {content} cannot be written to {quote_value(path)}.", "Give the path of a file.")
    try:
        with atomic_path(path) as temporary_path:
            yield temporary_path
    except OSError as error:
        # A VideoNotFoundError is an OSError too, and its message is already complete.
        if isinstance(error, StaaError):
            raise
        raise FileWriteError(
            f"The {content} cannot be written to {path}: {error.strerror or error}.",
            "Choose a folder that exists, is writable and has free space, and a name that is not too long.",
        ) from error


def export_bytes(path: str | os.PathLike[str], data: bytes, content: str) -> Path:
    """Write a file to a path given by the user, in one step; raise `FileWriteError` if it cannot be written."""
    with export_path(path, content) as temporary_path:
        temporary_path.write_bytes(data)
    return Path(path)


def file_stem(name: str) -> str:
    """Return a name without its suffix, safe as a file name on any system; ``"clip"`` if nothing is left."""
    return re.sub(r"[^\w-]+", "_", re.sub(r"\.[^.]*$", "", name)) or "clip"
