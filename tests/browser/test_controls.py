"""The page in Chromium: mouse, keys, playback, readouts and saved pictures."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods.postprocess import dynamic_threshold
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation, barcode_preview
from tests.helpers.chromium import (
    axis_position,
    frame_slider,
    open_more,
    read_canvas,
    read_frame_without_heat,
    read_picture,
    save_picture,
    wait_for_frame,
)
from tests.helpers.explanations import small_explanation

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("where", [".staa-seek", ".staa-bars-area"])
def test_dragging_scrubs(open_page: Callable[[Explanation], Page], where: str) -> None:
    e = barcode_explanation()
    page = open_page(e)
    area = page.locator(where).bounding_box()
    assert area
    before = read_picture(page)
    for share in (0.1, 0.93, 0.5):
        second = e.spans[0, 0] + share * (e.end - e.spans[0, 0])
        page.mouse.move(area["x"] + share * area["width"], area["y"] + area["height"] / 2)
        page.mouse.down()
        wait_for_frame(page, FIRST + int(np.searchsorted(e.times, second, "right")) - 1)
        assert axis_position(page, ".staa-playhead") == pytest.approx(axis_position(page, ".staa-thumb"), abs=0.01)
        assert axis_position(page, ".staa-playhead") == pytest.approx(share, abs=0.03)
    page.mouse.up()
    page.mouse.move(area["x"], area["y"] + 5)
    assert (read_picture(page) != before).any()
    assert frame_slider(page).get_attribute("aria-valuenow") == page.locator("canvas[data-frame]").get_attribute(
        "data-frame"
    )


def test_hovering_a_bar_shows_its_time_and_share(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    page.locator(".staa-bars-area").hover(position={"x": 2, "y": 30})
    words = f"slice 1 · {e.spans[0, 0]:.2f} s – {e.spans[0, 1]:.2f} s · {100 * e.temporal[0]:.1f} %"
    expect(page.locator(".staa-value")).to_have_text(words)


def test_bars_stand_over_their_spans(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    plot = page.locator(".staa-plot").bounding_box()
    assert plot
    heights = []
    for s, span in enumerate(e.spans):
        bar = page.locator(".staa-slice").nth(s).locator("rect").first
        x, width, height = (float((bar.get_attribute(name) or "").rstrip("%")) for name in ("x", "width", "height"))
        start, end = 100 * (span - e.spans[0, 0]) / (e.end - e.spans[0, 0])
        assert (x, x + width) == (pytest.approx(start, abs=1e-3), pytest.approx(end, abs=1e-3))
        heights.append(height)
    np.testing.assert_allclose(np.array(heights) / sum(heights), e.temporal, atol=1e-6)
    rows = page.locator("table tr").all_inner_texts()
    assert len(rows) == 1 + len(e.spans)


def test_keys_seek_and_change_settings(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)

    def press(key: str, frame: int) -> None:
        page.keyboard.press(key)
        wait_for_frame(page, frame)

    press("Home", FIRST)
    press("ArrowLeft", FIRST)
    press(".", FIRST + 1)
    press(",", FIRST)
    press("Shift+ArrowRight", FIRST + 2)
    press("Shift+ArrowRight", FIRST + 6)
    press("Shift+ArrowLeft", FIRST + 2)
    press("End", LAST)
    press("0", FIRST)
    press("5", FIRST + int(np.searchsorted(e.times, e.times[0] + 0.5 * (e.end - e.times[0]), "right")) - 1)
    page.keyboard.press("c")
    expect(page.get_by_label("Colormap", exact=True)).to_have_value("cividis")
    page.keyboard.press("t")
    dropped = float(page.get_by_role("slider", name="Threshold").input_value())
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


def test_handled_keys_are_consumed_and_others_propagate(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation())
    page.evaluate("() => { window.passed = []; document.addEventListener('keydown', e => window.passed.push(e.key)) }")
    for key in ("c", "ArrowLeft", "t", "b", "Control+c", "Escape", "Tab", "Tab"):
        page.keyboard.press(key)
    assert page.evaluate("window.passed") == ["b", "Control", "c", "Escape", "Tab", "Tab"]
    assert page.evaluate("document.activeElement.title") == "Full screen (F)"


def test_controls_keep_their_own_keys(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation())
    frame = frame_slider(page).get_attribute("aria-valuenow")
    page.get_by_role("slider", name="Opacity").press("ArrowLeft")
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.74")
    open_more(page)
    page.get_by_role("button", name="blocks").press("Space")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    assert frame_slider(page).get_attribute("aria-valuenow") == frame


def test_playing_shows_each_frame_at_its_time(open_page: Callable[[Explanation], Page], page: Page) -> None:
    e = barcode_explanation()
    page.clock.install(time=0)
    open_page(e)
    page.clock.pause_at(600)
    page.keyboard.press("Home")
    page.get_by_role("button", name="Loop").click()
    page.keyboard.press("k")
    elapsed = 0
    for step in (310, 400, 700):
        page.clock.run_for(step)
        elapsed += step
        frame = int(frame_slider(page).get_attribute("aria-valuenow") or 0) - FIRST
        # The clock of the page ticks in frames of 16 ms.
        earliest, latest = (
            np.searchsorted(e.times - e.times[0], elapsed / 1000 - lag, "right") - 1 for lag in (0.05, 0)
        )
        assert earliest <= frame <= latest
    page.clock.run_for(2000)
    assert frame_slider(page).get_attribute("aria-valuenow") == str(LAST)
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()


def test_playing_stays_inside_the_selection_and_loops(open_page: Callable[[Explanation], Page], page: Page) -> None:
    e = barcode_explanation()
    page.clock.install(time=0)
    open_page(e)
    page.clock.pause_at(600)
    axis = page.locator(".staa-axis-area").bounding_box()
    assert axis
    page.mouse.move(axis["x"] + 0.25 * axis["width"], axis["y"] + 8)
    page.mouse.down()
    page.mouse.move(axis["x"] + 0.5 * axis["width"], axis["y"] + 8)
    page.mouse.up()
    page.mouse.move(axis["x"], axis["y"] - 200)
    start, end = (e.times[0] + share * (e.end - e.times[0]) for share in (0.25, 0.5))
    expect(page.locator(".staa-value")).to_contain_text("selected")
    page.keyboard.press("k")
    frames = set()
    for _ in range(100):
        page.clock.run_for(16)
        frames.add(int(frame_slider(page).get_attribute("aria-valuenow") or 0) - FIRST)
    low, high = (int(np.searchsorted(e.times, second, "right")) - 1 for second in (start, end))
    assert frames == set(range(low, high + 1))
    page.keyboard.press("Escape")
    expect(page.locator(".staa-value")).not_to_contain_text("selected")


def test_hovering_the_picture_shows_patch_and_value(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
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
    expect(readout).to_have_text("outside the crop that the model saw")


def test_saved_picture_equals_the_shown_one(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    frames = np.arange(FIRST, FIRST + len(e.times))
    page = open_page(
        barcode_explanation(clip_name="../my clip.mp4", preview=barcode_preview(frames, e.times, 640, 360))
    )
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    picture = save_picture(page, 640, 360)
    assert picture.name == "_my_clip_frame100_staa.png"
    np.testing.assert_array_equal(picture.shown, read_picture(page))


def test_predictions_and_run_details_are_shown(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    rows = page.locator(".staa-classes li").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [label for label, _ in e.predictions()]
    assert f"{100 * e.probabilities[2]:.0f} %" in rows[0]
    assert "explained" in rows[0]
    page.get_by_text("Details", exact=True).click()
    facts = page.locator(".staa-details").inner_text()
    for words in ("rollout", "barcodes", e.clip_sha256, "70.3, 0.0, 310.1, 180.0", "102+106", "0.125"):
        assert words in facts


def test_each_mask_is_shown_with_what_the_model_says_of_it(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(small_explanation())
    menu = page.get_by_label("Mask", exact=True)
    assert menu.locator("option").all_inner_texts() == ["all together", "10 % of the clip", "25 % of the clip ✓"]
    expect(page.get_by_text("25 % of the clip is enough to keep the class; ")).to_be_visible()
    frame_slider(page).press("Home")
    before = read_picture(page)
    menu.select_option("1")
    caption = "only this part: 60 % likely; jump is 90 % likely for the whole clip. It is the smallest mask"
    expect(page.get_by_text(caption)).to_be_visible()
    expect(page.locator(".staa-value")).to_contain_text("43 %")
    assert (read_picture(page) != before).any()


def test_side_by_side_shows_the_frame_alone(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation())
    page.get_by_role("button", name="side by side").click()
    plain = page.get_by_label("Frame without heat map")
    expect(plain).to_be_visible()
    assert (read_canvas(plain) == read_frame_without_heat(page)).all()
    assert (read_canvas(plain) != read_picture(page)).any()


def test_without_pictures_or_layers_the_heat_still_plays(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation(preview=None, attention=None)
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    assert read_picture(page).shape == (180, 320, 3)
    assert (read_picture(page) != read_frame_without_heat(page)).any()
    open_more(page)
    expect(page.get_by_label("Colormap", exact=True)).to_be_visible()
    expect(page.get_by_label("Map", exact=True)).to_be_hidden()
