"""The live widget in Chromium, with its fake camera; the test takes the place of the kernel."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from staa_widgets.render.colormaps import COLORMAPS
from tests.helpers.chromium import PATIENCE, read_canvas
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser

SETTINGS = {
    "source": "camera of the page",
    "camera": True,
    "fps": 10,
    "method": "staa",
    "model": "tiny",
    "opacity": 0.75,
    "gamma": 1,
    "signed": False,
    "record": 10,
}

STRENGTH = "Number(document.querySelector('.staa-live-picture').dataset.heat)"

# A host as anywidget is one. `host.answers` says whether the kernel takes frames and says that it is alive.
HOST = """async ([code, settings, colors]) => {
  const { default: widget } = await import('data:text/javascript;base64,' + code);
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const values = { _live: settings, _colors: bytes(colors) };
  const listeners = new Set();
  const emit = (content, parts = []) => { for (const call of listeners) call({ v: 1, ...content }, parts.map(bytes)); };
  const tracks = [], open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (open) navigator.mediaDevices.getUserMedia = async (wish) => {
    if (host.refusal) throw new DOMException('no', host.refusal);
    const stream = await open(wish);
    tracks.push(...stream.getTracks());
    return stream;
  };
  const send = (content, callbacks, buffers) => {
    host.sent.push({ ...content, bytes: buffers?.map((part) => part.byteLength) ?? [] });
    if (content.op === 'frame') host.most = Math.max(host.most, ++host.open);
    const status = (state, text) => emit({ op: 'status', state, text, stats: 'counts' });
    if (!host.answers) return;
    if (content.op === 'start') status('running', '');
    if (content.op === 'stop') status('stopped', content.reason);
    if (content.op === 'frame') setTimeout(() => { host.open--; emit({ op: 'ack', id: content.id }); }, 30);
  };
  const model = {
    get: (name) => values[name], set() {}, save_changes() {}, send,
    on: (_, call) => listeners.add(call), off: (_, call) => listeners.delete(call),
  };
  const ended = new AbortController();
  window.host = { sent: [], open: 0, most: 0, answers: true, tracks, emit, close: () => ended.abort() };
  const el = document.body.appendChild(document.createElement('div'));
  widget.render({ model, el, signal: ended.signal });
}"""


@pytest.fixture
def open_widget(page: Page) -> Iterator[Callable[..., Page]]:
    """Show the widget in a page on localhost, where a camera is allowed; no complaint may come."""
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def show(address: str = "http://localhost/", **changes: Any) -> Page:
        style = (STATIC / "live.css").read_text("utf-8")
        text = f"<!doctype html><html lang=en><title>x</title><link rel=icon href=data:,><style>{style}</style>"
        page.route(address, lambda route: route.fulfill(body=text, content_type="text/html"))
        page.goto(address)
        code = base64.b64encode((STATIC / "live.js").read_bytes()).decode()
        colors = base64.b64encode(COLORMAPS["inferno"].tobytes()).decode()
        page.evaluate(HOST, [code, {**SETTINGS, **changes}, colors])
        return page

    yield show
    assert complaints == []


def messages_to_kernel(page: Page, op: str) -> list[dict[str, Any]]:
    return page.evaluate("op => host.sent.filter(message => message.op === op)", op)


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def wait(page: Page, condition: str) -> None:
    page.wait_for_function(condition)


def is_free(page: Page) -> bool:
    return page.evaluate("host.tracks.length > 0 && host.tracks.every(track => track.readyState === 'ended')")


def start_camera(page: Page) -> None:
    click(page, "Start")
    wait(page, "host.sent.filter(message => message.op === 'frame').length > 3")


def emit_map(page: Page, seconds: float, age: float = 0.0, notice: str = "") -> float:
    """Send a map, and return how strongly it is drawn at first, 0 … 1."""
    content = {"op": "map", "id": 1, "time": seconds, "age": age, "rows": 2, "columns": 2, "top": 1.0}
    content |= {
        "box": [0, 0, 40, 20],
        "size": [40, 20],
        "label": "wave",
        "probability": 0.5,
        "share": 0.25,
        "notice": notice,
    }
    values = base64.b64encode(np.array([1, 0, 0, 0], "<f4").tobytes()).decode()
    script = f"([content, part]) => {{ host.emit(content, [part]); return {STRENGTH}; }}"
    return page.evaluate(script, [content, values])


def emit_frame(page: Page, number: int, seconds: float, level: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 40, 3), level, np.uint8)).save(buffer, "JPEG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    content = {"op": "frame", "id": number, "time": seconds, "age": 0.0}
    page.evaluate("([content, part]) => host.emit(content, [part])", [content, picture])
    wait(page, f"host.sent.some(message => message.op === 'ack' && message.id === {number})")


def test_nothing_starts_before_a_click(open_widget: Callable[..., Page]):
    page = open_widget()
    page.wait_for_timeout(300)
    assert page.evaluate("host.tracks.length") == 0
    assert {message["op"] for message in page.evaluate("host.sent")} <= {"hello", "alive"}
    expect(page.get_by_role("img", name="on")).to_be_hidden()
    start_camera(page)
    expect(page.get_by_role("img", name="on")).to_be_visible()


def test_two_frames_are_on_their_way_at_most(open_widget: Callable[..., Page]):
    page = open_widget()
    start_camera(page)
    page.evaluate("host.answers = false")
    page.wait_for_timeout(600)
    count = len(messages_to_kernel(page, "frame"))
    page.wait_for_timeout(400)
    assert page.evaluate("host.most") == 2
    frames = messages_to_kernel(page, "frame")
    assert len(frames) == count
    assert all(0 < size < 2_000_000 for frame in frames for size in frame["bytes"])
    assert [frame["id"] for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("way", ["stop", "close", "hidden", "kernel", "remove"])
def test_the_camera_is_freed(way: str, open_widget: Callable[..., Page]):
    page = open_widget()
    start_camera(page)
    assert not is_free(page)
    if way == "stop":
        click(page, "Stop")
    elif way == "close":
        page.evaluate("host.close()")
    elif way == "remove":
        page.evaluate("document.querySelector('.staa-live').parentElement.remove()")
        wait(page, "host.tracks.every(track => track.readyState === 'ended')")
    elif way == "hidden":
        page.evaluate("""() => {
          Object.defineProperty(document, 'hidden', { value: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""")
    else:
        page.evaluate("host.emit({ op: 'status', state: 'stopped', text: 'Stopped.', stats: '' })")
    assert is_free(page)
    if way != "kernel":
        assert messages_to_kernel(page, "stop")[0]["reason"]
    count = len(messages_to_kernel(page, "frame"))
    page.wait_for_timeout(300)
    assert len(messages_to_kernel(page, "frame")) == count


def test_a_kernel_that_does_not_answer_frees_the_camera(open_widget: Callable[..., Page]):
    page = open_widget()
    start_camera(page)
    page.evaluate("host.answers = false")
    expect(page.get_by_text("The kernel has not answered for 5 s.")).to_be_visible(timeout=15_000)
    assert is_free(page)


@pytest.mark.parametrize(("refusal", "text"), [("NotAllowedError", "was not allowed"), ("NotFoundError", "no camera")])
def test_a_camera_that_is_not_there_is_explained(refusal: str, text: str, open_widget: Callable[..., Page]):
    page = open_widget()
    page.evaluate("name => { host.refusal = name }", refusal)
    click(page, "Start")
    note = page.locator(".staa-live-note")
    expect(note).to_contain_text(text)
    expect(note).to_contain_text("Give live() another source: '/dev/video0'")
    assert messages_to_kernel(page, "start") == []
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_a_page_without_https_says_which_source_works(open_widget: Callable[..., Page]):
    page = open_widget("http://lab.example/")
    note = page.locator(".staa-live-note")
    expect(note).to_contain_text("only on https and on localhost")
    expect(note).to_contain_text("'rtsp://…'")


def test_frames_of_the_kernel_are_shown_with_their_heat(open_widget: Callable[..., Page]):
    page = open_widget(camera=False, source="frames")
    click(page, "Start")
    canvas = page.locator(".staa-live-picture")
    emit_frame(page, 0, 10.0, 100)
    emit_map(page, 10.0)
    wait(page, "host.sent.some(message => message.op === 'shown')")
    image = read_canvas(canvas).astype(int)
    assert abs(image[15:, 30:] - 100).max() <= 3  # no attribution there
    assert abs(image[:5, :10] - 100).max() > 60
    expect(page.get_by_text("wave, 50 %")).to_be_visible()
    expect(page.locator(".staa-live-age")).to_contain_text("heat map 0.")
    assert page.locator(".staa-live-chart").get_attribute("data-bars") == "1"
    # A newer frame is shown at once, or not while the picture waits for its heat map.
    emit_frame(page, 1, 10.1, 200)
    assert abs(read_canvas(canvas).astype(int)[15:, 30:] - 200).max() <= 3
    page.get_by_label("Picture waits for its heat map").check()
    assert abs(read_canvas(canvas).astype(int)[15:, 30:] - 100).max() <= 3


def test_a_film_gets_a_notice_until_it_looks_drawn(open_widget: Callable[..., Page]):
    page = open_widget(camera=False, source="frames")
    click(page, "Start")
    emit_frame(page, 0, 10.0, 100)
    emit_map(page, 10.0, notice="What it says here <i>means</i> nothing.")
    expect(page.locator(".staa-live-warning")).to_have_text("What it says here <i>means</i> nothing.")
    emit_map(page, 10.1)
    expect(page.locator(".staa-live-warning")).to_be_hidden()


def test_old_heat_fades(open_widget: Callable[..., Page]):
    page = open_widget(camera=False, source="frames")
    click(page, "Start")
    emit_frame(page, 0, 10.0, 100)
    assert emit_map(page, 10.0) == 1
    wait(page, f"{STRENGTH} > 0 && {STRENGTH} < 1")
    expect(page.locator(".staa-live-age")).to_contain_text("fading")
    wait(page, f"{STRENGTH} === 0")
    image = read_canvas(page.locator(".staa-live-picture")).astype(int)
    assert abs(image - 100).max() <= 3


def test_status_errors_and_recordings_are_shown(open_widget: Callable[..., Page]):
    page = open_widget(camera=False, source="rtsp://camera/stream")
    click(page, "Start")
    page.evaluate("host.emit({ op: 'status', state: 'waiting', text: 'The connection was lost.', stats: '' })")
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    page.evaluate("host.emit({ op: 'error', text: '<b>No</b> source.' })")
    expect(page.get_by_text("<b>No</b> source.")).to_be_visible()
    page.evaluate("host.emit({ op: 'status', state: 'running', text: '', stats: '9 frames' })")
    click(page, "Record")
    assert messages_to_kernel(page, "record") == [{"v": 1, "op": "record", "bytes": []}]
    page.evaluate("host.emit({ op: 'status', state: 'failed', text: 'The source failed.', stats: '' })")
    expect(page.get_by_text("The source failed.")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
