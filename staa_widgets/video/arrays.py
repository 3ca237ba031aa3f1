"""Videos given as frames in memory: check an array or tensor, and compute the times of its frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import FrameArrayError, ParameterError
from staa_widgets.utils.frozen import make_read_only

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ARRAY_FPS = 25.0
"""Frame rate assumed for frames without times."""


def check_frames(src: Any) -> NDArray[np.uint8]:
    """Return an array or tensor as uint8 frames ``(F, H, W, 3)``; raise `FrameArrayError` for anything else."""
    frames = _to_numpy(src)
    if not isinstance(frames, np.ndarray):
        raise FrameArrayError(
            f"Cannot read a video from a {type(src).__name__}.",
            "Give a path, bytes, or one array of uint8 frames (F, H, W, 3).",
        )
    if frames.dtype != np.uint8:
        hint = "Give RGB values from 0 to 255."
        if frames.dtype.kind == "f":
            hint = "Convert values from 0 to 1 without NaN by (frames * 255).round().astype('uint8')."
        raise FrameArrayError(f"Frames must be uint8, got {frames.dtype}.", hint)
    if frames.ndim != 4 or frames.shape[3] != 3:
        hint = "The axes are frame, row, column and RGB channel."
        if frames.ndim == 4 and frames.shape[1] == 3:
            hint = "Move the channels last: frames.transpose(0, 2, 3, 1), or permute for a tensor."
        raise FrameArrayError(f"Frames must have shape (F, H, W, 3), got {frames.shape}.", hint)
    if frames.size == 0:
        raise FrameArrayError(f"Frames of shape {frames.shape} contain no pixels.", "Give at least one frame.")
    return frames


def frame_times(count: int, fps: float | None, times: ArrayLike | None) -> tuple[NDArray[np.float64], float]:
    """Return the second of each frame of an array, counted from 0, and the second at which the last frame ends."""
    if fps is not None and times is not None:
        raise ParameterError("fps= and times= cannot be combined.", "Give only one of them.")
    if times is None:
        rate = ARRAY_FPS if fps is None else fps
        if not 0 < rate < math.inf:
            raise ParameterError(
                f"fps must be a positive number, got {rate}.", "Give frames per second, such as fps=25."
            )
        return make_read_only(np.arange(count) / rate), count / rate
    try:
        seconds = np.array(_to_numpy(times), np.float64)
    except (TypeError, ValueError) as error:
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
    return make_read_only(seconds), float(seconds[-1]) + _median_gap(seconds)


def _to_numpy(src: Any) -> Any:
    """Return a tensor of any library as a numpy array, and anything else unchanged."""
    if hasattr(src, "detach"):
        try:
            return src.detach().cpu().numpy()
        except TypeError as error:
            raise FrameArrayError(f"Frames must be uint8, got {src.dtype}.", "Convert them to uint8.") from error
    return src


def _median_gap(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / ARRAY_FPS
