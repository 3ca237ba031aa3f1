"""`Throttle`: calls a function at most once per interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Throttle:
    """Calls a function at once, or at the end of the interval if the last call was less than an interval ago.

    Waiting needs a running event loop, as every kernel has; without one each call runs at once.

    Parameters
    ----------
    run
        Function to call. It takes no arguments and must read current values, because calls within an interval are
        merged.
    interval
        Minimum seconds between two runs.
    """

    def __init__(self, run: Callable[[], None], interval: float) -> None:
        self._run = run
        self._interval = interval
        self._last = -interval
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Run the function now or at the end of the interval."""
        wait = self._last + self._interval - time.monotonic()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or wait <= 0:
            # Run even if a timer is pending, because the timer would not fire while a cell keeps the event loop busy.
            self._run_now()
        elif self._timer is None:
            self._timer = loop.call_later(wait, self._run_now)

    def cancel(self) -> None:
        """Cancel the pending run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run_now(self) -> None:
        self.cancel()
        self._last = time.monotonic()
        self._run()
