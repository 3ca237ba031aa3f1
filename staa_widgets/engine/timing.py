"""`StepTimer`: the seconds that each step of a run takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class StepTimer:
    """Adds up seconds by step.

    Parameters
    ----------
    seconds
        Seconds by step; the timer adds to them.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def clock(self, step: str) -> Iterator[None]:
        """Add the seconds that the block takes to a step."""
        start_time = time.perf_counter()
        try:
            yield
        finally:
            self.add(step, time.perf_counter() - start_time)

    def add(self, step: str, seconds: float) -> None:
        """Add seconds to a step."""
        self.seconds[step] = round(self.seconds.get(step, 0.0) + seconds, 4)

    def since(self, before: Mapping[str, float], windows: int = 1) -> dict[str, float]:
        """Return the seconds by step added since `before`, a copy of `seconds`, divided by a number of windows."""
        return {
            step: round((seconds - before.get(step, 0.0)) / windows, 4)
            for step, seconds in self.seconds.items()
            if seconds > before.get(step, 0.0)
        }
