"""Call a function for a limited time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def call_within(seconds: float, function: Callable[[], Result], advice: str = "") -> Result:
    """Return the result of a function; raise `TimeoutError` if it takes longer.

    The function runs in a thread, because the look-up of a host name cannot be given a time limit.

    Parameters
    ----------
    seconds
        Time limit.
    function
        Function without arguments. After the limit it runs on, and its result is lost.
    advice
        What to do about it, which the error says.
    """
    outcome: queue.SimpleQueue[tuple[Result | None, Exception | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            outcome.put((function(), None))
        except Exception as error:
            outcome.put((None, error))

    threading.Thread(target=call, daemon=True, name="call with a time limit").start()
    try:
        result, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s{advice and f' ({advice})'}") from None
    if error is not None:
        raise error
    return result  # pyright: ignore[reportReturnType]
