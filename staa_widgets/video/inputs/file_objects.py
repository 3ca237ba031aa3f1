"""Open a video that is given as an open file, as a file of fsspec, or as a row of a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from staa_widgets.errors import UnreadableVideoError, VideoTooLargeError
from staa_widgets.utils.memory import available_memory
from staa_widgets.video.clip import Clip
from staa_widgets.video.inputs.files import open_bytes
from staa_widgets.video.inputs.options import InputOptions
from staa_widgets.video.inputs.paths import open_path

MEMORY_SHARE = 0.25
"""Share of the available memory that the content of an open file may take."""


def is_file_object(src: Any) -> bool:
    """Return whether an object can be read like an open file."""
    return callable(getattr(src, "read", None)) and not isinstance(src, type)


def open_file_object(src: Any, options: InputOptions) -> Clip:
    """Return the clip of an open file: it is read whole, from its beginning, and left open and where it was."""
    name = _file_name(src)
    source = getattr(src, "buffer", src)  # the bytes below an open text file
    try:
        if hasattr(source, "seekable") and not source.seekable():
            data = source.read()
        else:
            position = source.tell()
            _check_size(name, source.seek(0, os.SEEK_END) or source.tell())
            source.seek(0)
            try:
                data = source.read()
            finally:
                source.seek(position)
    except (OSError, ValueError, AttributeError) as error:
        raise UnreadableVideoError(
            f"The open file {name!r} cannot be read: {error}.", "Open it for reading in binary mode, or give its path."
        ) from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise UnreadableVideoError(f"The open file {name!r} gives no bytes.", "Open it in binary mode, as by 'rb'.")
    return open_bytes(bytes(data), name, options)


def is_remote_file(src: Any) -> bool:
    """Return whether an object is a file of fsspec that is not open yet."""
    return all(hasattr(src, name) for name in ("fs", "path", "open", "__enter__")) and not is_file_object(src)


def open_remote_file(src: Any, options: InputOptions) -> Clip:
    """Return the clip of a file of fsspec that is not open yet; it is closed afterwards."""
    try:
        with src as file:
            return open_file_object(file, options)
    except OSError as error:
        raise UnreadableVideoError(f"{src.path!r} cannot be opened: {error}.", "Check the address.") from error


def is_row(src: Any) -> bool:
    """Return whether an object is a row of a data set that holds a video: a mapping with ``bytes`` and ``path``."""
    return isinstance(src, Mapping) and ("bytes" in src or "path" in src)


def open_row(src: Mapping[str, Any], options: InputOptions) -> Clip:
    """Return the clip of a mapping with the ``bytes`` of a file, or else its ``path``."""
    data, path = src.get("bytes"), src.get("path")
    if not isinstance(data, bytes | bytearray | memoryview | None):
        raise UnreadableVideoError(
            f"'bytes' of the video is a {type(data).__name__}.", "Give the bytes of a video file, or its 'path'."
        )
    if not isinstance(path, str | os.PathLike | None):
        raise UnreadableVideoError(f"'path' of the video is a {type(path).__name__}.", "Give the path as a string.")
    if data is not None:
        return open_bytes(bytes(data), PurePath(path).name if path else "video", options)
    if path is None:
        raise UnreadableVideoError("Both 'bytes' and 'path' of the video are None.", "Give one of them.")
    return open_path(path, options)


def _file_name(src: Any) -> str:
    name = getattr(src, "name", None) or getattr(src, "path", None)
    return PurePath(name).name if isinstance(name, str) else "video"


def _check_size(name: str, size: int) -> None:
    memory = available_memory()
    if memory is not None and size > MEMORY_SHARE * memory:
        raise VideoTooLargeError(
            f"The open file {name!r} has {size / 1e9:.1f} GB, too much to be read into memory.", "Give its path."
        )
