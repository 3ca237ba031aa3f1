"""`Display`: from a stored frame to the picture that a player shows: square pixels, turned upright."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

SQUARE_TOLERANCE = 0.005
"""Pixels whose aspect differs from 1 by less count as square: the difference comes from rounding in the file."""

MAX_TILT = 5.0
"""Degrees between a rotation and the next quarter turn from which a warning is given."""

MAX_ASPECT = 10
"""Pixels more stretched than this are an error of the file, and count as square."""


@dataclass(frozen=True)
class Display:
    """How the stored frames of a video are displayed.

    Parameters
    ----------
    stored_size
        ``(width, height)`` of a stored frame in pixels.
    pixel_aspect
        Width of a stored pixel divided by its height.
    quarter_turns, mirrored
        How to turn a stored frame upright: the number of counter-clockwise quarter turns, and whether left and right
        are then swapped.
    """

    stored_size: tuple[int, int]
    pixel_aspect: Fraction = Fraction(1)
    quarter_turns: int = 0
    mirrored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of a displayed frame, whose pixels are square; no side is shorter than in the file."""
        width, height = self.stored_size
        if self.pixel_aspect > 1:
            width = round(width * self.pixel_aspect)
        elif self.pixel_aspect < 1:
            height = round(height / self.pixel_aspect)
        return (width, height) if self.quarter_turns % 2 == 0 else (height, width)

    @property
    def is_plain(self) -> bool:
        """Whether frames are displayed as they are stored."""
        return self.quarter_turns == 0 and not self.mirrored and self.pixel_aspect == 1

    def to_rgb(self, frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return a decoded frame as it is displayed, RGB uint8 ``(height, width, 3)`` of ``size``."""
        width, height = size if self.quarter_turns % 2 == 0 else size[::-1]
        interpolation = None
        if (width, height) != (frame.width, frame.height):
            interpolation = "AREA" if width * height < frame.width * frame.height else "BICUBIC"
        rgb = frame.reformat(width, height, format="rgb24", interpolation=interpolation)
        pixels = np.rot90(np.asarray(rgb.to_ndarray(), np.uint8), self.quarter_turns)
        return pixels[:, ::-1] if self.mirrored else pixels


def read_display(stream: VideoStream, frame: VideoFrame, name: str, *, square_pixels: bool = True) -> Display:
    """Return how the frames of a stream are displayed, from its first frame and the header of the container.

    Gives a warning if the container asks for a rotation that is no quarter turn.
    """
    quarter_turns, mirrored, degrees_left = read_orientation(frame)
    if abs(degrees_left) > MAX_TILT:
        warnings.warn(
            f"{name!r} asks players for a rotation of {90 * quarter_turns + degrees_left:.0f} degrees; its frames are "
            f"turned by {90 * quarter_turns}.",
            stacklevel=5,
        )
    aspect = read_pixel_aspect(stream) if square_pixels else Fraction(1)
    return Display((frame.width, frame.height), aspect, quarter_turns, mirrored)


def read_pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a pixel divided by its height, from the container or else from the codec; 1 if unknown."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not 1 / MAX_ASPECT <= aspect <= MAX_ASPECT or abs(aspect - 1) < SQUARE_TOLERANCE:
        return Fraction(1)
    return Fraction(aspect)


def read_orientation(frame: VideoFrame) -> tuple[int, bool, float]:
    """Return the counter-clockwise rotation and the mirroring that a frame's display matrix asks for.

    Returns
    -------
    quarter_turns, mirrored, degrees_left
        Number of quarter turns, whether left and right are swapped afterwards, and what the quarter turns leave of the
        rotation, in degrees from -45 to 45. The matrix is that of ISO/IEC 14496-12, section 8.3.2.3.
    """
    display_matrix = frame.side_data.get("DISPLAYMATRIX")
    if display_matrix is None:
        return 0, False, 0.0
    matrix = np.frombuffer(bytes(display_matrix), np.int32)
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    angle = math.atan2(-b, -a if mirrored else a)
    quarter_turns = round(angle / (math.pi / 2))
    return quarter_turns % 4, mirrored, math.degrees(angle) - 90 * quarter_turns
