"""A function that is called at most once in an interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Throttle:
    """Calls a function at once, or once after the interval if it was called shortly before.

    Waiting needs a running event loop, as every kernel has; without one each call runs at once.

    Parameters
    ----------
    run
        What to do; it reads what it needs when it runs, since calls in between are left out.
    interval
        Least seconds between two runs.
    """

    def __init__(self, run: Callable[[], None], interval: float) -> None:
        self._run = run
        self._interval = interval
        self._last = -interval
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Run now, or soon."""
        wait = self._last + self._interval - time.monotonic()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or wait <= 0:
            # Also when a run is waiting: a cell that keeps the loop busy would put it off until it ends.
            self._run_now()
        elif self._timer is None:
            self._timer = loop.call_later(wait, self._run_now)

    def cancel(self) -> None:
        """Leave out what is waiting to run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run_now(self) -> None:
        self.cancel()
        self._last = time.monotonic()
        self._run()
