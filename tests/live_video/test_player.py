"""The kernel's end of the live widget: what it sends, what it accepts, and when it frees the source."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import staa_widgets as staa
from staa_widgets.live_video import player as module
from staa_widgets.live_video.in_flight import MAX_IN_FLIGHT, InFlight
from staa_widgets.live_video.live_explanation import Live
from staa_widgets.live_video.player import LivePlayer
from staa_widgets.live_video.sources.page_camera import PageCamera
from staa_widgets.models import VideoModel
from tests.helpers.comm import replace_comms

FRAMES = np.random.default_rng(0).integers(0, 256, (20, 32, 40, 3), dtype=np.uint8)
QUICK = {"window": 0.4, "stride": 0.1, "fps": 20}


class Page:
    """A page that answers at once, or not at all."""

    def __init__(self, live: Live) -> None:
        self.player = LivePlayer(live)
        live._view = self.player
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        self.answers = True
        self._lock = threading.Lock()
        self.player.send = self._receive

    def _receive(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        with self._lock:
            self.messages.append((content, buffers or []))
        if self.answers and content["op"] == "frame":
            self.send(op="ack", id=content["id"])
        if self.answers and content["op"] == "map":
            self.send(op="shown", id=content["id"], age=0.25)

    def send(self, *buffers: bytes, **content: Any) -> None:
        self.player.receive({"v": 1, **content}, list(buffers))

    def of(self, op: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        with self._lock:
            return [message for message in self.messages if message[0]["op"] == op]


def camera() -> Iterator[np.ndarray]:
    number = 0
    while True:
        time.sleep(0.03)
        yield FRAMES[number % len(FRAMES)]
        number += 1


def jpeg(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Live], Page]]:
    replace_comms(monkeypatch)
    monkeypatch.setattr(module, "TICK", 0.05)
    lives: list[Live] = []

    def open_page(live: Live) -> Page:
        lives.append(live)
        return Page(live)

    yield open_page
    for live in lives:
        live.close()


def test_only_two_values_are_on_their_way_and_the_newest_waits():
    sent: list[tuple[int, str]] = []
    flight: InFlight[str] = InFlight(lambda number, value: sent.append((number, value)))
    for value in "abcde":
        flight.put(value)
    assert sent == [(0, "a"), (1, "b")]
    assert flight.dropped == 2
    assert [flight.done(number) for number in (1, 1, 7, None)] == ["b", None, None, None]
    assert sent[2:] == [(2, "e")]


def test_nothing_starts_before_a_click(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    for op in ("hello", "alive", "record", "frame", "shown", "source", "open"):
        page.send(op=op, source="file:///etc/passwd", id=0, time=0.0)
    assert not live.is_running
    assert live.stats.offered == 0
    page.send(op="start", source="http://127.0.0.1:9/other")
    assert live.is_running
    assert live.source.name == "frames"


def test_frames_and_maps_are_messages_and_not_traits(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.send(op="start")
    wait_for(lambda: len(page.of("map")) >= 2)
    live.stop()
    content, (picture,) = page.of("frame")[0]
    assert Image.open(io.BytesIO(picture)).size == (40, 32)
    assert set(content) == {"v", "op", "id", "time", "age"}
    content, (values,) = page.of("map")[-1]
    newest = np.frombuffer(values, "<f4").reshape(content["rows"], content["columns"])
    assert newest.shape == (model.geometry.height, model.geometry.width)
    assert 0 < newest.max() <= content["top"] * (1 + 1e-6)
    assert content["time"] in [frame["time"] for frame, _ in page.of("frame")]
    assert all(len(part) < 2_000_000 for _, parts in page.messages for part in parts)
    json.dumps([content for content, _ in page.messages])
    state = page.player.get_state()
    assert all(len(value) <= 768 for value in state.values() if isinstance(value, bytes))
    # The age is measured at the kernel: the clock of a page may be wrong.
    assert live.stats.age_p50 != 0.25


def test_frames_that_do_not_look_drawn_get_a_notice(show: Callable[[Live], Page]):
    """The frames are noise, which the bundled model has never seen."""
    live = staa.live(camera(), **QUICK)
    page = show(live)
    page.send(op="start")
    wait_for(lambda: len(page.of("map")) >= 2)
    live.stop()
    assert all("What it says here means nothing." in content["notice"] for content, _ in page.of("map"))


def test_a_page_that_does_not_answer_gets_two_frames_and_two_maps(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.answers = False
    page.send(op="start")
    wait_for(lambda: live.stats.windows >= 6)
    assert len(page.of("frame")) == len(page.of("map")) == MAX_IN_FLIGHT
    page.send(op="ack", id=page.of("frame")[0][0]["id"])
    page.send(op="shown", id=page.of("map")[0][0]["id"])
    assert len(page.of("frame")) == len(page.of("map")) == MAX_IN_FLIGHT + 1
    # What waited is the newest frame, not the next one.
    first, second, third = [content["time"] for content, _ in page.of("frame")]
    assert third - second > 2 * (second - first)


def test_a_silent_page_frees_the_source(
    model: VideoModel, show: Callable[[Live], Page], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "SILENCE", 0.5)
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.answers = False
    page.send(op="start")
    wait_for(lambda: not live.is_running)
    assert live.status.text.startswith("The page has been silent")
    assert page.of("status")[-1][0]["state"] == "stopped"


def test_a_stop_of_the_page_frees_the_source(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.send(op="start")
    page.send(op="stop", reason="The tab was hidden.")
    assert (live.status.state, live.status.text) == ("stopped", "The tab was hidden.")


def test_the_camera_of_the_page_is_explained(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(None, model, **QUICK)
    page = show(live)
    page.send(op="start")
    began, number = 1000.0, 0
    while not (page.of("map") and number >= 20):
        seconds = time.monotonic()
        page.send(jpeg(FRAMES[number % 20]), op="frame", id=number, time=began + seconds)
        number += 1
        time.sleep(0.04)
    assert [content["id"] for content, _ in page.of("ack")] == list(range(number))
    # The time of a map is that of its frame, by the clock of the page.
    content = page.of("map")[-1][0]
    assert began < content["time"] <= began + time.monotonic()
    assert page.of("frame") == []
    page.send(op="record")
    assert live.stats.age_p50 == 0.25  # as the page measured it
    page.send(op="stop", reason="Stopped.")
    wait_for(lambda: page.of("recorded"))
    assert not live.is_running


@pytest.mark.parametrize(
    "picture", [b"", b"no picture", b"\xff\xd8\xff", b"x" * 2_000_001], ids=["empty", "text", "broken", "large"]
)
def test_a_picture_that_cannot_be_read_does_no_harm(picture: bytes, model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(None, model, **QUICK)
    page = show(live)
    page.send(op="start")
    source = live.source
    assert isinstance(source, PageCamera)
    wait_for(lambda: source._sink is not None)
    page.send(picture, op="frame", id=0, time=1.0)
    assert page.of("ack")[0][0]["id"] == 0
    assert "picture" in page.of("error")[0][0]["text"]
    assert live.is_running
    for content in (None, 3, "start", {}, {"op": None}, {"op": ["stop"]}, {"op": "frame"}, {"op": "shown", "id": {}}):
        page.player.receive(content)
    page.send(jpeg(FRAMES[0]), op="frame", id=1, time=float("nan"))
    page.send(jpeg(FRAMES[0]), op="frame", id=2, time="soon")
    assert live.is_running


def test_the_button_records_beside_the_windows(
    model: VideoModel, show: Callable[[Live], Page], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "RECORDING_SECONDS", 0.5)
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.send(op="start")
    wait_for(lambda: live.stats.windows >= 1)
    page.send(op="record")
    wait_for(lambda: page.of("recorded"))
    assert live.is_running
    (clip,) = live.recordings
    assert page.of("recorded")[0][0]["text"].endswith("live.recordings[-1]")
    originals = {frame.tobytes() for frame in FRAMES}
    assert {frame.tobytes() for frame in clip.frames(np.arange(len(clip)))} <= originals
    live.stop()
    assert len(staa.explain(clip, model, pad="last", cache=False).maps) == model.geometry.slices


def test_close_removes_the_widget(model: VideoModel, show: Callable[[Live], Page]):
    live = staa.live(camera(), model, **QUICK)
    page = show(live)
    page.send(op="start")
    live.close()
    assert not live.is_running
    assert page.player.comm is None
