"""List the videos of `explain_many`: expand patterns, folders and lists of videos."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Any

from staa_widgets.errors import ParameterError, VideoNotFoundError
from staa_widgets.video.open import is_single_video

SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".ivf", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)
"""Suffixes of the files in a folder that count as videos."""


def list_videos(videos: Any) -> Iterable[Any]:
    """Return the videos of patterns, folders and lists; as a list if their number is known, else as an iterator.

    Raises
    ------
    VideoNotFoundError
        If `videos` is a single pattern or folder and holds no video.
    ParameterError
        If `videos` is a whole data frame, or neither a video nor an iterable.
    """
    if isinstance(videos, str | os.PathLike):
        paths = _expand_path(videos)
        if not paths:
            is_folder = Path(videos).expanduser().is_dir()
            raise VideoNotFoundError(
                f"No video in the folder {str(videos)!r}." if is_folder else f"No file matches {str(videos)!r}.",
                "Check the path; relative paths start at the working directory.",
            )
        return paths
    if is_single_video(videos):
        return [videos]
    if hasattr(videos, "columns"):
        raise ParameterError(
            "Cannot use a whole data frame as a list of videos.", "Pass one column, such as table['path']."
        )
    if not isinstance(videos, Iterable):
        raise ParameterError(
            f"Cannot read a list of videos from {type(videos).__name__}.", "Pass a pattern, a folder or a list."
        )
    expanded_videos = (path for video in videos for path in _expand_path(video) or [video])
    return list(expanded_videos) if isinstance(videos, Sized) else expanded_videos


def _expand_path(video: Any) -> Sequence[Any]:
    """Return the sorted paths of a pattern or a folder; for any other video, a list of this video."""
    if not isinstance(video, str | os.PathLike):
        return [video]
    try:
        path = Path(video).expanduser()
        if path.is_dir():
            return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if glob.has_magic(str(path)) and not path.exists():
            return sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207  patterns may be absolute
    except (OSError, ValueError, RuntimeError):
        pass  # `open_clip` will report the error.
    return [video]
