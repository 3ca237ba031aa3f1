"""`WindowReader`: decode a clip once, from front to back, for windows that are read in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from staa_widgets.video.clip import Clip
    from staa_widgets.video.windows import Windows


MAX_BYTES = 100_000_000
"""Bytes of decoded frames above which the frames of a window are decoded and transformed one at a time."""


def read_pixels(
    clip: Clip,
    indices: Sequence[int] | NDArray[np.int64],
    transform: Callable[[NDArray[np.uint8]], Tensor],
    clock: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Tensor:
    """Return frames of a clip as the model's input, float32 ``(n, 3, H', W')``.

    Parameters
    ----------
    clip
        The clip.
    indices
        ``(n,)`` frames of the clip, in any order and with any repeats.
    transform, clock
        As for `WindowReader`.
    """
    import torch

    unique, positions = np.unique(np.asarray(indices, np.int64), return_inverse=True)
    if 3 * clip.width * clip.height * len(unique) <= MAX_BYTES:
        with clock("decode"):
            frames = clip.frames(indices)
        with clock("transform"):
            return transform(frames)
    pixels: list[Tensor] = []
    frames = clip.iter_frames(unique)
    for _ in unique:
        with clock("decode"):
            frame = next(frames)
        with clock("transform"):
            pixels.append(transform(frame[None])[0])
        del frame
    return torch.stack(pixels)[torch.from_numpy(positions)]


class WindowReader:
    """Reader of windows: each frame is decoded and transformed once, and dropped as soon as no later window needs it.

    Parameters
    ----------
    clip
        The clip.
    windows
        ``W`` windows of ``T`` frames, as returned by `staa_widgets.video.windows.choose_windows`.
    transform
        Function from frames, uint8 ``(n, H, W, 3)``, to the model's input ``(n, 3, H', W')``.
    clock
        Context manager that measures the time of ``"decode"`` and ``"transform"``.
    """

    def __init__(
        self,
        clip: Clip,
        windows: Windows,
        transform: Callable[[NDArray[np.uint8]], Tensor],
        clock: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._clip, self._windows, self._transform, self._clock = clip, windows, transform, clock
        self._next = 0
        self._frames: Iterator[NDArray[np.uint8]] | None = None
        self._pixels: dict[int, Tensor] = {}

    def window(self, number: int) -> Tensor:
        """Return the model's input for a window, float32 ``(T, 3, H', W')``; `number` must rise with each call."""
        import torch

        frames_to_read = self._windows.indices
        indices = self._windows[number].indices.tolist()
        if len(self._windows) == 1:
            return read_pixels(self._clip, indices, self._transform, self._clock)
        if self._next < len(frames_to_read) and frames_to_read[self._next] < indices[0]:
            # Windows were skipped: begin again at the key frame before this window.
            self.close()
            self._next = int(np.searchsorted(frames_to_read, indices[0]))
        while self._next < len(frames_to_read) and frames_to_read[self._next] <= indices[-1]:
            with self._clock("decode"):
                if self._frames is None:
                    self._frames = self._clip.iter_frames(frames_to_read[self._next :])
                frame = next(self._frames)
            with self._clock("transform"):
                self._pixels[int(frames_to_read[self._next])] = self._transform(frame[None])[0]
            self._next += 1
        pixels = torch.stack([self._pixels[index] for index in indices])
        is_last_window = number + 1 == len(self._windows)
        first_needed = np.inf if is_last_window else self._windows[number + 1].indices[0]
        self._pixels = {index: frame for index, frame in self._pixels.items() if index >= first_needed}
        return pixels

    def close(self) -> None:
        """Close the file."""
        if isinstance(self._frames, Generator):
            self._frames.close()
        self._frames = None
