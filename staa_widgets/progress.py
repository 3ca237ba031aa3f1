"""How far a computation has come: told to a function of the caller's, or shown as a bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], object]
"""Called as ``progress(step, done, total)``. To cancel, raise `staa_widgets.errors.CancelledError` from it."""


@contextmanager
def reporting(progress: Progress | bool | None) -> Iterator[Progress]:
    """Give the function to report to.

    Parameters
    ----------
    progress
        A function of the caller's; ``True`` for a bar on standard error, ``False`` for silence, ``None`` for a bar
        where standard error is a terminal.
    """
    if callable(progress):
        yield progress
    elif progress is False:
        yield lambda *_: None
    else:
        from tqdm import tqdm

        with tqdm(leave=False, disable=False if progress else None) as bar:

            def show(step: str, done: int, total: int) -> None:
                bar.set_description_str(step, refresh=False)
                bar.total, bar.n = total, done
                bar.refresh()

            yield show
