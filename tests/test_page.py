"""The page in Chromium: offline, frame-exact, drawn as numpy says, and moved by mouse and keys."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from barcodes import BITS, cells, explanation, reference
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from staa_widgets.explanation import Explanation
from staa_widgets.export import to_html, to_page
from staa_widgets.refine import dynamic_threshold
from staa_widgets.widget.payload import pack

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "staa_widgets" / "widget" / "static"
# The heat of every picture on the way is composed in software; a loaded machine needs its time.
PATIENCE = 60_000
FIRST, LAST = 100, 147


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Iterator[Callable[[Explanation], Page]]:
    """Open an explanation's page from disk; at the end, nothing else was asked for and nothing complained."""
    asked: list[str] = []
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def opened(e: Explanation) -> Page:
        page.goto(to_html(e, tmp_path / "page.html").as_uri())
        page.wait_for_selector("canvas[data-frame]")
        return page

    yield opened
    assert asked == [(tmp_path / "page.html").as_uri()]
    assert complaints == []


def drawn(page: Page, frame: int) -> None:
    """Wait until the canvas shows a source frame."""
    page.wait_for_selector(f"canvas[data-frame='{frame}']")


def pixels(page: Page) -> NDArray[np.uint8]:
    """RGB of the heated picture, whole."""
    # Two turns of the event loop: one for the signals, one for the paint.
    url = page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
        " done(document.querySelector('canvas[data-frame]').toDataURL('image/png')))))"
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def bars(page: Page) -> NDArray[np.uint8]:
    """The picture on show without its heat, read while O is held."""
    page.keyboard.down("o")
    image = pixels(page)
    page.keyboard.up("o")
    return image


def seek(page: Page) -> Locator:
    return page.get_by_role("slider", name="Frame")


def left(page: Page, selector: str) -> float:
    """Where the middle of an element lies on the axis of time, 0 … 1."""
    box, plot = page.locator(selector).bounding_box(), page.locator(".staa-plot").bounding_box()
    assert box
    assert plot
    return (box["x"] + box["width"] / 2 - plot["x"]) / plot["width"]


# Walks every frame by key and reads what canvas, slider, playhead, texts and bars say once it is drawn.
WALK = """async ([cells, steps]) => {
  const root = document.querySelector('.staa-root'), canvas = root.querySelector('canvas[data-frame]');
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const slider = root.querySelector('[role=slider]'), seen = [];
  press('Home');
  for (let step = 0; step < steps; step++) {
    if (step > 0) press('ArrowRight');
    while (canvas.dataset.frame !== slider.getAttribute('aria-valuenow')) {
      await new Promise(requestAnimationFrame);
    }
    const context = canvas.getContext('2d');
    const bits = cells.map(([x0, y0, x1, y1]) =>
      context.getImageData((x0 + x1) >> 1, (y0 + y1) >> 1, 1, 1).data[1] > 127 ? 1 : 0);
    seen.push({
      code: bits.reduce((sum, bit, i) => sum + (bit << i), 0),
      frame: Number(canvas.dataset.frame),
      valuetext: slider.getAttribute('aria-valuetext'),
      playhead: parseFloat(root.querySelector('.staa-playhead').style.left),
      thumb: parseFloat(root.querySelector('.staa-thumb').style.left),
      text: root.querySelector('.staa-now').innerText,
      bar: [...root.querySelectorAll('.staa-slice')].findIndex((bar) => bar.matches('.staa-current')),
      value: root.querySelector('.staa-value').textContent,
    });
  }
  return seen;
}"""


@pytest.mark.parametrize("portrait", [False, True])
def test_every_frame_is_the_one_it_says(open_page: Callable[[Explanation], Page], portrait: bool) -> None:
    e = explanation(portrait=portrait)
    seen = open_page(e).evaluate(WALK, [cells(*e.frame_size), len(e.times)])
    sampled = set(e.sampled.ravel().tolist())
    assert len(seen) == len(e.times) < 2**BITS
    for i, found in enumerate(seen):
        frame, s = FIRST + i, int(e.slice_of_frame[i])
        share = 100 * (e.times[i] - e.spans[0, 0]) / (e.duration - e.spans[0, 0])
        assert found["code"] == found["frame"] == frame
        assert found["playhead"] == pytest.approx(share, abs=1e-3)
        assert found["thumb"] == found["playhead"]
        assert found["bar"] == s
        assert f"{e.times[i]:.2f} / {e.duration:.2f} s" in found["text"]
        assert f"frame {frame} of 100–147" in found["text"]
        assert ("sampled" in found["text"]) == (frame in sampled)
        assert re.fullmatch(rf"frame {frame} of .*, \d\.\d\d s, attention [\d.]+ %", found["valuetext"])
        assert found["value"].startswith(f"slice {s + 1} · {e.spans[s, 0]:.2f} s")
        assert float(found["value"].split("· ")[-1].rstrip(" %")) == pytest.approx(100 * e.temporal[s], abs=0.51)


