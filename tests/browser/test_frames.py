"""The page in Chromium shows every frame under its own number, with the heat map that numpy draws."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.render.compositor import draw_frame
from staa_widgets.render.style import HeatStyle
from tests.helpers.barcodes import BITS, FIRST, barcode_explanation, bit_rectangles
from tests.helpers.chromium import (
    frame_slider,
    open_more,
    read_canvas,
    read_frame_without_heat,
    read_picture,
    wait_for_frame,
)

pytestmark = pytest.mark.browser


# Steps through all frames by key and reads canvas, slider, playhead, text and bars of each.
WALK = """async ([cells, steps]) => {
  const root = document.querySelector('.staa-root'), canvas = root.querySelector('canvas[data-frame]');
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const slider = root.querySelector('.staa-seek'), readings = [];
  const across = (mark) => parseFloat(root.querySelector(mark).parentElement.style.transform.split('(')[1]);
  press('Home');
  for (let step = 0; step < steps; step++) {
    if (step > 0) press('ArrowRight');
    while (canvas.dataset.frame !== slider.getAttribute('aria-valuenow')) {
      await new Promise(requestAnimationFrame);
    }
    const context = canvas.getContext('2d');
    const bits = cells.map(([x0, y0, x1, y1]) =>
      context.getImageData((x0 + x1) >> 1, (y0 + y1) >> 1, 1, 1).data[1] > 127 ? 1 : 0);
    readings.push({
      code: bits.reduce((sum, bit, i) => sum + (bit << i), 0),
      frame: Number(canvas.dataset.frame),
      valuetext: slider.getAttribute('aria-valuetext'),
      playhead: across('.staa-playhead'),
      thumb: across('.staa-thumb'),
      text: root.querySelector('.staa-now').innerText,
      bar: [...root.querySelectorAll('.staa-slice')].findIndex((bar) => bar.matches('.staa-current')),
      value: root.querySelector('.staa-value').textContent,
    });
  }
  return readings;
}"""


@pytest.mark.parametrize("portrait", [False, True])
def test_every_frame_shows_its_own_number(open_page: Callable[[Explanation], Page], portrait: bool) -> None:
    e = barcode_explanation(portrait=portrait)
    readings = open_page(e).evaluate(WALK, [bit_rectangles(*e.frame_size), len(e.times)])
    sampled = set(e.sampled_frames.ravel().tolist())
    assert len(readings) == len(e.times) < 2**BITS
    for i, reading in enumerate(readings):
        frame, s = FIRST + i, int(e.slice_of_frame[i])
        share = 100 * (e.times[i] - e.spans[0, 0]) / (e.end - e.spans[0, 0])
        assert reading["code"] == reading["frame"] == frame
        assert reading["playhead"] == pytest.approx(share, abs=1e-3)
        assert reading["thumb"] == reading["playhead"]
        assert reading["bar"] == s
        assert f"{e.times[i]:.2f} / {e.end:.2f} s" in reading["text"]
        assert f"frame {frame} of 100–147" in reading["text"]
        assert ("sampled" in reading["text"]) == (frame in sampled)
        valuetext = rf"frame {frame} of .*, \d\.\d\d s, [\d.]+ % of the attribution in this slice"
        assert re.fullmatch(valuetext, reading["valuetext"])
        assert reading["value"].startswith(f"slice {s + 1} · {e.spans[s, 0]:.2f} s")
        assert float(reading["value"].split("· ")[-1].rstrip(" %")) == pytest.approx(100 * e.temporal[s], abs=0.51)


def test_page_opens_at_the_moment_of_the_greatest_attribution(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    assert int(frame_slider(page).get_attribute("aria-valuenow") or 0) == e.sampled_frames[e.temporal.argmax()][1]


def set_style(page: Page, settings: dict[str, Any]) -> None:
    for label, value in settings.items():
        if isinstance(value, str):
            page.get_by_role("group", name=label, exact=True).get_by_role("button", name=value, exact=True).click()
        else:
            page.get_by_role("slider", name=label).fill(str(value))


DEFAULTS: dict[str, Any] = {
    "Between patches": "smooth",
    "Scale": "per clip",
    "Between slices": "hold",
    "Opacity": 0.75,
    "Threshold": 0,
    "Gamma": 1,
    "Blur": 0,
}
STYLES: dict[str, dict[str, Any]] = {
    "smooth": {},
    "blocks": {"Between patches": "blocks"},
    "sharp blocks": {"Between patches": "blocks", "Opacity": 0.4, "Threshold": 0.6},
    "sharp": {"Threshold": 0.8, "Gamma": 1.75, "Opacity": 1},
    "own scale": {"Scale": "per frame", "Threshold": 0.3},
    "dark outside": {"Between patches": "blocks", "Outside the crop": "dim"},
    "blended": {"Between slices": "interpolate"},
    "blurred": {"Blur": 0.7, "Threshold": 0.4},
}


@pytest.mark.parametrize("kind", ["plain", "portrait", "signed", "padded"])
def test_canvas_equals_the_overlay_drawn_in_numpy(open_page: Callable[[Explanation], Page], kind: str) -> None:
    # Padded: the model saw a square that is higher than the frame.
    changes = {"box": (0.0, -70.0, 320.0, 250.0)} if kind == "padded" else {}
    e = barcode_explanation(portrait=kind == "portrait", signed=kind == "signed", **changes)
    page, frame = open_page(e), 21
    page.locator(".staa-root").press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    wait_for_frame(page, FIRST + frame)
    plain = read_frame_without_heat(page)
    open_more(page)
    for name, settings in STYLES.items():
        if "Outside the crop" in settings and kind == "padded":
            expect(page.get_by_role("button", name="dim")).to_have_count(0)
            continue
        set_style(page, {**DEFAULTS, **settings})
        style = HeatStyle(
            opacity=settings.get("Opacity", 0.75),
            threshold=settings.get("Threshold", 0.0),
            gamma=settings.get("Gamma", 1.0),
            smooth=settings.get("Blur", 0.0),
            interpolation="nearest" if settings.get("Between patches") == "blocks" else "cubic",
            normalize="frame" if settings.get("Scale") == "per frame" else "clip",
            time_interpolation="linear" if settings.get("Between slices") == "interpolate" else "hold",
            dim_outside="Outside the crop" in settings,
        )
        picture = read_picture(page)
        np.testing.assert_array_equal(picture, draw_frame(e, FIRST + frame, style, plain), name)
        assert (picture != plain).mean() > 0.02, name
        if "Outside the crop" in settings:
            page.get_by_role("button", name="show", exact=True).click()


GRIDS = [(1, 1), (7, 7), (8, 8), (14, 14)]


@pytest.mark.parametrize("portrait", [False, True])
def test_canvas_equals_numpy_on_other_grids(open_page: Callable[..., Page], portrait: bool) -> None:
    random = np.random.default_rng(3)
    panes = []
    for rows, columns in GRIDS:
        # Most cells are 0, so that single patches stand alone; two of the maps have negative values.
        maps = random.uniform(0.3, 1, (6, rows, columns)) * ((random.random((6, rows, columns)) < 0.3) | (rows == 1))
        if rows % 2:
            maps *= random.choice([-1, 1], maps.shape)
        panes.append(barcode_explanation(portrait=portrait, maps=maps.astype(np.float32), attention=None))
    page = open_page(panes)
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    canvases = page.locator("canvas[data-frame]")
    expect(canvases).to_have_count(len(GRIDS))
    page.keyboard.down("o")
    read_turn(page)
    plain = [read_canvas(canvas) for canvas in canvases.all()]
    page.keyboard.up("o")
    read_turn(page)
    for e, picture, below in zip(panes, map(read_canvas, canvases.all()), plain, strict=True):
        np.testing.assert_array_equal(picture, draw_frame(e, FIRST, pixels=below), str(e.maps.shape))
        assert (picture != below).any()
    x0, y0, x1, y1 = panes[0].box
    for i, (rows, columns) in enumerate(GRIDS):
        width, height = (math.floor(side + 0.5) for side in ((x1 - x0) / columns, (y1 - y0) / rows))
        expected = f" {width} × {height} px ({columns} × {rows} patches)"
        expect(page.locator(".staa-patch-size")).to_contain_text(expected)
        if i < len(GRIDS) - 1:
            page.keyboard.press("p")


def read_turn(page: Page) -> None:
    """Wait until the page has drawn the state of now."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
