"""Open what a path or an address names: a video file, a folder of images, or a pattern of image files."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError
from staa_widgets.video.clip import Clip
from staa_widgets.video.inputs.files import open_file
from staa_widgets.video.inputs.images import find_images, open_image_files
from staa_widgets.video.inputs.options import InputOptions


def open_path(src: str | os.PathLike[str], options: InputOptions) -> Clip:
    """Return the clip of a path, of an address that begins with ``file://``, or of a pattern of image files.

    A symlink keeps its own name, because the files behind those of caches are named by their digest.
    """
    path = _local_path(src)
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise UnreadableVideoError(f"No permission to read {path.name!r}.", "Change its permissions.") from error
    except (OSError, ValueError) as error:
        images = _match_pattern(path)
        if images:
            return open_image_files(images, Path(src).name, options)
        hint = "Check the path; a relative path starts at the current working directory."
        if "://" in str(src):
            hint = "Download the video first, or pass an open file, such as one opened by fsspec."
        raise VideoNotFoundError(f"There is no file {str(src)!r}.", hint) from error
    if stat.S_ISDIR(mode):
        images = find_images(path)
        if images:
            return open_image_files(images, path.absolute().name, options)
        raise VideoNotFoundError(
            f"{str(src)!r} is a folder without images.", "Give the path of one video file; several go to explain_many."
        )
    if not stat.S_ISREG(mode):
        raise VideoNotFoundError(f"{str(src)!r} is not a regular file.", "Give the path of one video file.")
    return open_file(path.absolute(), options)


def _local_path(src: str | os.PathLike[str]) -> Path:
    text = os.fspath(src)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if text.lower().startswith("file:"):
        try:
            address = urlsplit(text)
        except ValueError:
            return Path(text)
        if address.netloc in ("", "localhost"):
            return Path(url2pathname(address.path))
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~name" of a user who does not exist
        return Path(text)


def _match_pattern(path: Path) -> list[Path]:
    """Return the image files that match a pattern; none if the path has no wildcards."""
    try:
        names = glob.glob(str(path)) if glob.has_magic(str(path)) else []  # noqa: PTH207  patterns may be absolute
    except (OSError, ValueError):
        return []
    return find_images(*map(Path, names))
