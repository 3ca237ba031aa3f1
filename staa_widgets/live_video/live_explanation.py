"""`Live`: a live explanation, which can be started and stopped, shown, and recorded."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import PlayerError
from staa_widgets.live_video.explainer import WindowExplainer
from staa_widgets.live_video.frame import LiveFrame
from staa_widgets.live_video.recordings import Recordings
from staa_widgets.live_video.session import LiveResult, LiveStatus, Session
from staa_widgets.live_video.slot import Slot
from staa_widgets.live_video.sources.page_camera import PageCamera
from staa_widgets.live_video.sources.source import Source
from staa_widgets.live_video.statistics import Counter, LiveStats

if TYPE_CHECKING:
    import os

    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.live_video.view import LiveView
    from staa_widgets.video.clip import Clip


class Live:
    """A live explanation. Made by `staa_widgets.live`; a notebook shows it as a widget.

    Parameters
    ----------
    source, explainer, fps, window, stride
        As for `Session`.

    Attributes
    ----------
    recorder
        Starts recordings and holds them.
    """

    def __init__(self, source: Source, explainer: WindowExplainer, fps: float, window: float, stride: float) -> None:
        self.source, self.explainer = source, explainer
        self.fps, self.window, self.stride = float(fps), float(window), float(stride)
        self.recorder = Recordings()
        self._session: Session | None = None
        self._view: LiveView | None = None
        self._slots: list[Slot[LiveResult]] = []
        self._callbacks: list[Callable[[Explanation], object]] = []
        self._status_callbacks: list[Callable[[LiveStatus], object]] = []
        self._failed_callbacks: set[int] = set()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the source and the explanations; does nothing if they run.

        Raises
        ------
        PlayerError
            If the source is the camera of a page: only a click in the widget can start it.
        """
        if isinstance(self.source, PageCamera) and not (self._view is not None and self._view.page_started):
            raise PlayerError(
                "The camera of a page starts only by a click in the widget.",
                "Show the Live object as the last value of a cell, or give live() a source: a file, an address, "
                "'/dev/video0' or an iterator of frames.",
            )
        with self._lock:
            if self.is_running:
                return
            self._session = Session(
                self.source,
                self.explainer,
                fps=self.fps,
                window=self.window,
                stride=self.stride,
                on_frame=self._handle_frame,
                on_result=self._handle_result,
                on_status=self._handle_status,
                page_reports_age=lambda: self._view is not None and self._view.is_watched,
            )
            session = self._session
        _stop_at_interrupt(self)
        session.start()

    def stop(self) -> None:
        """Stop the explanations and free the source."""
        self.stop_with("Stopped.")

    def close(self) -> None:
        """Stop, and remove the widget from every page."""
        self.stop_with("Closed.")
        if self._view is not None:
            self._view.close()
            self._view = None

    @property
    def is_running(self) -> bool:
        """Whether the source is being read."""
        return self._session is not None and self._session.is_active

    @property
    def status(self) -> LiveStatus:
        """What the source is doing, and a sentence about it."""
        return LiveStatus("idle") if self._session is None else self._session.status

    @property
    def stats(self) -> LiveStats:
        """Counts, rates and ages since the last start."""
        if self._session is None:
            return Counter().stats(0.0, 0, self.stride)
        return self._session.stats()

    def on_window(self, callback: Callable[[Explanation], object]) -> Callable[[Explanation], object]:
        """Call a function with the explanation of each window; return the function, so that this can be a decorator.

        It is called in a thread. The next window waits until it returns; frames that come meanwhile are left out. An
        error in it is shown as a warning, once.
        """
        self._callbacks.append(callback)
        return callback

    def on_status(self, callback: Callable[[LiveStatus], object]) -> Callable[[LiveStatus], object]:
        """Call a function with each new status, in a thread; return the function."""
        self._status_callbacks.append(callback)
        return callback

    def windows(self) -> Generator[Explanation, None, None]:
        """Start the source, and yield the explanation of the newest window, again and again, until the source ends.

        A caller that is slower than the model gets only the newest window. Leaving the loop stops the source.

        Yields
        ------
        Explanation
            Of one window; `spans` and `times` are seconds since the start.

        Raises
        ------
        LiveSourceError
            If the source cannot be opened, or fails.
        """
        if isinstance(self.source, PageCamera) and not self.is_running:
            self.start()  # raises an error that says what to do
        slot: Slot[LiveResult] = Slot()
        self._slots.append(slot)
        try:
            self.start()
            session = self._session
            assert session is not None
            while True:
                # In steps, so that a signal such as Ctrl-C is handled on every system.
                has_ended = session.wait_until_finished(0) or session.status.state == "stopped"
                result = slot.take(0 if has_ended else 0.2)
                if result is not None:
                    yield result.explanation
                elif has_ended:
                    break
            if session.error is not None:
                raise session.error
        finally:
            self._slots.remove(slot)
            if not self._slots:
                self.stop()

    def record(self, seconds: float = 10.0, path: str | os.PathLike[str] | None = None) -> Clip:
        """Record the frames that the model sees, and return them as a clip for `explain`.

        The file is lossless: the clip has the same pixels and, up to a millisecond, the same times. The source is
        started if necessary, and then stopped afterwards. The camera of a page is recorded with the button of the
        widget; the clip is then in `recordings`.

        Parameters
        ----------
        seconds
            Seconds to record; fewer if the source ends before.
        path
            File to write, ``.mp4`` or ``.mkv``; default: a temporary file, which is removed with the `Live` object.

        Raises
        ------
        PlayerError
            If the source is the camera of a page, or a recording is running.
        LiveSourceError
            If the source fails before the first frame.
        ExportError
            If there are no frames, or the file cannot be written.
        """
        if isinstance(self.source, PageCamera):
            raise PlayerError(
                "While Python waits for a recording, the page cannot send the frames of its camera.",
                "Click 'Record' in the widget; the clip is then live.recordings[-1].",
            )
        was_running = self.is_running
        recorder = self.recorder.begin(seconds, path)
        try:
            self.start()
            session = self._session
            assert session is not None
            while not recorder.done.wait(0.2) and session.is_active:
                pass
            recorder.finish()
            if session.error is not None and not recorder.frames:
                raise session.error
        finally:
            recorder.finish()
            if not was_running:
                self.stop()
        return self.recorder.keep(recorder)

    @property
    def recordings(self) -> list[Clip]:
        """Clips that were recorded, the newest last."""
        return self.recorder.clips

    def age_of(self, explanation: Explanation) -> float:
        """Return how many seconds ago the newest frame of a window was captured."""
        return 0.0 if self._session is None else max(self._session.now() - float(explanation.times[-1]), 0.0)

    def __repr__(self) -> str:
        return f"<Live of {self.source.name}, {self.explainer.method.name}, {self.status.state}>"

    def _ipython_display_(self) -> None:
        from staa_widgets.live_video.player import LivePlayer

        if not isinstance(self._view, LivePlayer):
            self._view = LivePlayer(self)
        self._view.display()

    # For the widget and the command line.

    @property
    def session(self) -> Session | None:
        """The session since the last start."""
        return self._session

    def stop_with(self, text: str) -> None:
        """Stop, and give a sentence that says why."""
        if self._session is not None:
            self._session.stop(text)

    def _handle_frame(self, frame: LiveFrame) -> None:
        self.recorder.add(frame)
        if self._view is not None:
            self._view.show_frame(frame)

    def _handle_result(self, result: LiveResult) -> None:
        session = self._session
        for slot in list(self._slots):
            if slot.put(result) and session is not None:
                session.counter.windows_dropped += 1
        if self._view is not None:
            self._view.show_result(result)
        for callback in list(self._callbacks):
            self._call(callback, result.explanation)

    def _call(self, callback: Callable[[Any], object], value: Any) -> None:
        try:
            callback(value)
        except Exception as error:
            if id(callback) not in self._failed_callbacks:
                self._failed_callbacks.add(id(callback))
                name = getattr(callback, "__name__", "A function")
                warnings.warn(f"{name} raised {type(error).__name__}: {error}", stacklevel=2)

    def _handle_status(self, status: LiveStatus) -> None:
        if status.state in ("stopped", "ended", "failed"):
            self.recorder.finish()
        if self._view is not None:
            self._view.show_status(status)
        for callback in list(self._status_callbacks):
            self._call(callback, status)


def _stop_at_interrupt(live: Live) -> None:
    """Stop when the user interrupts a cell of a notebook: the traceback of the cell keeps its loop alive."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return

    def stop_if_interrupted(result: Any) -> None:
        if isinstance(getattr(result, "error_in_exec", None), KeyboardInterrupt):
            live.stop_with("The cell was interrupted.")
        if not live.is_running:
            shell.events.unregister("post_run_cell", stop_if_interrupted)

    shell.events.register("post_run_cell", stop_if_interrupted)
