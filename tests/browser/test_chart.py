"""The temporal chart in Chromium: panes on one axis, many slices, zoom, and dragged selections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.page import to_html
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.chromium import PATIENCE, frame_slider

pytestmark = pytest.mark.browser


def open_chart(page: Page, tmp_path: Path, explanations: Explanation | Sequence[Explanation]) -> Locator:
    page.set_default_timeout(PATIENCE)
    page.goto(to_html(explanations, tmp_path / "page.html").as_uri())
    page.wait_for_selector("canvas[data-frame]")
    return page.locator(".staa-plot")


def three_explanations() -> list[Explanation]:
    e = barcode_explanation()
    return [
        e,
        barcode_explanation(method="rollout", maps=e.maps[::-1].copy()),
        barcode_explanation(method="even", maps=0 * e.maps + 1),
    ]


def many_slices(slices: int = 600) -> Explanation:
    """An explanation of many slices, one of them 40 times as strong as the others."""
    e = barcode_explanation()
    edges = np.linspace(e.spans[0, 0], e.end, slices + 1)
    maps = np.ones((slices, 2, 2), np.float32)
    maps[301] = 40
    sampled = FIRST + np.searchsorted(e.times, edges[:-1], side="right")[:, None] - 1
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    return barcode_explanation(maps=maps, spans=spans, sampled_frames=sampled, attention=None)


def bar_heights(bars: Locator, kind: str = "rect") -> list[float]:
    return [float(bar.get_attribute("height") or 0) for bar in bars.locator(f"{kind}:first-child").all()]


def plot_point(plot: Locator, share: float, y: float) -> tuple[float, float]:
    box = plot.bounding_box()
    assert box
    return box["x"] + share * box["width"], box["y"] + y


def test_panes_share_one_axis_one_scale_and_one_readout(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    panes = three_explanations()
    plot = open_chart(page, tmp_path, [*panes, barcode_explanation(method="last")])
    bars = plot.locator(".staa-slice")
    slices = len(panes[0].spans)
    expect(bars).to_have_count(4 * slices)
    heights = np.array(bar_heights(bars)).reshape(4, slices)
    shares = np.array([e.temporal for e in [*panes, panes[0]]])
    np.testing.assert_allclose(heights / heights.max(), shares / shares.max(), atol=0.02)
    expect(page.get_by_text("share of the attribution, one scale for all panes")).to_be_visible()
    # All controls of playback fit a screen of 900 pixels.
    below = plot.bounding_box()
    assert below
    assert below["y"] + below["height"] <= 900
    # Hovering reads the values of all panes at that time.
    page.mouse.move(*plot_point(plot, 0.01, 30))
    readings = plot.locator(".staa-reading")
    expect(readings).to_have_count(4)
    for reading, e in zip(readings.all(), panes, strict=False):
        share = 100 * e.temporal[0]
        expect(reading).to_have_text(f"{share:.1f} %" if share < 9.95 else f"{share:.0f} %")
    # Each row is high enough, and its reading stays in its place.
    tops = [box["y"] for box in (reading.bounding_box() for reading in readings.all()) if box]
    assert min(np.diff(tops)) >= 56
    expect(plot.locator(".staa-hovered")).to_have_count(4)
    # A click on a name makes its pane active; the summary describes the active pane.
    plot.get_by_role("button", name="rollout").click()
    expect(plot.get_by_role("button", name="rollout")).to_have_attribute("aria-pressed", "true")
    summary = re.compile(f"largest share, {100 * panes[1].temporal.max():.0f} %")
    expect(plot.get_by_role("img").first).to_have_attribute("aria-label", summary)
    assert plot.locator("table tr").nth(1).inner_text().endswith(f"{100 * panes[1].temporal[0]:.1f} %")


def test_a_signed_map_says_what_its_shares_mean(page: Page, tmp_path: Path) -> None:
    e = barcode_explanation(signed=True)
    assert e.temporal_signed is not None
    plot = open_chart(page, tmp_path, e)
    caption = page.get_by_text("share of the sum of magnitudes · up: for the class, down: against it")
    expect(caption).to_have_attribute("title", re.compile("sum of the magnitudes"))
    page.mouse.move(*plot_point(plot, 0.01, 30))
    # A bar is split into the magnitudes of positive and of negative values.
    positive = np.clip(e.maps, 0, None).sum((1, 2)) / np.abs(e.maps).sum()
    parts = [100 * part for part in (e.temporal[0], positive[0], e.temporal[0] - positive[0])]
    percents = [f"{part:.1f} %" if part < 9.95 else f"{part:.0f} %" for part in parts]
    words = f"{percents[0]} ({percents[1]} for, {percents[2]} against)"
    expect(page.locator(".staa-value")).to_contain_text(words)
    assert plot.locator("table tr").first.inner_text().split("\t")[2:] == ["Share", "For the class", "Against it"]
    assert plot.locator("table tr").nth(1).inner_text().split("\t")[2:] == percents
    expect(plot.get_by_role("img").first).to_have_attribute("aria-label", re.compile("share of the sum of magnitudes"))
    expect(frame_slider(page)).to_have_attribute("aria-valuetext", re.compile("of the sum of magnitudes in this slice"))


def test_many_slices_are_grouped_into_bars_until_zoomed(page: Page, tmp_path: Path) -> None:
    e = many_slices()
    plot = open_chart(page, tmp_path, e)
    bars, readout = plot.locator(".staa-slice"), page.locator(".staa-value")
    box = plot.bounding_box()
    assert box
    per = int(np.ceil(2 * len(e.spans) / box["width"]))
    assert per > 1
    expect(bars).to_have_count(int(np.ceil(len(e.spans) / per)))
    expect(page.get_by_text(f"{per} slices per bar: mean, and maximum in a paler color")).to_be_visible()
    # The bar of the strongest slice shows the mean of its group, and paler its maximum.
    heights = bar_heights(bars)
    peak_bar = int(np.argmax(heights))
    assert peak_bar == 301 // per
    group = bars.nth(peak_bar).locator("rect")
    mean, rest = (float(group.nth(i).get_attribute("height") or 0) for i in (0, 2))
    chunk = e.temporal[peak_bar * per : (peak_bar + 1) * per]
    assert (mean + rest) / mean == pytest.approx(chunk.max() / chunk.mean(), rel=0.05)
    page.mouse.move(*plot_point(plot, (peak_bar + 0.5) * per / 600, 50))
    expect(readout).to_contain_text(f"slices {peak_bar * per + 1}–{(peak_bar + 1) * per}")
    expect(readout).to_contain_text("maximum ")
    assert plot.locator("table tr").count() == 1 + 300
    # Zoomed in, every slice has its own bar.
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_text("slices per bar")).to_have_count(0)
    assert len(bars.all()) in range(148, 153)
    # A slider moves the visible part and names it.
    part = page.get_by_role("slider", name="Visible part of the clip")
    part.focus()
    page.keyboard.press("Home")
    start, end = e.spans[0, 0], e.end
    expect(part).to_have_attribute("aria-valuetext", f"{start:.2f} s – {start + (end - start) / 4:.2f} s")
    # A click seeks the frame below the pointer.
    frame = FIRST + int(np.searchsorted(e.times, start + 0.125 * (end - start), side="right")) - 1
    page.mouse.click(*plot_point(plot, 0.5, 50))
    expect(frame_slider(page)).to_have_attribute("aria-valuenow", str(frame))
    # The visible part follows the playhead.
    page.locator(".staa-root").press("End")
    expect(part).not_to_have_attribute("aria-valuetext", f"{start:.2f} s – {start + (end - start) / 4:.2f} s")
    expect(plot.locator(".staa-playhead")).to_be_visible()
    plot.dblclick(position={"x": 40, "y": 40})
    expect(part).to_be_disabled()


def test_the_wheel_zooms_with_ctrl_and_scrolls_without(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 900, "height": 500})
    plot = open_chart(page, tmp_path, many_slices())
    plot.scroll_into_view_if_needed()
    page.mouse.move(*plot_point(plot, 0.5, 40))
    part = page.get_by_role("slider", name="Visible part of the clip")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    expect(part).to_be_enabled()
    range_words, scroll_before = part.get_attribute("aria-valuetext"), page.evaluate("scrollY")
    page.mouse.wheel(0, -120)
    # The policy of the page forbids evaluating strings, so `wait_for_function` does not work.
    page.evaluate(
        "before => new Promise((done) => { const look = () => "
        "scrollY !== before ? done() : requestAnimationFrame(look); look(); })",
        scroll_before,
    )
    assert part.get_attribute("aria-valuetext") == range_words


def test_dragging_one_edge_of_the_selection_leaves_the_other(page: Page, tmp_path: Path) -> None:
    e = barcode_explanation()
    plot = open_chart(page, tmp_path, e)
    brush = page.locator(".staa-axis-area")
    start, whole = e.spans[0, 0], e.end - e.spans[0, 0]

    def drag(start: float, end: float) -> None:
        page.mouse.move(*plot_point(brush, start, 10))
        page.mouse.down()
        page.mouse.move(*plot_point(brush, end, 10))
        page.mouse.up()
        page.mouse.move(*plot_point(plot, 0.5, -200))

    def selection_words(low: float, high: float) -> str:
        return f"{start + low * whole:.2f} s – {start + high * whole:.2f} s selected"

    drag(0.2, 0.6)
    readout = page.locator(".staa-value")
    expect(readout).to_contain_text(selection_words(0.2, 0.6))
    drag(0.6, 0.8)
    expect(readout).to_contain_text(selection_words(0.2, 0.8))
    drag(0.2, 0.4)
    expect(readout).to_contain_text(selection_words(0.4, 0.8))
    # Dragged past the other edge, the two edges swap.
    drag(0.4, 0.9)
    expect(readout).to_contain_text(selection_words(0.8, 0.9))
    drag(0.5, 0.6)
    expect(readout).to_contain_text(selection_words(0.5, 0.6))


def test_the_sideways_wheel_moves_the_visible_part_once_zoomed(page: Page, tmp_path: Path) -> None:
    plot = open_chart(page, tmp_path, many_slices())
    part = page.get_by_role("slider", name="Visible part of the clip")
    page.mouse.move(*plot_point(plot, 0.5, 40))
    page.mouse.wheel(300, 0)
    expect(part).to_be_disabled()  # everything is visible: nothing to move
    page.get_by_role("button", name="Zoom in").click()
    page.mouse.move(*plot_point(plot, 0.5, 40))
    before = float(part.input_value())
    page.mouse.wheel(60, 0)
    expect(part).not_to_have_value(str(before))
    moved = float(part.input_value()) - before
    e = many_slices()
    box = plot.bounding_box()
    assert box
    assert moved == pytest.approx((e.end - e.spans[0, 0]) / 2 * 60 / box["width"], rel=0.1)
