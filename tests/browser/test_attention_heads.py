"""Attention heads, blur and patch attention in Chromium; the test plays the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.render.compositor import draw_frame
from staa_widgets.render.heat import compute_heat
from staa_widgets.render.style import HeatStyle
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.chromium import open_more, read_canvas, read_picture, wait_for_frame
from tests.helpers.page_kernel import PageKernel
from tests.helpers.paths import AXE

pytestmark = pytest.mark.browser

PATCH = (2, 1, 4)


def thumbnail_cell(page: Page, layer: int, head: int | None = None) -> Locator:
    """The thumbnail of a layer and head, counted from 0; without a head, of the mean of heads."""
    which = "mean of heads" if head is None else f"head {head + 1}"
    return page.get_by_role("gridcell", name=f"layer {layer + 1}, {which}, peaks at ")


def expected_thumbnails(e: Explanation, frame: int, table: str = "inferno") -> NDArray[np.uint8]:
    """Colored maps of all layers and heads at the slice of a frame; the mean of heads comes last."""
    assert e.attention is not None
    attention = e.attention.astype(np.float64)
    maps = np.concatenate([attention, attention.mean(1, keepdims=True)], 1)
    level = np.floor(255 * maps / maps.max((2, 3, 4), keepdims=True) + 0.5).astype(int)
    return COLORMAPS[table][level[:, :, e.slice_of_frame[frame - FIRST]]]


def read_thumbnails(page: Page, e: Explanation) -> NDArray[np.uint8]:
    """The thumbnails of all layers and heads, cut out of the canvas."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    image = read_canvas(page.locator(".staa-board-heat"))
    assert e.attention is not None
    layers, heads, _, rows, columns = e.attention.shape
    lefts = [head * (columns + 1) + 2 * (head == heads) for head in range(heads + 1)]
    tops = [(layers - 1 - layer) * (rows + 1) for layer in range(layers)]
    return np.array([[image[top : top + rows, left : left + columns] for left in lefts] for top in tops])


def chart_shares(page: Page) -> NDArray[np.float64]:
    """Bar heights of the chart as shares of their sum."""
    bars = page.locator(".staa-slice rect:first-child").all()
    heights = np.array([float(bar.get_attribute("height") or 0) for bar in bars])
    return heights / heights.sum()


