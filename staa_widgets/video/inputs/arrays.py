"""Open frames in memory: check an array or tensor, and compute the times of its frames."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import FrameArrayError, ParameterError
from staa_widgets.utils.frozen import make_read_only
from staa_widgets.video.clip import Clip
from staa_widgets.video.clock import DEFAULT_RATE, MAX_SECONDS
from staa_widgets.video.frame_reader import ArrayReader
from staa_widgets.video.inputs.options import InputOptions
from staa_widgets.video.limits import check_array_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

CHANNELS = (1, 3, 4)
"""Numbers of channels of gray, RGB and RGBA frames."""

CHUNK_BYTES = 1 << 22
"""Bytes of frames that are copied at a time, if the frames do not lie one after the other in memory."""


def open_frames(src: Any, options: InputOptions, name: str, *, from_list: bool = False) -> Clip:
    """Return a clip of frames in memory; `from_list` as for `check_frames`."""
    frames = check_frames(src, from_list=from_list)
    seconds, end = frame_times(len(frames), options.fps, options.times)
    height, width = frames.shape[1:3]
    check_array_size(width, height)
    digest = _digest_in_background(frames, seconds)
    clip = Clip(name, width, height, seconds, 0, end, digest, ArrayReader(frames))
    return replace(clip, assumed_rate=options.assumes_rate)


def _digest_in_background(frames: NDArray[np.uint8], seconds: NDArray[np.float64]) -> Callable[[], str]:
    """Begin to digest frames in a thread, while the caller goes on; return a function that waits for the digest."""
    results: list[str] = []

    def compute() -> None:
        digest = hashlib.sha256(f"uint8 {frames.shape}".encode())
        count = len(frames) if frames.flags.c_contiguous else max(1, CHUNK_BYTES // frames[0].size)
        for start in range(0, len(frames), count):
            digest.update(np.ascontiguousarray(frames[start : start + count]).data)
        digest.update(seconds.data)
        results.append(digest.hexdigest())

    thread = Thread(target=compute, daemon=True)
    thread.start()

    def wait() -> str:
        thread.join()
        if not results:
            compute()  # A process that was forked meanwhile has no such thread.
        return results[0]

    return wait


def check_frames(src: Any, *, from_list: bool = False) -> NDArray[np.uint8]:
    """Return an array or tensor as RGB frames, uint8 ``(F, H, W, 3)``.

    Accepted are color, gray and RGBA frames with channels last or first, and gray frames without an axis of channels;
    uint8 from 0 to 255, or float from 0 to 1. The alpha channel is dropped.

    Parameters
    ----------
    src
        Array, tensor, or any object that numpy can read as an array.
    from_list
        Whether the frames came as a list, so that the first axis can only be that of frames.

    Raises
    ------
    FrameArrayError
        For anything else, and for a shape that can be read in two ways.
    """
    array = to_numpy(src)
    if not isinstance(array, np.ndarray):
        raise FrameArrayError(
            f"Cannot read a video from a {type(src).__name__}.",
            "Give a path, an open file, bytes, frames (F, H, W, 3) as an array or tensor, or a list of images.",
        )
    channels_last = _move_channels_last(array, from_list=from_list)
    if channels_last.size == 0:
        raise FrameArrayError(f"Frames of shape {array.shape} contain no pixels.", "Give at least one frame.")
    color = channels_last if channels_last.shape[3] == 1 else channels_last[..., :3]
    frames = _to_uint8(color)
    return frames if frames.shape[3] == 3 else np.broadcast_to(frames, (*frames.shape[:3], 3))


def frame_times(count: int, fps: float | None, times: ArrayLike | None) -> tuple[NDArray[np.float64], float]:
    """Return the second of each frame of an array, counted from 0, and the second at which the last frame ends."""
    if fps is not None and times is not None:
        raise ParameterError("fps= and times= cannot be combined.", "Give only one of them.")
    if times is None:
        rate = DEFAULT_RATE if fps is None else fps
        _check_length(count / rate)
        return make_read_only(np.arange(count) / rate), count / rate
    try:
        seconds = np.array(to_numpy(times), np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameArrayError("times= must contain only numbers.", "Give the time of each frame in seconds.") from error
    if seconds.shape != (count,):
        raise FrameArrayError(
            f"times= must have shape ({count},), got {seconds.shape}.", "Give the time of each frame in seconds."
        )
    if not np.all(np.isfinite(seconds)) or np.any(np.diff(seconds) <= 0):
        raise FrameArrayError(
            "times= must be finite and increase from frame to frame.", "Sort the frames and remove repeated times."
        )
    seconds -= seconds[0]
    _check_length(seconds[-1])
    return make_read_only(seconds), float(seconds[-1]) + _median_gap(seconds)


def _check_length(seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise ParameterError(f"The frames would last {seconds / 86400:,.0f} days.", "Check fps= or times=.")


def to_numpy(src: Any) -> Any:
    """Return a tensor of any library as a numpy array, and anything else unchanged."""
    if hasattr(src, "detach") and hasattr(src, "cpu"):
        return _tensor_to_numpy(src)
    if hasattr(src, "asnumpy"):
        return src.asnumpy()
    return np.asarray(src) if hasattr(src, "__array__") else src


def _tensor_to_numpy(tensor: Any) -> NDArray[Any]:
    """Return a tensor of torch as a numpy array; raise `FrameArrayError` for one without values, or not dense."""
    try:
        values = tensor.detach().cpu()
        is_bfloat16 = str(values.dtype) == "torch.bfloat16"  # numpy has no such type
        return np.asarray((values.float() if is_bfloat16 else values).numpy())
    except (TypeError, RuntimeError, NotImplementedError) as error:  # sparse, nested, quantized, or on the meta device
        raise FrameArrayError(
            f"The values of a tensor of type {tensor.dtype} cannot be read: {_first_line(error)}",
            "Give a dense tensor with values, such as frames.to_dense() or frames.dequantize().",
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _move_channels_last(array: NDArray[Any], *, from_list: bool) -> NDArray[Any]:
    """Return frames as ``(F, H, W, C)`` with 1, 3 or 4 channels."""
    shape = array.shape
    if array.ndim == 3:
        if not from_list and (shape[2] in CHANNELS or shape[0] in CHANNELS[1:]):
            picture = "channels last" if shape[2] in CHANNELS else "channels first"
            raise FrameArrayError(
                f"Frames of shape {shape} can be read in two ways: as one picture with {picture}, or as {shape[0]} "
                f"gray frames of {shape[2]}x{shape[1]}.",
                "For one picture give frames[None], for gray frames give frames[..., None].",
            )
        return array[..., None]
    if array.ndim != 4:
        raise FrameArrayError(
            f"Frames must have shape (F, H, W, 3), got {shape}.",
            "The axes are frame, row, column and RGB channel; of a batch of videos give one, such as batch[0].",
        )
    for counts in ((3,), (1, 4)):
        is_last, is_first = shape[3] in counts, shape[1] in counts
        if is_first and is_last:
            raise _ambiguous(shape, f"{shape[0]} frames with channels last", f"{shape[0]} frames with channels first")
        if is_first and not from_list and shape[0] == 3:
            raise _ambiguous(
                shape, f"3 frames of {shape[1]} channels each", f"{shape[1]} frames whose channels are the first axis"
            )
        if is_last:
            return array
        if is_first:
            return np.moveaxis(array, 1, 3)
    hint = "The axes are frame, row, column and RGB channel."
    if shape[0] in CHANNELS:
        hint = "Move the channels last: frames.transpose(1, 2, 3, 0), or permute for a tensor."
    raise FrameArrayError(f"Frames must have shape (F, H, W, 3), got {shape}.", hint)


def _ambiguous(shape: tuple[int, ...], first: str, second: str) -> FrameArrayError:
    return FrameArrayError(
        f"Frames of shape {shape} can be read in two ways: as {first}, or as {second}.",
        "Give a list of frames, each an image of Pillow: [Image.fromarray(frame) for frame in frames].",
    )


def _to_uint8(frames: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values as uint8: float values are taken as 0 to 1, where every one of them is."""
    if frames.dtype == np.uint8:
        return frames
    if frames.dtype.kind == "f":
        if frames.min() >= 0 and frames.max() <= 1:  # false for NaN
            out = np.empty(frames.shape, np.uint8)
            for row, frame in zip(out, frames, strict=True):
                row[:] = np.rint(frame.astype(np.float32) * 255)
            return out
        raise FrameArrayError(
            f"Values of type {frames.dtype} must be from 0 to 1, but these are from {frames.min():.3g} to "
            f"{frames.max():.3g}.",
            "Undo a normalization, or convert values from 0 to 255 by frames.round().astype('uint8').",
        )
    raise FrameArrayError(
        f"Frames must be uint8, or float from 0 to 1, got {frames.dtype}.",
        "Give RGB values from 0 to 255 as frames.astype('uint8').",
    )


def _median_gap(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / DEFAULT_RATE
