"""`Ring`: the newest frames as the model's input, from which windows are put together by time stamps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.live_video.frame import LiveFrame


@dataclass(frozen=True, eq=False)
class LiveWindow:
    """The frames that the model sees in one window.

    Parameters
    ----------
    pixels
        float32 ``(T, 3, H', W')``, the model's input.
    numbers, times
        Number and second of each of the ``T`` frames; a frame that stands for several moments is repeated.
    frame
        Newest frame.
    step
        Seconds from one moment of the window to the next.
    """

    pixels: Tensor
    numbers: tuple[int, ...]
    times: tuple[float, ...]
    frame: LiveFrame
    step: float


class Ring:
    """The frames of the last seconds as the model's input; each frame is transformed once, before it is added.

    Parameters
    ----------
    count
        ``T``, the number of frames in a window.
    seconds
        Length of a window. Its frames are ``seconds / T`` apart, whatever the rate of the camera.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._step = seconds / count
        self._frames: deque[tuple[int, float, Tensor]] = deque()
        self._newest: LiveFrame | None = None

    def add(self, frame: LiveFrame, pixels: Tensor) -> None:
        """Add a frame, ``(3, H', W')``. After a gap of half a window, or a step back in time, the ring begins anew."""
        if self._newest is not None and not 0 < frame.time - self._newest.time <= self._seconds / 2:
            self._frames.clear()
        self._newest = frame
        self._frames.append((frame.number, frame.time, pixels))
        oldest = frame.time - self._step * (self._count - 0.5)
        while len(self._frames) > 1 and self._frames[1][1] <= oldest:
            self._frames.popleft()

    @property
    def newest(self) -> LiveFrame | None:
        """The frame added last."""
        return self._newest

    def __len__(self) -> int:
        return len(self._frames)

    def window(self) -> LiveWindow | None:
        """Return the window that ends with the newest frame; ``None`` while the ring does not cover a window.

        For each of ``T`` moments, ``seconds / T`` apart, the frame nearest in time is taken.
        """
        import torch

        if self._newest is None:
            return None
        times = np.array([seconds for _, seconds, _ in self._frames])
        moments = times[-1] - self._step * np.arange(self._count - 1, -1, -1)
        if times[0] > moments[0] + self._step / 2:
            return None
        nearest = np.abs(times[None] - moments[:, None]).argmin(1)
        chosen = [self._frames[index] for index in nearest]
        return LiveWindow(
            pixels=torch.stack([pixels for _, _, pixels in chosen]),
            numbers=tuple(number for number, _, _ in chosen),
            times=tuple(seconds for _, seconds, _ in chosen),
            frame=self._newest,
            step=self._step,
        )