def test_page_opens_at_the_moment_of_the_greatest_attribution(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    assert int(seek(page).get_attribute("aria-valuenow") or 0) == e.sampled[e.temporal.argmax()][1]


def set_look(page: Page, look: dict[str, Any]) -> None:
    for label, value in look.items():
        if isinstance(value, str):
            page.get_by_role("button", name=value, exact=True).click()
        elif isinstance(value, bool):
            page.get_by_role("checkbox").set_checked(value)
        else:
            page.get_by_role("slider", name=label).fill(str(value))


USUAL: dict[str, Any] = {
    "Patches": "smooth",
    "Scale": "per clip",
    "Over time": "held",
    "Opacity": 0.75,
    "Hide weakest": 0,
    "Sharpen": 1,
}
LOOKS: dict[str, dict[str, Any]] = {
    "smooth": {},
    "blocks": {"Patches": "blocks"},
    "sharp blocks": {"Patches": "blocks", "Opacity": 0.4, "Hide weakest": 0.6},
    "sharp": {"Hide weakest": 0.8, "Sharpen": 1.75, "Opacity": 1},
    "own scale": {"Scale": "per frame", "Hide weakest": 0.3},
    "dark outside": {"Patches": "blocks", "dim": True},
    "blended": {"Over time": "blended"},
}


@pytest.mark.parametrize("kind", ["plain", "portrait", "signed", "padded"])
def test_canvas_is_what_numpy_draws(open_page: Callable[[Explanation], Page], kind: str) -> None:
    # Padded: the model saw a square around the whole frame, with ground above and below.
    changes = {"box": (0.0, -70.0, 320.0, 250.0)} if kind == "padded" else {}
    e = explanation(portrait=kind == "portrait", signed=kind == "signed", **changes)
    page, frame = open_page(e), 21
    page.locator(".staa-root").press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    drawn(page, FIRST + frame)
    plain = bars(page)
    for name, look in LOOKS.items():
        if "dim" in look and kind == "padded":
            expect(page.get_by_role("checkbox")).to_have_count(0)
            continue
        set_look(page, {**USUAL, **look})
        field = map_at(e, frame, blended=look.get("Over time") == "blended")
        wanted = reference(
            plain,
            field,
            e.box,
            table="diverging" if kind == "signed" else "inferno",
            opacity=look.get("Opacity", 0.75),
            cut=quantile(e, look.get("Hide weakest", 0)),
            gamma=look.get("Sharpen", 1.0),
            signed=kind == "signed",
            linear=look.get("Patches") != "blocks",
            top=float(np.abs(field).max()) if look.get("Scale") == "per frame" else 1.0,
            dim="dim" in look,
        )
        found = pixels(page)
        off = np.abs(found.astype(int) - wanted).max()
        assert off <= (0 if look.get("Patches") == "blocks" else 2), name
        assert (found != plain).mean() > 0.02, name
        if "dim" in look:
            page.get_by_role("checkbox").uncheck()


def packed(e: Explanation) -> NDArray[np.float32]:
    return np.frombuffer(pack(e)[1]["maps"], "<f2").reshape(e.maps.shape).astype(np.float32)


def quantile(e: Explanation, share: float) -> float:
    return float(np.quantile(np.abs(packed(e)), share)) if share else 0.0


def map_at(e: Explanation, i: int, *, blended: bool) -> NDArray[np.floating]:
    maps = packed(e)
    if not blended:
        return maps[e.slice_of_frame[i]]
    centres = e.times[e.sampled - e.first_frame].mean(axis=1)
    at = np.interp(e.times[i], centres, np.arange(len(maps)))
    low = min(int(at), len(maps) - 2)
    return (maps[low] * (1 - (at - low)) + maps[low + 1] * (at - low)).astype(np.float32)


def test_statistics_of_the_player_are_those_of_refine() -> None:
    """`js/tests/heat.test.ts` holds the front end against the same file."""
    for case in json.loads((Path(__file__).parent / "protocol" / "refine.json").read_text("utf-8")):
        maps = np.array(case["maps"]).reshape(-1, 1, 1)
        assert np.flatnonzero(dynamic_threshold(maps)).tolist() == case["kept"]
        for q, value in case["quantiles"].items():
            assert np.quantile(np.abs(maps), float(q)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("where", [".staa-seek", ".staa-bars-area"])
def test_dragging_scrubs(open_page: Callable[[Explanation], Page], where: str) -> None:
    e = explanation()
    page = open_page(e)
    area = page.locator(where).bounding_box()
    assert area
    before = pixels(page)
    for share in (0.1, 0.93, 0.5):
        second = e.spans[0, 0] + share * (e.duration - e.spans[0, 0])
        page.mouse.move(area["x"] + share * area["width"], area["y"] + area["height"] / 2)
        page.mouse.down()
        drawn(page, FIRST + int(np.searchsorted(e.times, second, "right")) - 1)
        assert left(page, ".staa-playhead") == pytest.approx(left(page, ".staa-thumb"), abs=0.01)
        assert left(page, ".staa-playhead") == pytest.approx(share, abs=0.03)
    page.mouse.up()
    page.mouse.move(area["x"], area["y"] + 5)
    assert (pixels(page) != before).any()
    assert seek(page).get_attribute("aria-valuenow") == page.locator("canvas[data-frame]").get_attribute("data-frame")


def test_hovering_a_bar_says_its_time_and_share(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    page.locator(".staa-bars-area").hover(position={"x": 2, "y": 30})
    words = f"slice 1 · {e.spans[0, 0]:.2f} s – {e.spans[0, 1]:.2f} s · {100 * e.temporal[0]:.1f} %"
    expect(page.locator(".staa-value")).to_have_text(words)


def test_bars_stand_over_their_spans(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    plot = page.locator(".staa-plot").bounding_box()
    assert plot
    heights = []
    for s, span in enumerate(e.spans):
        bar = page.locator(".staa-slice").nth(s).locator("rect").first
        x, width, height = (float((bar.get_attribute(name) or "").rstrip("%")) for name in ("x", "width", "height"))
        start, end = 100 * (span - e.spans[0, 0]) / (e.duration - e.spans[0, 0])
        assert (x, x + width) == (pytest.approx(start, abs=1e-3), pytest.approx(end, abs=1e-3))
        heights.append(height)
    np.testing.assert_allclose(np.array(heights) / sum(heights), e.temporal, atol=1e-6)
    rows = page.locator("table tr").all_inner_texts()
    assert len(rows) == 1 + len(e.spans)


def test_keys_do_what_the_help_says(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)

    def press(key: str, frame: int) -> None:
        page.keyboard.press(key)
        drawn(page, frame)

    press("Home", FIRST)
    press("ArrowLeft", FIRST)
    press(".", FIRST + 1)
    press(",", FIRST)
    press("Shift+ArrowRight", FIRST + 2)
    press("Shift+ArrowRight", FIRST + 6)
    press("Shift+ArrowLeft", FIRST + 2)
    press("End", LAST)
    press("0", FIRST)
    press("5", FIRST + int(np.searchsorted(e.times, e.times[0] + 0.5 * (e.duration - e.times[0]), "right")) - 1)
    page.keyboard.press("c")
    expect(page.get_by_label("Colours", exact=True)).to_have_value("cividis")
    page.keyboard.press("t")
    dropped = float(page.get_by_role("slider", name="Hide weakest").input_value())
    assert dropped == pytest.approx(1 - (dynamic_threshold(e.maps) != 0).mean(), abs=0.02)
    page.keyboard.press("-")
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.7")
    page.keyboard.press("l")
    expect(page.get_by_label("Speed", exact=True)).to_have_value("2")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Map", exact=True)).to_have_value("0")
    page.keyboard.press("h")
    expect(page.get_by_label("Head", exact=True)).to_have_value("0")
    page.keyboard.press("a")
    expect(page.get_by_label("Head", exact=True)).to_have_value("-1")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Map", exact=True)).to_have_value("-1")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_handled_keys_stay_and_others_pass(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation())
    page.evaluate("() => { window.passed = []; document.addEventListener('keydown', e => window.passed.push(e.key)) }")
    for key in ("c", "ArrowLeft", "t", "b", "Control+c", "Escape", "Tab", "Tab"):
        page.keyboard.press(key)
    assert page.evaluate("window.passed") == ["b", "Control", "c", "Escape", "Tab", "Tab"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Full screen (F)"


def test_controls_keep_their_own_keys(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation())
    frame = seek(page).get_attribute("aria-valuenow")
    page.get_by_role("slider", name="Opacity").press("ArrowLeft")
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.74")
    page.get_by_role("button", name="blocks").press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert seek(page).get_attribute("aria-valuenow") == frame


def test_playing_keeps_the_times_of_the_frames(open_page: Callable[[Explanation], Page], page: Page) -> None:
    e = explanation()
    page.clock.install()
    open_page(e)
    page.keyboard.press("Home")
    page.get_by_role("button", name="Loop").click()
    page.keyboard.press("k")
    passed = 0
    for step in (310, 400, 700):
        page.clock.run_for(step)
        passed += step
        found = int(seek(page).get_attribute("aria-valuenow") or 0) - FIRST
        # The clock of the page ticks in frames of 16 ms.
        earliest, latest = (
            np.searchsorted(e.times - e.times[0], passed / 1000 - lag, "right") - 1 for lag in (0.05, 0)
        )
        assert earliest <= found <= latest
    page.clock.run_for(2000)
    assert seek(page).get_attribute("aria-valuenow") == str(LAST)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_playing_stays_inside_the_selection_and_loops(open_page: Callable[[Explanation], Page], page: Page) -> None:
    e = explanation()
    page.clock.install()
    open_page(e)
    axis = page.locator(".staa-axis-area").bounding_box()
    assert axis
    page.mouse.move(axis["x"] + 0.25 * axis["width"], axis["y"] + 8)
    page.mouse.down()
    page.mouse.move(axis["x"] + 0.5 * axis["width"], axis["y"] + 8)
    page.mouse.up()
    page.mouse.move(axis["x"], axis["y"] - 200)
    start, end = (e.times[0] + share * (e.duration - e.times[0]) for share in (0.25, 0.5))
    expect(page.locator(".staa-value")).to_contain_text("selected")
    page.keyboard.press("k")
    seen = set()
    for _ in range(100):
        page.clock.run_for(16)
        seen.add(int(seek(page).get_attribute("aria-valuenow") or 0) - FIRST)
    low, high = (int(np.searchsorted(e.times, second, "right")) - 1 for second in (start, end))
    assert seen == set(range(low, high + 1))
    page.keyboard.press("Escape")
    expect(page.locator(".staa-value")).not_to_contain_text("selected")


def test_hovering_the_picture_names_patch_and_value(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    drawn(page, FIRST)
    picture = page.locator("canvas[data-frame]").bounding_box()
    assert picture
    x0, _, x1, _ = e.box
    row, column = 3, 2
    x = (x0 + (column + 0.5) * (x1 - x0) / 7) / 320
    page.mouse.move(picture["x"] + x * picture["width"], picture["y"] + (row + 0.5) / 5 * picture["height"])
    readout = page.locator(".staa-readout")
    expect(readout).to_contain_text(f"{e.spatial[0, row, column]:.2f} of the clip")
    expect(readout).to_contain_text("row 4, column 3, slice 1")
    weaker = (np.abs(e.maps) < abs(e.maps[0, row, column])).mean()
    assert float(re.findall(r"than ([\d.]+) %", readout.inner_text())[0]) == pytest.approx(100 * weaker, abs=0.51)
    page.mouse.move(picture["x"] + 3, picture["y"] + 3)
    expect(readout).to_have_text("not seen by the model")


def test_picture_is_saved_as_it_is_shown(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation(clip_name="../my clip.mp4"))
    page.locator(".staa-root").press("Home")
    drawn(page, FIRST)
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "_my_clip_frame100_staa.png"
    assert (np.asarray(Image.open(download.value.path()).convert("RGB")) == pixels(page)).all()


def test_predictions_and_what_was_run_are_told(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    rows = page.locator(".staa-classes li").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [label for label, _ in e.predictions()]
    assert f"{100 * e.probabilities[2]:.0f} %" in rows[0]
    assert "explained" in rows[0]
    page.get_by_text("What was run").click()
    facts = page.locator(".staa-details").inner_text()
    for words in ("rollout", "barcodes", e.clip_sha256, "70.3, 0.0, 310.1, 180.0", "102+106", "0.125"):
        assert words in facts


def test_side_by_side_shows_the_frame_alone(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation())
    page.get_by_role("button", name="side by side").click()
    plain = page.get_by_label("The frame alone")
    expect(plain).to_be_visible()
    url = plain.evaluate("canvas => canvas.toDataURL('image/png')")
    alone = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))
    assert (alone == bars(page)).all()
    assert (alone != pixels(page)).any()


def test_without_pictures_or_layers_the_heat_still_plays(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation(preview=None, attention=None)
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    drawn(page, FIRST)
    assert pixels(page).shape == (180, 320, 3)
    assert (pixels(page) != bars(page)).any()
    expect(page.get_by_label("Map", exact=True)).to_have_count(0)


def test_page_plays_in_a_sandboxed_frame(page: Page) -> None:
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content("<iframe sandbox='allow-scripts' style='width:900px;height:700px'></iframe>")
    page.locator("iframe").evaluate("(frame, html) => { frame.srcdoc = html }", to_page(explanation()))
    inside = page.frame_locator("iframe")
    inside.locator(".staa-root").press("End")
    expect(inside.locator("canvas[data-frame]")).to_have_attribute("data-frame", str(LAST))
    assert complaints == []


def test_hostile_names_are_shown_as_text(open_page: Callable[[Explanation], Page]) -> None:
    hostile = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>"
    page = open_page(
        explanation(clip_name=hostile, labels=("wave", "clap", hostile, "kick"), params={hostile: hostile})
    )
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("width", [360, 600, 1000, 1600])
@pytest.mark.parametrize("portrait", [False, True])
def test_nothing_hangs_over_the_edge(open_page: Callable[[Explanation], Page], width: int, portrait: bool) -> None:
    page = open_page(explanation(portrait=portrait, clip_name="a_very_long_name_without_any_space_" * 4))
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """() => [...document.querySelectorAll('.staa-root *')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 0 && (left < -1 || right > innerWidth + 1);
    }).map((element) => element.className.baseVal ?? element.className)"""
    assert page.evaluate(outside) == []
    picture = page.locator("canvas[data-frame]").bounding_box()
    assert picture
    assert picture["width"] / picture["height"] == pytest.approx(180 / 320 if portrait else 320 / 180, rel=0.02)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Callable[[Explanation], Page], page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(explanation())
    page.get_by_text("What was run").click()
    page.evaluate((ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []


# A host as anywidget is one: bytes as views into a larger message, and a note of what is set and saved.
HOST = """async ([code, meta, buffers, traits]) => {
  const { default: widget } = await import('data:text/javascript;base64,' + code);
  const values = { _meta: meta, ...traits }, listeners = new Map();
  for (const [name, text] of Object.entries(buffers)) {
    const bytes = Uint8Array.from('\\0\\0\\0' + atob(text), (c) => c.charCodeAt(0));
    values['_' + name] = new DataView(bytes.buffer, 3);
  }
  window.host = { saved: 0, values, listeners, change(name, value) {
    values[name] = value;
    for (const call of listeners.get('change:' + name) ?? []) call();
  } };
  const model = {
    get: (name) => values[name],
    set: (name, value) => host.change(name, value),
    save_changes: () => { host.saved++; },
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, listeners.get(event).filter((other) => other !== call)),
  };
  host.close = await widget.render({ model, el: document.body });
}"""


def test_widget_module_shows_the_same_player_on_a_notebooks_model(page: Page) -> None:
    meta, buffers = pack(explanation())
    page.set_default_timeout(PATIENCE)
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    code = base64.b64encode((STATIC / "widget.js").read_bytes()).decode()
    texts = {name: base64.b64encode(data).decode() for name, data in buffers.items()}
    page.evaluate(HOST, [code, meta, texts, {"frame": 111, "opacity": 0.5}])
    drawn(page, 111)
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.5")
    page.evaluate("host.change('frame', 120)")
    drawn(page, 120)
    page.locator(".staa-root").press("ArrowRight")
    page.wait_for_function("host.values.frame === 121 && host.saved > 0")
    page.evaluate("host.close()")
    expect(page.locator(".staa-root")).to_have_count(0)
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0
