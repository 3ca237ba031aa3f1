"""`open_clip`: open a video of any kind as a `Clip`. `INPUT_KINDS` lists the kinds, and how each is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from staa_widgets.video.clip import Clip
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.inputs.arrays import open_frames
from staa_widgets.video.inputs.decoders import (
    is_av_container,
    is_decord_reader,
    is_torchcodec_decoder,
    open_av_container,
    open_decord_reader,
    open_torchcodec_decoder,
)
from staa_widgets.video.inputs.file_objects import (
    is_file_object,
    is_remote_file,
    is_row,
    open_file_object,
    open_remote_file,
    open_row,
)
from staa_widgets.video.inputs.files import open_bytes
from staa_widgets.video.inputs.images import open_list
from staa_widgets.video.inputs.options import InputOptions
from staa_widgets.video.inputs.paths import open_path

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class InputKind:
    """A kind of input.

    Parameters
    ----------
    accepts
        Function that returns whether an input is of this kind.
    open
        Function that returns the clip of such an input.
    """

    accepts: Callable[[Any], bool]
    open: Callable[[Any, InputOptions], Clip]


def find_kind(src: Any) -> InputKind:
    """Return the first kind in `INPUT_KINDS` that accepts an input."""
    return next(kind for kind in INPUT_KINDS.values() if kind.accepts(src))


def is_single_video(src: Any) -> bool:
    """Return whether an input is one video, not a list or another collection of videos."""
    kind = find_kind(src)
    if kind is INPUT_KINDS["array"]:
        return getattr(src, "ndim", 0) in (4, 5)
    return kind is not INPUT_KINDS["list of images"]


def open_clip(
    src: Any,
    start: float | None = None,
    end: float | None = None,
    *,
    fps: float | None = None,
    times: ArrayLike | None = None,
    square_pixels: bool = True,
    max_side: int | None = None,
) -> Clip:
    """Open a video as a `Clip`.

    Parameters
    ----------
    src
        One of these:

        - the path of a file, or an address that begins with ``file://``; a file's bytes; an open file or one of fsspec,
          which is left open and where it was; a mapping with the ``bytes`` or the ``path`` of a file;
        - frames ``(F, H, W, 3)`` or ``(F, 3, H, W)`` as an array or tensor, uint8 or float from 0 to 1, in color, gray
          or RGBA; a list of images of Pillow, arrays or paths of images; a folder or pattern of image files;
        - a ``decord.VideoReader``, a container of PyAV, a ``VideoDecoder`` of torchcodec, a video of ``datasets``;
        - an object with ``frames`` and ``times``; if it also has ``where`` and ``when``, as an `ActionClip` has, they
          become the ground truth;
        - a `Clip`.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` belong to the clip.
    fps, times
        For frames and images: the frame rate, or ``(F,)`` rising seconds; by default 25 frames a second. `fps` also for
        a bare stream, such as ``.h264``, which states no times. Other files have their own times.
    square_pixels
        Whether the frames of a video whose pixels are not square are stretched as players show them.
    max_side
        Maximum pixels of the longer side of a frame: larger frames are reduced while they are decoded.

    Returns
    -------
    Clip

    Raises
    ------
    VideoNotFoundError
        If the path names no file.
    UnreadableVideoError
        If the file holds no video that can be read.
    VideoTooLargeError
        If decoding one frame takes more memory than the limit, see `staa_widgets.video.limits`.
    FrameArrayError
        If frames or times have the wrong shape or type, or can be read in two ways.
    TooFewFramesError
        If no frame lies in the range.
    ParameterError
        If the range, `fps`, `times` or `max_side` are not valid.
    """
    clip = find_kind(src).open(src, InputOptions(fps, times, square_pixels))
    if max_side is not None:
        clip = clip.reduce(max_side)
    return clip if start is None and end is None else clip.trim(start, end)


def _open_clip_again(src: Clip, options: InputOptions) -> Clip:
    options.refuse_rate()
    return src


def _open_bytes(src: Any, options: InputOptions) -> Clip:
    return open_bytes(bytes(src), "video", options)


def _open_annotated(src: Any, options: InputOptions) -> Clip:
    if options.fps is None and options.times is None:
        options = replace(options, times=src.times)
    clip = open_frames(src.frames, options, str(getattr(src, "label", "frames")))
    if hasattr(src, "where") and hasattr(src, "when"):
        clip = replace(clip, ground_truth=GroundTruth.from_clip(src))
    return clip


def _open_array(src: Any, options: InputOptions) -> Clip:
    return open_frames(src, options, "frames")


INPUT_KINDS: dict[str, InputKind] = {
    "clip": InputKind(lambda src: isinstance(src, Clip), _open_clip_again),
    "open file": InputKind(is_file_object, open_file_object),
    "remote file": InputKind(is_remote_file, open_remote_file),
    "path": InputKind(lambda src: isinstance(src, str | os.PathLike), open_path),
    "bytes": InputKind(lambda src: isinstance(src, bytes | bytearray | memoryview), _open_bytes),
    "row of a data set": InputKind(is_row, open_row),
    "decord reader": InputKind(is_decord_reader, open_decord_reader),
    "torchcodec decoder": InputKind(is_torchcodec_decoder, open_torchcodec_decoder),
    "av container": InputKind(is_av_container, open_av_container),
    "annotated frames": InputKind(lambda src: hasattr(src, "frames") and hasattr(src, "times"), _open_annotated),
    "list of images": InputKind(lambda src: isinstance(src, list | tuple), open_list),
    "array": InputKind(lambda _: True, _open_array),
}
"""Kinds of input by name; the first that accepts an input opens it."""
