"""`open_source`: which kind of live source an argument is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from staa_widgets.errors import LiveSourceError
from staa_widgets.live_video.sources.address import is_address, parse_address
from staa_widgets.live_video.sources.page_camera import PageCamera
from staa_widgets.live_video.sources.played import ClipSource, IteratorSource
from staa_widgets.live_video.sources.source import Source
from staa_widgets.live_video.sources.stream import device_source, network_source

_DEVICE = re.compile(r"/dev/(video\d+|v4l/[\w./:-]+)")


def open_source(source: Any, fps: float) -> Source:
    """Return the live source of an argument of `staa_widgets.live`.

    Parameters
    ----------
    source
        ``None`` for the camera of the page; an address such as ``rtsp://…`` or ``http://…``; ``"/dev/video0"`` or its
        number; an iterator of frames; or anything that `staa_widgets.open_clip` takes, played at its own speed.
    fps
        Frames a second of frames without times.

    Raises
    ------
    LiveSourceError
        If an address is not valid.
    VideoError
        If a file or frames cannot be read.
    """
    from staa_widgets.video.clip import Clip
    from staa_widgets.video.open import open_clip

    if source is None:
        return PageCamera()
    if isinstance(source, int) and not isinstance(source, bool):
        source = f"/dev/video{source}"
    if isinstance(source, Clip):
        return ClipSource(source)
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if isinstance(source, str) and is_address(source):
        return network_source(parse_address(source))
    if isinstance(source, str) and _DEVICE.fullmatch(source):
        if not Path(source).exists():
            raise LiveSourceError(f"There is no camera {source}.", "List the cameras with ls /dev/video*.")
        return device_source(source)
    if isinstance(source, Iterator) and not hasattr(source, "read"):
        return IteratorSource(source, fps)
    is_frames = not isinstance(source, str | bytes | bytearray | memoryview) and not hasattr(source, "times")
    if is_frames and (isinstance(source, list | tuple) or hasattr(source, "ndim")):
        return ClipSource(open_clip(source, fps=fps))
    return ClipSource(open_clip(source))