def test_thumbnails_show_the_maps_of_the_slice_and_a_click_selects_one(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = barcode_explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    plain = read_picture(page)
    page.get_by_text("Layers × heads").click()
    np.testing.assert_array_equal(read_thumbnails(page, e), expected_thumbnails(e, FIRST))
    page.locator(".staa-root").press("9")
    last = int(page.get_by_role("slider", name="Frame").get_attribute("aria-valuenow") or 0)
    np.testing.assert_array_equal(read_thumbnails(page, e), expected_thumbnails(e, last))
    assert (expected_thumbnails(e, FIRST) != expected_thumbnails(e, last)).any()
    open_more(page)
    page.get_by_label("Colormap").select_option("viridis")
    np.testing.assert_array_equal(read_thumbnails(page, e), expected_thumbnails(e, last, "viridis"))
    page.get_by_label("Colormap").select_option("inferno")
    page.locator(".staa-root").press("Home")
    page.keyboard.down("o")
    frame = read_picture(page)
    page.keyboard.up("o")

    for head in (1, None):
        style = HeatStyle(layer=1, head=-1 if head is None else head)
        thumbnail_cell(page, 1, head).click()
        expect(thumbnail_cell(page, 1, head)).to_have_attribute("aria-selected", "true")
        expect(page.locator("[aria-selected=true][role=gridcell]")).to_have_count(1)
        np.testing.assert_array_equal(read_picture(page), draw_frame(e, FIRST, style, frame))
        np.testing.assert_allclose(chart_shares(page), compute_heat(e, style).temporal, atol=1e-3)
    # A second click on the mean goes back to the map of all layers, a second click on a head to the mean.
    thumbnail_cell(page, 1).click()
    np.testing.assert_array_equal(read_picture(page), plain)
    expect(page.get_by_role("button", name="All layers", exact=True)).to_have_attribute("aria-pressed", "true")
    thumbnail_cell(page, 0, 1).click()
    thumbnail_cell(page, 0, 1).click()
    expect(thumbnail_cell(page, 0)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="All layers", exact=True).click()
    np.testing.assert_array_equal(read_picture(page), plain)


def test_thumbnails_are_reached_by_keys_and_named(open_page: Callable[[Explanation], Page]) -> None:
    e = barcode_explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    page.locator("summary", has_text="Layers").press("Enter")
    # The `toggle` event comes after the key press.
    expect(thumbnail_cell(page, 0, 0)).to_be_visible()
    page.keyboard.press("Tab")
    expect(thumbnail_cell(page, 0, 0)).to_be_focused()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    expect(thumbnail_cell(page, 2, 1)).to_be_focused()
    assert e.attention is not None
    peak = int(compute_heat(e, HeatStyle(layer=2, head=1)).temporal.argmax())
    second = e.times[e.sampled_frames[peak] - FIRST][[0, -1]].mean()
    peak_words = f"peaks at {second:.2f} s"
    expect(page.get_by_role("gridcell", name=f"layer 3, head 2, {peak_words}")).to_be_focused()
    page.evaluate(AXE.read_text("utf-8"))
    report = page.evaluate("axe.run('.staa-heads', { resultTypes: ['violations'] })")
    assert [violation["id"] for violation in report["violations"]] == []
    page.keyboard.press("Enter")
    expect(page.get_by_label("Head", exact=True)).to_have_value("1")
    shown = compute_heat(e, HeatStyle(layer=2, head=1)).temporal[0]
    number = f"{100 * shown:.1f}" if shown < 0.0995 else f"{100 * shown:.0f}"
    words = f"layer 3, head 2, {peak_words}, {number} % of its attention in this slice"
    expect(page.locator(".staa-heads .staa-trim")).to_have_text(words)
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(page.get_by_label("Head", exact=True)).to_have_value("-1")
    wait_for_frame(page, FIRST)
    page.keyboard.press("a")
    page.keyboard.press("h")
    expect(thumbnail_cell(page, 2, 0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="All layers", exact=True)).to_be_focused()
    # Focus returns to the selected thumbnail.
    page.keyboard.press("Shift+Tab")
    expect(thumbnail_cell(page, 2, 0)).to_be_focused()


def test_an_explanation_without_attention_has_no_thumbnails(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation(attention=None))
    expect(page.locator(".staa-heads")).to_be_hidden()


def test_the_chart_follows_the_blur_but_not_threshold_gamma_or_opacity(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = barcode_explanation()
    page = open_page(e)
    open_more(page)
    for label, value in (("Threshold", "0.8"), ("Gamma", "2"), ("Opacity", "0.3")):
        page.get_by_role("slider", name=label).fill(value)
    np.testing.assert_allclose(chart_shares(page), e.temporal, atol=1e-3)
    page.get_by_role("slider", name="Blur").fill("1.5")
    expected = compute_heat(e, HeatStyle(smooth=1.5)).temporal
    assert np.abs(expected - e.temporal).max() > 0.03
    np.testing.assert_allclose(chart_shares(page), expected, atol=1e-3)


# --- a patch ---


def patch_center(page: Page, e: Explanation, row: int, column: int) -> tuple[float, float]:
    """Page coordinates of the center of a patch."""
    box = page.locator(".staa-picture:visible").bounding_box()
    assert box
    _, rows, columns = e.maps.shape
    (x0, y0, x1, y1), (width, height) = e.box, e.frame_size
    x = x0 + (column + 0.5) / columns * (x1 - x0)
    y = y0 + (row + 0.5) / rows * (y1 - y0)
    return box["x"] + x / width * box["width"], box["y"] + y / height * box["height"]


def patch_explanation(patch: tuple[int, int, int] = PATCH, **changes: Any) -> Explanation:
    """Explanation of the same clip by `patch_attention`."""
    e = barcode_explanation()
    return barcode_explanation(maps=e.maps[::-1].copy(), method="patch_attention", params={"patch": patch}, **changes)


def show_answer(kernel: PageKernel, e: Explanation) -> None:
    """Set the traits of an explanation as the kernel does."""
    patch = e.params.get("patch") if e.method == "patch_attention" else None
    kernel.page.evaluate("patch => host.put({ patch })", patch and list(patch))
    kernel.show(e)


def go_to_slice(page: Page, e: Explanation, s: int) -> None:
    page.locator(".staa-root").press("Home")
    for _ in range(int(e.sampled_frames[s, 0]) - FIRST):
        page.keyboard.press("ArrowRight")
    wait_for_frame(page, int(e.sampled_frames[s, 0]))


def test_a_click_computes_the_attention_of_a_patch(open_player: Callable[..., PageKernel], page: Page) -> None:
    e = barcode_explanation()
    kernel = open_player(e)
    go_to_slice(page, e, PATCH[0])
    before = read_picture(page)
    spot = patch_center(page, e, *PATCH[1:])

    # A drag, a double click and a click outside the crop send no request.
    page.mouse.move(*spot)
    page.mouse.down()
    page.mouse.move(spot[0] + 30, spot[1])
    page.mouse.up()
    page.mouse.dblclick(*spot)
    page.mouse.click(*patch_center(page, e, 0, -1))
    page.wait_for_timeout(400)
    assert kernel.sent_requests("compute") == []

    page.mouse.click(*spot)
    page.wait_for_function("host.sent.some(message => message.op === 'compute')")
    (request,) = kernel.sent_requests("compute")
    assert request["args"] == {"method": "patch_attention", "params": {"patch": list(PATCH)}, "pane": 0}
    words = "attention of the patch at row 2, column 5, slice 3"
    expect(page.locator(".staa-method")).to_contain_text(f"Computing {words}")
    kernel.answer("compute", progress={"done": 1, "total": 2, "label": "model"})
    expect(page.get_by_role("progressbar", name="Computing")).to_have_attribute("aria-valuenow", "50")
    page.locator(".staa-root").press("Escape")
    assert [message["id"] for message in kernel.sent_requests("cancel")] == [request["id"]]
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    kernel.fail(type="CancelledError")

    page.mouse.click(*spot)
    page.wait_for_function("host.sent.filter(message => message.op === 'compute').length === 2")
    show_answer(kernel, patch_explanation())
    kernel.answer(
        "compute", ok=True, result={"method": "patch_attention", "target": 2, "cache": "miss", "seconds": 0.2}
    )
    expect(page.locator(".staa-head")).to_contain_text(words)
    expect(page.locator(".staa-method")).to_contain_text(words)
    mark = page.locator(".staa-patch-mark")
    expect(mark).to_be_visible()
    box = mark.bounding_box()
    assert box
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx(spot, abs=1)
    assert mark.get_attribute("data-elsewhen") is None
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    assert mark.get_attribute("data-elsewhen") == ""
    assert "patch_attention" not in page.get_by_label("Method", exact=True).locator("optgroup option").all_inner_texts()

    # The first Escape leaves the patch, the second clears the selection.
    page.keyboard.press("[")
    page.locator(".staa-root").press("Escape")
    assert page.evaluate("[host.values.patch, host.values.selection === null]") == [None, False]
    show_answer(kernel, e)
    expect(mark).to_be_hidden()
    page.locator(".staa-root").press("Escape")
    assert page.evaluate("host.values.selection") is None
    go_to_slice(page, e, PATCH[0])
    np.testing.assert_array_equal(read_picture(page), before)


def test_failed_patch_is_shown_and_back_works_without_a_kernel(
    open_player: Callable[..., PageKernel], page: Page
) -> None:
    e = barcode_explanation()
    kernel = open_player(e)
    go_to_slice(page, e, 0)
    page.mouse.click(*patch_center(page, e, 4, 6))
    kernel.fail()
    expect(page.get_by_role("alert")).to_contain_text("Choose another.")
    page.get_by_role("button", name="Retry").click()
    requests = kernel.sent_requests("compute")
    assert [message["args"]["params"] for message in requests] == [{"patch": [0, 4, 6]}] * 2
    show_answer(kernel, patch_explanation((0, 4, 6)))
    kernel.answer(
        "compute", ok=True, result={"method": "patch_attention", "target": 2, "cache": "miss", "seconds": 0.2}
    )
    kernel.disconnect()
    expect(page.get_by_text("kernel stopped")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".staa-patch-mark")).to_be_hidden()
    expect(page.locator(".staa-head")).to_contain_text("jump · method STAA")
    page.locator(".staa-root").press("End")


def test_click_says_once_why_patches_cannot_be_computed(open_player: Callable[..., PageKernel], page: Page) -> None:
    e = barcode_explanation()
    kernel = open_player(e, computes=False)
    page.mouse.click(*patch_center(page, e, 1, 1))
    toast = page.locator(".staa-toast")
    expect(toast).to_have_text("It was loaded from a file.")
    expect(toast).to_be_empty()
    page.mouse.click(*patch_center(page, e, 1, 2))
    page.wait_for_timeout(400)
    expect(toast).to_be_empty()
    assert kernel.sent_requests("compute") == []


def test_a_page_of_a_patch_marks_it_and_points_to_the_notebook_for_others(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = patch_explanation((5, 0, 6))
    page = open_page(e)
    go_to_slice(page, e, 5)
    expect(page.locator(".staa-patch-mark")).to_be_visible()
    expect(page.get_by_role("button", name="Back")).to_be_hidden()
    page.locator(".staa-root").press("Escape")
    expect(page.locator(".staa-patch-mark")).to_be_visible()
    page.mouse.click(*patch_center(page, e, 1, 1))
    expect(page.locator(".staa-toast")).to_contain_text("open this in a notebook")
