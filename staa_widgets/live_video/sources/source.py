"""The interfaces between a live source and the session that it feeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Sink(Protocol):
    """Receiver of the frames of a source, such as a session."""

    @property
    def is_stopped(self) -> bool:
        """Whether the source should end."""
        ...

    def now(self) -> float:
        """Return the seconds since the session began."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait; return at once with ``True`` if the source should end."""
        ...

    def offer(self, seconds: float, make_image: Callable[[], NDArray[np.uint8]]) -> None:
        """Offer a frame captured at a second of the session; `make_image` is called only if the frame is used."""
        ...

    def report_waiting(self, text: str) -> None:
        """Report that the source gives no frames for now, and why."""
        ...


class Source(Protocol):
    """A source of frames, which is read in a thread of its own."""

    @property
    def name(self) -> str:
        """Name that may be shown: without passwords."""
        ...

    def run(self, sink: Sink) -> None:
        """Offer frames until the source ends or `sink.is_stopped`; raises `LiveSourceError` if it fails."""
        ...

    def interrupt(self) -> None:
        """Let a blocked `run` end soon; may be called from any thread."""
        ...
