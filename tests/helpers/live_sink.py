"""A sink of a live source whose clock stands still unless the source waits, and a session's frames without a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FakeSink:
    """Collects the frames of a source; waiting moves its clock and takes no time.

    Parameters
    ----------
    limit
        Number of frames after which it asks the source to stop.
    """

    def __init__(self, limit: int = 1000) -> None:
        self.clock = 0.0
        self.frames: list[tuple[float, NDArray[np.uint8]]] = []
        self.reports: list[tuple[float, str]] = []
        self.waits: list[float] = []
        self._limit = limit

    @property
    def is_stopped(self) -> bool:
        return len(self.frames) >= self._limit

    def now(self) -> float:
        return self.clock

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock += max(seconds, 0.0)
        return self.is_stopped

    def offer(self, seconds: float, make_image: Callable[[], NDArray[np.uint8]]) -> None:
        self.frames.append((seconds, make_image()))

    def report_waiting(self, text: str) -> None:
        self.reports.append((self.clock, text))

    def camera(self, images: Any, seconds: float) -> Iterator[Any]:
        """Yield images as a camera does: each after a number of seconds of this sink's clock."""
        for image in images:
            self.clock += seconds
            yield image
