"""Open a video file, given as a path or as its bytes."""

from __future__ import annotations

import hashlib
import warnings
from functools import lru_cache
from pathlib import Path

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.utils.frozen import make_read_only
from staa_widgets.utils.text import replace_surrogates
from staa_widgets.video.clip import Clip
from staa_widgets.video.inputs.animation import is_animation, open_animation
from staa_widgets.video.inputs.options import InputOptions


def open_file(path: Path, options: InputOptions) -> Clip:
    """Return the clip of a regular file."""
    return _open(path, replace_surrogates(path.name), file_digest(path), options)


def open_bytes(data: bytes, name: str, options: InputOptions) -> Clip:
    """Return the clip of a file's bytes."""
    return _open(data, replace_surrogates(name), hashlib.sha256(data).hexdigest(), options)


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file, computed once as long as its size and time of change are the same."""
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise UnreadableVideoError(
            f"{path.name!r} cannot be read: {error.strerror or error}.", "Check its permissions and the disk."
        ) from error


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001  (size and time are keys of the cache)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(source: Path | bytes, name: str, digest: str, options: InputOptions) -> Clip:
    options.refuse_times()
    if is_animation(source):
        options.refuse_rate()
        return open_animation(source, name, digest)
    from staa_widgets.video.decode import FileReader
    from staa_widgets.video.probe import probe

    video = probe(source, name, fps=options.fps, square_pixels=options.square_pixels)
    if video.display.pixel_aspect != 1:
        width, height = video.display.stored_size
        warnings.warn(
            f"The pixels of {name!r} are not square: its frames of {width}x{height} are shown as "
            f"{video.width}x{video.height}, as players show them. open_clip(…, square_pixels=False) keeps them.",
            stacklevel=5,
        )
    return Clip(
        name=name,
        width=video.width,
        height=video.height,
        times=make_read_only(video.times),
        first_frame=0,
        end=video.end,
        _digest=lambda: digest,
        reader=FileReader(video),
    )
