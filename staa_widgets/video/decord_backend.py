"""Decode frames with decord: it is fast, but exact only for the files that `supports` accepts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.video.container import THREADS
from staa_widgets.video.limits import LARGE_FRAME

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from staa_widgets.video.video_file import VideoFile

CONTAINERS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "mjpeg"})
PIXEL_FORMATS = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"})


class DecordError(Exception):
    """decord cannot decode the frames; PyAV should be tried."""


@cache
def load_decord() -> ModuleType | None:
    """Import decord and silence its log; ``None`` if it is not installed or cannot be loaded."""
    try:
        import decord
    except (ImportError, OSError):
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def supports(video: VideoFile) -> bool:
    """Return whether decord decodes a file to the same pixels as PyAV.

    On other files decord hangs (if the file states too many frames), raises (AV1), returns other pixels (10 bit),
    invents times or believes a broken index (AVI), returns wrong frames (open groups of pictures), ignores a mirroring
    and some rotations, obeys rotation tags that players ignore, or needs too much memory (large frames).
    """
    stored_width, stored_height = video.display.stored_size
    # At an odd height decord and PyAV interpolate the color of the last rows differently.
    has_half_color_row = stored_height % 2 == 1 and "420" in video.pix_fmt
    return (
        isinstance(video.source, Path)
        and video.container in CONTAINERS
        and video.codec in CODECS
        and video.pix_fmt in PIXEL_FORMATS
        and video.video_tracks == 1
        and video.packets_are_exact
        and video.shows_all_packets
        and video.has_closed_groups
        and video.display.is_plain
        and not video.has_rotate_tag
        and stored_width * stored_height < LARGE_FRAME
        and not has_half_color_row
    )


def read_decord(video: VideoFile, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Decode frames as `staa_widgets.video.decode.read_frames` does, for files that decord `supports`.

    Raises
    ------
    DecordError
        If decord cannot decode one of the frames, counts a different number of frames, gives them another size, or
        cannot open a file of this name.
    ModuleNotFoundError
        If decord is not installed.
    """
    decord = load_decord()
    if decord is None:
        raise ModuleNotFoundError("decord is not installed.", name="decord")
    try:
        # Idle readers grew from 79 MB to 1.7 GB, so each call makes a new reader. fault_tol: a damaged frame must raise
        # an error, not be replaced by its neighbor.
        reader = decord.VideoReader(str(video.source), num_threads=THREADS, fault_tol=1e-9)
        if len(reader) != len(video.times):
            raise DecordError(f"decord counts {len(reader)} frames, not {len(video.times)}.")
        batch = reader.get_batch(indices.tolist())
    # Where more frames are damaged than fault_tol allows, decord raises DECORDLimitReachedError, which is no
    # DECORDError; for a file that it cannot open, RuntimeError; for a name that is not UTF-8, UnicodeEncodeError.
    except (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, UnicodeEncodeError) as error:
        raise DecordError(str(error)) from error
    # If the user has set a bridge of decord, the batch is a tensor of another library.
    frames = batch.asnumpy() if hasattr(batch, "asnumpy") else np.asarray(batch)
    if frames.shape[1:] != (video.height, video.width, 3):
        raise DecordError(f"decord's frames have shape {frames.shape[1:]}, not {(video.height, video.width, 3)}.")
    return frames
