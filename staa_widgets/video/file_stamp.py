"""Notice that a file was changed or removed after it was opened."""

from __future__ import annotations

from pathlib import Path

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError

FileStamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds; if both are equal, a file counts as unchanged."""


def read_file_stamp(source: Path | bytes) -> FileStamp:
    """Return the stamp of a file, or of its bytes."""
    if not isinstance(source, Path):
        return len(source), 0
    status = source.stat()
    return status.st_size, status.st_mtime_ns


def check_unchanged(source: Path | bytes, name: str, stamp: FileStamp) -> None:
    """Raise `VideoError` if a file has another stamp than when it was opened, or is gone."""
    try:
        changed = read_file_stamp(source) != stamp
    except OSError as error:
        raise VideoNotFoundError(
            f"{name!r} no longer exists.", "If it was moved or renamed, open it at its new path."
        ) from error
    if changed:
        raise UnreadableVideoError(f"{name!r} has changed since it was opened.", "Open it again.")
