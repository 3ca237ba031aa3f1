"""`LivePlayer`: the widget that shows a live explanation, and sends the frames of the page's camera.

Frames and maps travel as messages with binary parts, never as traits: they do not enter a saved notebook.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import Bytes, Dict, Unicode, default

from staa_widgets.errors import StaaError
from staa_widgets.explanation.notices import describe_live_film
from staa_widgets.live_video.in_flight import InFlight
from staa_widgets.live_video.sources.page_camera import PageCamera
from staa_widgets.render.colormaps import COLORMAPS, DIVERGING
from staa_widgets.render.style import DEFAULT_STYLE
from staa_widgets.video.frame_reader import resize_frame
from staa_widgets.video.preview import encode_jpeg
from staa_widgets.widget.bundle import read_bundle
from staa_widgets.widget.display import display_widget
from staa_widgets.widget.thread_safe import ThreadSafeWidget

if TYPE_CHECKING:
    from staa_widgets.live_video.frame import LiveFrame
    from staa_widgets.live_video.recorder import Recorder
    from staa_widgets.live_video.session import LiveResult, LiveStatus
    from staa_widgets.live_video.view import LiveOwner

SILENCE = 5.0
"""Seconds without a message from the page after which the source is freed."""

TICK = 0.5
"""Seconds between two looks at the page, and between two messages with counts."""

MAX_SIDE, QUALITY = 640, 70
"""Longer side in pixels and JPEG quality of the frames that are sent to the page."""

RECORDING_SECONDS = 10.0
"""Seconds that the button of the widget records."""

_TEXT = "A live view of staa_widgets needs a running kernel. Run this cell again in Jupyter to show it."


class LivePlayer(ThreadSafeWidget):
    """Widget of a live explanation: frames, heat map with its age, and a chart of the last minute.

    Parameters
    ----------
    live
        The live explanation.
    """

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    _colors = Bytes().tag(sync=True)
    _live = Dict().tag(sync=True)

    def __init__(self, live: LiveOwner) -> None:
        self._owner = live
        self._frames: InFlight[LiveFrame] = InFlight(self._send_frame)
        self._maps: InFlight[LiveResult] = InFlight(self._send_map)
        self._recorder: Recorder | None = None
        self._clicked = False
        self._last_message = self._last_answer_of_loop = -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        explainer = live.explainer
        table = DIVERGING if explainer.method.signed else DEFAULT_STYLE.colormap
        super().__init__(
            _colors=COLORMAPS[table].tobytes(),
            _live={
                "source": live.source.name,
                "camera": isinstance(live.source, PageCamera),
                "fps": live.fps,
                "method": explainer.method.name,
                "model": explainer.model.id,
                "opacity": DEFAULT_STYLE.opacity,
                "gamma": DEFAULT_STYLE.gamma,
                "signed": explainer.method.signed,
                "record": RECORDING_SECONDS,
            },
        )
        self.on_msg(lambda _, content, buffers: self.receive(content, buffers))
        threading.Thread(target=self._watch, name="staa live page", daemon=True).start()

    @default("_esm")
    def _read_esm(self) -> str:
        return read_bundle("live.js")

    @default("_css")
    def _read_css(self) -> str:
        return read_bundle("live.css")

    def display(self) -> None:
        """Put the widget into the output of the running cell; errors as `display_widget`."""
        display_widget(self, _TEXT)
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def close(self) -> None:
        """Remove the widget from every page."""
        self._ended.set()
        super().close()

    # The interface `LiveView`.

    @property
    def page_started(self) -> bool:
        """Whether the user has clicked the start button."""
        return self._clicked

    @property
    def is_watched(self) -> bool:
        """Whether a page has sent a message in the last seconds."""
        return time.monotonic() - self._last_message < SILENCE

    def show_frame(self, frame: LiveFrame) -> None:
        """Send a frame to the page, unless the page has its own."""
        if self.is_watched and not isinstance(self._owner.source, PageCamera):
            self._frames.put(frame)

    def show_result(self, result: LiveResult) -> None:
        """Send the map of a window to the page."""
        if self.is_watched:
            self._maps.put(result)

    def show_status(self, status: LiveStatus) -> None:
        """Send the status and the counts to the page."""
        if status.state in ("stopped", "ended", "failed"):
            self._clicked = False
        self._tell({"op": "status", "state": status.state, "text": status.text, "stats": str(self._owner.stats)})

    # Messages of the page.

    def receive(self, content: Any, buffers: Sequence[memoryview | bytes] | None = None) -> None:
        """Act on a message of the page; a message that is not valid has no effect."""
        if not isinstance(content, Mapping):
            return
        handler = _HANDLERS.get(str(content.get("op")))
        if handler is None:
            return
        self._last_message = time.monotonic()
        try:
            handler(self, content, list(buffers or []))
        except StaaError as error:
            self._tell({"op": "error", "text": str(error)})

    def _start(self, _: Mapping[str, Any], __: list[Any]) -> None:
        self._clicked = True
        self._frames.clear()
        self._maps.clear()
        self._owner.start()
        self.show_status(self._owner.status)

    def _stop(self, content: Mapping[str, Any], _: list[Any]) -> None:
        reason = content.get("reason")
        self._owner.stop_with(reason[:100] if isinstance(reason, str) else "Stopped.")

    def _take_frame(self, content: Mapping[str, Any], buffers: list[Any]) -> None:
        source, seconds = self._owner.source, content.get("time")
        try:
            if isinstance(source, PageCamera) and buffers and isinstance(seconds, int | float):
                source.receive(buffers[0], float(seconds))
        finally:
            self._tell({"op": "ack", "id": content.get("id")})

    def _note_shown(self, content: Mapping[str, Any], _: list[Any]) -> None:
        """Note that the page has drawn a frame or a map."""
        if content.get("op") == "ack":
            self._frames.done(content.get("id"))
            return
        result, session, age = self._maps.done(content.get("id")), self._owner.session, content.get("age")
        if result is None or session is None:
            return
        if not isinstance(self._owner.source, PageCamera) or not isinstance(age, int | float):
            age = session.now() - result.frame.time
        if 0 <= age < math.inf:
            session.counter.add_age(float(age))

    def _record(self, _: Mapping[str, Any], __: list[Any]) -> None:
        if self._recorder is None:
            self._recorder = self._owner.recorder.begin(RECORDING_SECONDS)

    def _answer(self, _: Mapping[str, Any], __: list[Any]) -> None:
        self.show_status(self._owner.status)

    def _note_alive(self, _: Mapping[str, Any], __: list[Any]) -> None:
        pass

    # Messages to the page.

    def _send_frame(self, number: int, frame: LiveFrame) -> None:
        height, width = frame.image.shape[:2]
        scale = min(1.0, MAX_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        session = self._owner.session
        age = 0.0 if session is None else session.now() - frame.time
        picture = encode_jpeg(resize_frame(frame.image, size), QUALITY)
        self._tell({"op": "frame", "id": number, "time": frame.time, "age": age}, [picture])

    def _send_map(self, number: int, result: LiveResult) -> None:
        explanation, source, session = result.explanation, self._owner.source, self._owner.session
        newest = explanation.maps[-1]
        frame_time = result.frame.time
        content = {
            "op": "map",
            "id": number,
            "time": source.page_time(frame_time) if isinstance(source, PageCamera) else frame_time,
            "age": 0.0 if session is None else session.now() - frame_time,
            "rows": newest.shape[0],
            "columns": newest.shape[1],
            # One scale for all slices of the window, so that the picture says how strong the newest slice is.
            "top": float(np.abs(explanation.maps).max()) or 1.0,
            "box": list(explanation.box),
            "size": list(explanation.frame_size),
            "label": explanation.labels[explanation.target],
            "probability": float(explanation.probabilities[explanation.target]),
            "share": float(explanation.temporal[-1]),
            "notice": describe_live_film(explanation),
        }
        self._tell(content, [np.ascontiguousarray(newest, "<f4").tobytes()])

    def _tell(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        if self.comm is not None:
            self.send({"v": 1, **content}, buffers)

    def _watch(self) -> None:
        """Send the counts now and then, finish recordings, and free the source when the page is silent."""
        self._last_answer_of_loop = time.monotonic()
        while not self._ended.wait(TICK):
            self._ask_loop()
            self._finish_recording()
            if not self._owner.is_running:
                continue
            now = time.monotonic()
            # Messages of the page wait while a cell keeps the kernel busy; that is not the page's silence.
            if self._clicked and now - max(self._last_message, self._last_answer_of_loop) > SILENCE:
                self._owner.stop_with(f"The page has been silent for {SILENCE:.0f} s.")
            elif self.is_watched:
                self.show_status(self._owner.status)

    def _ask_loop(self) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        asked = time.monotonic()

        def note() -> None:
            if time.monotonic() - asked > TICK:
                self._last_answer_of_loop = time.monotonic()

        loop.call_soon_threadsafe(note)

    def _finish_recording(self) -> None:
        recorder = self._recorder
        if recorder is None or not (recorder.done.is_set() or not self._owner.is_running):
            return
        self._recorder = None
        recorder.finish()
        try:
            clip = self._owner.recorder.keep(recorder)
        except StaaError as error:
            self._tell({"op": "recorded", "text": str(error)})
        else:
            text = f"Recorded {clip.end:.1f} s in {len(clip)} frames: live.recordings[-1]"
            self._tell({"op": "recorded", "text": text})


_HANDLERS: dict[str, Callable[[LivePlayer, Mapping[str, Any], list[Any]], None]] = {
    "hello": LivePlayer._answer,
    "alive": LivePlayer._note_alive,
    "start": LivePlayer._start,
    "stop": LivePlayer._stop,
    "frame": LivePlayer._take_frame,
    "ack": LivePlayer._note_shown,
    "shown": LivePlayer._note_shown,
    "record": LivePlayer._record,
}
"""What a page may ask for. No message names a source."""
