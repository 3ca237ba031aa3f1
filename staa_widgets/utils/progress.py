"""Report progress to a function given by the caller, or as a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Lock, Timer
from typing import Any

from staa_widgets.utils.environment import in_kernel

Progress = Callable[[str, int, int], object]
"""Called as ``progress(step, done, total)``. To cancel, raise `staa_widgets.errors.CancelledError` from it."""

DELAY = 0.5
"""Seconds before a progress bar is shown, so that quick work shows none."""


@contextmanager
def progress_reporter(progress: Progress | bool | None) -> Iterator[Progress]:
    """Yield the function to report progress to.

    Parameters
    ----------
    progress
        A function; ``True`` for a progress bar, ``False`` for none, ``None`` for a bar in a notebook or on a terminal
        after half a second.
    """
    if callable(progress):
        yield progress
    elif progress is False or (progress is None and not (in_kernel() or _on_terminal())):
        yield lambda *_: None
    else:
        bar = _Bar(0 if progress else DELAY)
        try:
            yield bar.show
        finally:
            bar.close()


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class _Bar:
    """Progress bar that a timer shows after a delay, even in the middle of a long step; it is removed at the end."""

    def __init__(self, delay: float) -> None:
        self._lock = Lock()
        self._state = ("", 0, 1)
        self._bar: Any = None
        self._output: Any = None
        self._closed = False
        # In a notebook the context holds the cell that the bar belongs to.
        self._timer = Timer(delay, copy_context().run, [self._open]) if delay else None
        if self._timer is None:
            self._open()
        else:
            self._timer.daemon = True
            self._timer.start()

    def show(self, step: str, done: int, total: int) -> None:
        with self._lock:
            self._state = (step, done, total)
            self._draw()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._bar is not None:
                self._bar.n = self._bar.total  # tqdm would leave a bar that is not full in the notebook, in red.
                self._bar.close()
            if self._output is not None:
                # A saved notebook would keep the view of a closed widget.
                self._output.update({"text/html": "", "text/plain": ""}, raw=True)

    def _open(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._bar = self._in_notebook() if in_kernel() else self._on_terminal()
            self._draw()

    def _on_terminal(self) -> Any:
        from tqdm import tqdm

        return tqdm(total=self._state[2], leave=False)

    def _in_notebook(self) -> Any:
        from IPython.display import display
        from tqdm.notebook import tqdm

        bar = tqdm(total=self._state[2], leave=False, display=False)
        self._output = display(bar.container, display_id=True)
        return bar

    def _draw(self) -> None:
        if self._bar is not None:
            step, done, total = self._state
            if total != self._bar.total:
                self._bar.reset(total)
            self._bar.n = done
            self._bar.set_description_str(step, refresh=False)
            self._bar.refresh()
