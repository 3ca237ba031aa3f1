"""`WindowReader`: the frames of a clip, wound forward once for windows that are asked for in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from staa_widgets.video.clip import Clip
    from staa_widgets.video.windows import Windows


class WindowReader:
    """Each frame is decoded and transformed once, and held only as long as a coming window may show it.

    Parameters
    ----------
    clip
        The clip.
    samples
        ``W`` windows of ``T`` frames, as `staa_widgets.video.windows.choose` gives them.
    transform
        From frames, uint8 ``(n, H, W, 3)``, to the model's input ``(n, 3, H', W')``.
    clock
        Given ``"decode"`` or ``"transform"``, times what is done inside.
    """

    def __init__(
        self,
        clip: Clip,
        samples: Windows,
        transform: Callable[[NDArray[np.uint8]], Tensor],
        clock: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._clip, self._samples, self._transform, self._clock = clip, samples, transform, clock
        self._next = 0
        self._coming: Iterator[NDArray[np.uint8]] | None = None
        self._held: dict[int, Tensor] = {}

    def window(self, number: int) -> Tensor:
        """Return the model's input for a window, float32 ``(T, 3, H', W')``; numbers must rise from call to call."""
        import torch

        row = self._samples.indices
        indices = self._samples[number].indices.tolist()
        if len(self._samples) == 1:
            with self._clock("decode"):
                frames = self._clip.frames(indices)
            with self._clock("transform"):
                return self._transform(frames)
        if self._next < len(row) and row[self._next] < indices[0]:
            # Windows were left out: begin again at the key frame before this one.
            self.close()
            self._next = int(np.searchsorted(row, indices[0]))
        while self._next < len(row) and (at := int(row[self._next])) <= indices[-1]:
            with self._clock("decode"):
                if self._coming is None:
                    self._coming = self._clip.iter_frames(row[self._next :])
                frame = next(self._coming)
            with self._clock("transform"):
                self._held[at] = self._transform(frame[None])[0]
            self._next += 1
        pixels = torch.stack([self._held[at] for at in indices])
        coming = self._samples[number + 1].indices[0] if number + 1 < len(self._samples) else np.inf
        self._held = {at: frame for at, frame in self._held.items() if at >= coming}
        return pixels

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._coming, Generator):
            self._coming.close()
        self._coming = None
