"""`Session`: the threads of a running live explanation, from the source to the newest map."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from staa_widgets.errors import CancelledError, LiveSourceError, StaaError
from staa_widgets.live_video.explainer import WindowExplainer
from staa_widgets.live_video.frame import LiveFrame
from staa_widgets.live_video.ring import LiveWindow, Ring
from staa_widgets.live_video.slot import RateGate, Slot
from staa_widgets.live_video.sources.source import Source
from staa_widgets.live_video.statistics import Counter, LiveStats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

State = Literal["idle", "starting", "running", "waiting", "stopped", "ended", "failed"]

LOAD = 1.15
"""Seconds between two windows, as a multiple of the seconds that one takes, so that the model leaves time to others."""

SMOOTHING = 0.3
"""Weight of the newest window in the smoothed seconds that one takes."""

SILENT = 5.0
"""Seconds without a frame after which the session reports that it is waiting."""


@dataclass(frozen=True)
class LiveStatus:
    """State of a live session, with a sentence for the user.

    Parameters
    ----------
    state
        ``"idle"`` before the start; ``"starting"``; ``"running"``; ``"waiting"`` for a source that was lost;
        ``"stopped"`` by the user or because the page is gone; ``"ended"``, because the source has no more frames;
        ``"failed"``.
    text
        One sentence for the user; may be empty.
    """

    state: State
    text: str = ""


@dataclass(frozen=True, eq=False)
class LiveResult:
    """An explained window with the frame that it belongs to.

    Parameters
    ----------
    explanation
        The explanation of the window.
    frame
        The newest frame of the window.
    age
        Seconds from the capture of this frame until the map was ready.
    """

    explanation: Explanation
    frame: LiveFrame
    age: float


class Session:
    """Reads a source, and explains its newest window again and again, in threads, until it is stopped.

    No thread waits for a slower one: each takes the newest value and counts those that it left out.

    Parameters
    ----------
    source, explainer
        Where frames come from, and how a window is explained.
    fps
        Frames a second that are taken from the source.
    window, stride
        Seconds of a window, and from one window to the next.
    on_frame, on_result, on_status
        Called with each frame taken, with each result, and when the status changes; from threads of the session.
    page_reports_age
        Whether the page adds the ages, when it has drawn a map.
    """

    def __init__(
        self,
        source: Source,
        explainer: WindowExplainer,
        *,
        fps: float,
        window: float,
        stride: float,
        on_frame: Callable[[LiveFrame], None],
        on_result: Callable[[LiveResult], None],
        on_status: Callable[[LiveStatus], None],
        page_reports_age: Callable[[], bool] = lambda: False,
    ) -> None:
        self.source, self.explainer = source, explainer
        self.status = LiveStatus("idle")
        self.error: Exception | None = None
        self.counter = Counter()
        self._stride, self._seconds_per_window = stride, 0.0
        count = explainer.model.geometry.frames
        # Slower than the model's own rate, frames would be repeated.
        self._fps = max(fps, count / window)
        self._gate = RateGate(self._fps)
        self._ring = Ring(count, window)
        self._slot: Slot[LiveFrame] = Slot()
        self._on_frame, self._on_result, self._on_status = on_frame, on_result, on_status
        self._page_reports_age = page_reports_age
        self._stop = threading.Event()
        self._ring_changed = threading.Condition()
        self._source_ended = False
        self._numbers = 0
        self._last_frame = self._started = time.monotonic()
        self._finished = threading.Event()
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        self._started = self._last_frame = time.monotonic()
        self._set_status(LiveStatus("starting", "Waiting for the first frame."))
        atexit.register(self._stop_at_exit)
        for name, run in (("source", self._read), ("frames", self._transform), ("windows", self._explain)):
            thread = threading.Thread(target=run, name=f"staa live {name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, text: str = "Stopped.") -> None:
        """Stop reading; frees the source at once and does not wait for the window that is computed."""
        self._end(LiveStatus("stopped", text))

    @property
    def is_active(self) -> bool:
        """Whether the session was started and has not ended."""
        return self.status.state in ("starting", "running", "waiting")

    def wait_until_finished(self, timeout: float | None = None) -> bool:
        """Wait until the session has ended; return whether it has."""
        return self._finished.wait(timeout)

    def stats(self) -> LiveStats:
        """Return the counts, rates and ages at this moment."""
        return self.counter.stats(time.monotonic(), self._slot.dropped, self.stride)

    @property
    def stride(self) -> float:
        """Seconds between two windows at present."""
        return max(self._stride, LOAD * self._seconds_per_window)

    # The interface for sources, see `sources.source.Sink`.

    @property
    def is_stopped(self) -> bool:
        """Whether the source should end."""
        return self._stop.is_set()

    def now(self) -> float:
        """Return the seconds since the session began."""
        return time.monotonic() - self._started

    def wait(self, seconds: float) -> bool:
        """Wait; return at once with ``True`` if the session is stopped."""
        return self._stop.wait(max(seconds, 0.0))

    def offer(self, seconds: float, make_image: Callable[[], NDArray[np.uint8]]) -> None:
        """Take a frame if it is due."""
        if self.is_stopped:
            return
        number = self._numbers
        self._numbers += 1
        self.counter.offered += 1
        self._last_frame = time.monotonic()
        if self.status.state != "running":
            self._set_status(LiveStatus("running"))
        if not self._gate.admits(seconds):
            self.counter.skipped += 1
            return
        self._slot.put(LiveFrame(number, seconds, make_image()))

    def report_waiting(self, text: str) -> None:
        """Report that the source gives no frames for now."""
        self._set_status(LiveStatus("waiting", text + "."))

    # Threads.

    def _read(self) -> None:
        try:
            self.source.run(self)
        except Exception as error:
            self._fail(error)
        self._slot.close()

    def _transform(self) -> None:
        try:
            while not self.is_stopped:
                frame = self._slot.take(1.0)
                if frame is None:
                    if self._slot.is_exhausted:
                        break
                    self._report_silence()
                    continue
                (pixels,) = self.explainer.model.pixels(frame.image[None])
                with self._ring_changed:
                    self._ring.add(frame, pixels)
                    self._ring_changed.notify_all()
                self.counter.count_taken(time.monotonic())
                self._on_frame(frame)
        except Exception as error:
            self._fail(error)
        with self._ring_changed:
            self._source_ended = True
            self._ring_changed.notify_all()

    def _explain(self) -> None:
        last = -float("inf")
        try:
            self.explainer.prepare(self._check_stopped)
            while (window := self._next_window(last)) is not None:
                last = window.frame.time
                began = time.monotonic()
                explanation = self.explainer.explain(window, self._check_stopped)
                self._note_seconds(time.monotonic() - began)
                if self.is_stopped:
                    break
                age = max(self.now() - window.frame.time, 0.0)
                self.counter.count_window(time.monotonic())
                if not self._page_reports_age():
                    self.counter.add_age(age)
                self._on_result(LiveResult(explanation, window.frame, age))
        except CancelledError:
            pass
        except Exception as error:
            self._fail(error)
        self._end(LiveStatus("ended", "The source has no more frames."))
        self._finished.set()

    def _note_seconds(self, seconds: float) -> None:
        """Smooth the seconds that a window takes, so that one slow window does not change the stride for long."""
        weight = SMOOTHING if self._seconds_per_window else 1
        self._seconds_per_window += weight * (seconds - self._seconds_per_window)

    def _next_window(self, last: float) -> LiveWindow | None:
        """Wait until a frame is a stride newer than the last window; return its window, or ``None`` at the end."""
        with self._ring_changed:
            while not self.is_stopped:
                newest = self._ring.newest
                # Half a frame early rather than half a frame late.
                if newest is not None and not last <= newest.time < last + self.stride - 0.5 / self._fps:
                    window = self._ring.window() if newest.time != last else None
                    if window is not None:
                        return window
                if self._source_ended:
                    return None
                self._ring_changed.wait(0.5)
        return None

    def _check_stopped(self, step: str, done: int, total: int) -> None:
        if self.is_stopped:
            raise CancelledError(f"Stopped while {step} ({done} of {total}).", "")

    def _report_silence(self) -> None:
        silence = time.monotonic() - self._last_frame
        if silence >= SILENT and self.status.state in ("starting", "running"):
            self._set_status(LiveStatus("waiting", f"No frame for {silence:.0f} s."))

    def _fail(self, error: Exception) -> None:
        if self.is_stopped:
            return
        self.error = error
        text = str(error)
        if not isinstance(error, StaaError):
            # Texts of other errors may hold an address with its password.
            text = f"{self.source.name} failed with {type(error).__name__}."
            self.error = LiveSourceError(text, "")
            self.error.__cause__ = error if "://" not in str(error) else None
        self._end(LiveStatus("failed", text))

    def _end(self, status: LiveStatus) -> None:
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
        self._slot.close()
        self.source.interrupt()
        with self._ring_changed:
            self._ring_changed.notify_all()
        atexit.unregister(self._stop_at_exit)
        self._set_status(status)

    def _stop_at_exit(self) -> None:
        # A thread that runs the model while the interpreter ends would crash the process.
        self.stop()
        for thread in self._threads:
            thread.join(2.0)

    def _set_status(self, status: LiveStatus) -> None:
        with self._lock:
            if self.is_stopped and status.state not in ("stopped", "ended", "failed"):
                return
            if status == self.status:
                return
            self.status = status
        self._on_status(status)
