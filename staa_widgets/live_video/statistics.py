"""`LiveStats`: counts, rates and ages of a live session. `Counter` collects them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATE_SECONDS = 5.0
"""Seconds over which rates are averaged."""

AGES = 600
"""Number of ages that are kept for their percentiles."""


@dataclass(frozen=True)
class LiveStats:
    """Counts, rates and ages of a live session at one moment.

    Parameters
    ----------
    offered
        Frames that the source has offered.
    taken
        Frames that became inputs of the model.
    skipped
        Frames that were left out because the source offers more than `fps` frames a second.
    dropped
        Frames that a newer one replaced because the session was busy.
    windows
        Windows that were explained.
    windows_dropped
        Windows that a newer one replaced before the page or the caller took them.
    fps, windows_per_second
        Frames taken and windows explained a second, over the last seconds.
    stride
        Seconds between two windows at present; longer than requested if the model is slow.
    age_p50, age_p95, age_p99
        Percentiles of the age of the newest frame of a window, in seconds, when its map was shown by the page, or given
        to the caller if there is no page; ``None`` before the first window.
    """

    offered: int
    taken: int
    skipped: int
    dropped: int
    windows: int
    windows_dropped: int
    fps: float
    windows_per_second: float
    stride: float
    age_p50: float | None
    age_p95: float | None
    age_p99: float | None

    def __str__(self) -> str:
        ages = "no window yet"
        if self.age_p50 is not None and self.age_p95 is not None:
            ages = f"age {1000 * self.age_p50:.0f} ms (p50), {1000 * self.age_p95:.0f} ms (p95)"
        return (
            f"{self.offered} frames offered, {self.taken} taken, {self.dropped} dropped; {self.fps:.1f} frames and "
            f"{self.windows_per_second:.1f} windows a second; {ages}"
        )


class Counter:
    """Collects the counts of a session; every method may be called from any thread."""

    def __init__(self) -> None:
        self.offered = self.skipped = self.windows_dropped = 0
        self.taken = self.windows = 0
        self._frame_times: deque[float] = deque(maxlen=1000)
        self._window_times: deque[float] = deque(maxlen=1000)
        self._ages: deque[float] = deque(maxlen=AGES)
        self._lock = threading.Lock()

    def count_taken(self, now: float) -> None:
        """Count a frame that became an input of the model."""
        with self._lock:
            self.taken += 1
            self._frame_times.append(now)

    def count_window(self, now: float) -> None:
        """Count an explained window."""
        with self._lock:
            self.windows += 1
            self._window_times.append(now)

    def add_age(self, seconds: float) -> None:
        """Add the age of a map when it was shown."""
        with self._lock:
            self._ages.append(seconds)

    def stats(self, now: float, dropped: int, stride: float) -> LiveStats:
        """Return the counts at a moment; `dropped` and `stride` as for `LiveStats`."""
        with self._lock:
            ages = percentiles(self._ages)
            return LiveStats(
                offered=self.offered,
                taken=self.taken,
                skipped=self.skipped,
                dropped=dropped,
                windows=self.windows,
                windows_dropped=self.windows_dropped,
                fps=_rate(self._frame_times, now),
                windows_per_second=_rate(self._window_times, now),
                stride=stride,
                age_p50=ages[0],
                age_p95=ages[1],
                age_p99=ages[2],
            )


def percentiles(ages: Sequence[float] | deque[float]) -> tuple[float | None, float | None, float | None]:
    """Return the percentiles 50, 95 and 99 of seconds; ``None`` of none."""
    if not ages:
        return None, None, None
    p50, p95, p99 = (float(value) for value in np.percentile(ages, (50, 95, 99)))
    return p50, p95, p99


def _rate(times: deque[float], now: float) -> float:
    """Return events a second over the last `RATE_SECONDS`, or since the first event if that is later."""
    recent = [seconds for seconds in times if seconds >= now - RATE_SECONDS]
    if len(recent) < 2:
        return 0.0
    return (len(recent) - 1) / max(now - recent[0], 1e-6)
