"""`FrameReader`: reads the frames of a video by number. `ArrayReader` reads frames in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from PIL import Image


class FrameReader(Protocol):
    """Reads the frames of a video by their number in the whole video, as upright RGB of a requested size."""

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the frames at rising indices without repeats, uint8 ``(n, height, width, 3)``.

        Parameters
        ----------
        indices
            int64 ``(n,)``.
        size
            ``(width, height)`` of the frames in pixels.

        Raises
        ------
        UnreadableVideoError, VideoNotFoundError
            If a frame cannot be decoded, or the file has been changed or removed.
        """
        ...

    def iterate(
        self, indices: NDArray[np.int64], size: tuple[int, int], on_damage: Callable[[int], None] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the same frames as `read`, ``(height, width, 3)`` each, in one pass from front to back.

        Parameters
        ----------
        indices, size
            As for `read`.
        on_damage
            Called with the index of each frame that cannot be decoded; the last frame before it that can be decoded is
            then yielded in its place, or else the next one. ``None`` raises an error instead.
        """
        ...


@dataclass(frozen=True, eq=False)
class ArrayReader:
    """Reads frames in memory.

    Parameters
    ----------
    frames
        uint8 ``(F, H, W, 3)``.
    """

    frames: NDArray[np.uint8] = field(repr=False)

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return frames as `FrameReader.read` does."""
        if size == self.frames.shape[2:0:-1]:
            return self.frames[indices]
        return np.stack(list(self.iterate(indices, size)))

    def iterate(
        self,
        indices: NDArray[np.int64],
        size: tuple[int, int],
        on_damage: Callable[[int], None] | None = None,  # noqa: ARG002  frames in memory are never damaged
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield frames as `FrameReader.iterate` does."""
        for index in indices:
            frame = self.frames[index]
            yield frame if size == frame.shape[1::-1] else np.asarray(resize_frame(frame, size))


def resize_frame(frame: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Return a frame, uint8 ``(H, W, 3)``, as an image of ``(width, height)`` pixels."""
    from PIL import Image

    picture = Image.fromarray(frame)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
