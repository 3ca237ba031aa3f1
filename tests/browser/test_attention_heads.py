"""Layers × heads, the blur and the patch that is asked about, in Chromium; the test plays the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.render.colormaps import COLOUR_TABLES
from staa_widgets.render.compositor import draw
from staa_widgets.render.style import Look, heat_of
from tests.browser.test_kernel import Kernel, open_player
from tests.helpers.barcodes import FIRST, explanation
from tests.helpers.chromium import content, drawn, pixels
from tests.helpers.paths import AXE

__all__ = ["open_player"]

pytestmark = pytest.mark.browser

PATCH = (2, 1, 4)


def cell(page: Page, layer: int, head: int | None = None) -> Locator:
    """A thumbnail; layers and heads are counted from 0, no head is their mean."""
    which = "mean of heads" if head is None else f"head {head + 1}"
    return page.get_by_role("gridcell", name=f"layer {layer + 1}, {which}, peaks at ")


def thumbnails(e: Explanation, frame: int, table: str = "inferno") -> NDArray[np.uint8]:
    """All maps of a frame's slice, one by one: the first layer lowest, the means last."""
    assert e.attention is not None
    attention = e.attention.astype(np.float64)
    maps = np.concatenate([attention, attention.mean(1, keepdims=True)], 1)
    level = np.floor(255 * maps / maps.max((2, 3, 4), keepdims=True) + 0.5).astype(int)
    return COLOUR_TABLES[table][level[:, :, e.slice_of_frame[frame - FIRST]]]


def seen(page: Page, e: Explanation) -> NDArray[np.uint8]:
    """The same, cut out of the canvas."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    image = content(page.locator(".staa-board canvas"))
    assert e.attention is not None
    layers, heads, _, rows, columns = e.attention.shape
    lefts = [head * (columns + 1) + 2 * (head == heads) for head in range(heads + 1)]
    tops = [(layers - 1 - layer) * (rows + 1) for layer in range(layers)]
    return np.array([[image[top : top + rows, left : left + columns] for left in lefts] for top in tops])


def shares(page: Page) -> NDArray[np.float64]:
    """What the bars of the chart are of their sum."""
    bars = page.locator(".staa-slice rect:first-child").all()
    heights = np.array([float(bar.get_attribute("height") or 0) for bar in bars])
    return heights / heights.sum()


def test_thumbnails_are_the_maps_of_the_moment_and_a_click_shows_one_alone(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    drawn(page, FIRST)
    plain = pixels(page)
    page.get_by_text("Layers × heads").click()
    np.testing.assert_array_equal(seen(page, e), thumbnails(e, FIRST))
    page.locator(".staa-root").press("9")
    last = int(page.get_by_role("slider", name="Frame").get_attribute("aria-valuenow") or 0)
    np.testing.assert_array_equal(seen(page, e), thumbnails(e, last))
    assert (thumbnails(e, FIRST) != thumbnails(e, last)).any()
    page.get_by_label("Colours").select_option("viridis")
    np.testing.assert_array_equal(seen(page, e), thumbnails(e, last, "viridis"))
    page.get_by_label("Colours").select_option("inferno")
    page.locator(".staa-root").press("Home")
    page.keyboard.down("o")
    frame = pixels(page)
    page.keyboard.up("o")

    for head in (1, None):
        asked = Look(layer=1, head=-1 if head is None else head)
        cell(page, 1, head).click()
        expect(cell(page, 1, head)).to_have_attribute("aria-selected", "true")
        expect(page.locator("[aria-selected=true][role=gridcell]")).to_have_count(1)
        np.testing.assert_array_equal(pixels(page), draw(e, FIRST, asked, frame))
        np.testing.assert_allclose(shares(page), heat_of(e, asked).temporal, atol=1e-3)
    # The mean again is the joint map, and a head again the mean.
    cell(page, 1).click()
    np.testing.assert_array_equal(pixels(page), plain)
    expect(page.get_by_role("button", name="Joint", exact=True)).to_have_attribute("aria-pressed", "true")
    cell(page, 0, 1).click()
    cell(page, 0, 1).click()
    expect(cell(page, 0)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Joint", exact=True).click()
    np.testing.assert_array_equal(pixels(page), plain)


def test_thumbnails_are_walked_by_keys_and_say_what_they_are(open_page: Callable[[Explanation], Page]) -> None:
    e = explanation()
    page = open_page(e)
    page.locator(".staa-root").press("Home")
    page.locator("summary", has_text="Layers").press("Enter")
    # A page hears that it was opened a moment later.
    expect(cell(page, 0, 0)).to_be_visible()
    page.keyboard.press("Tab")
    expect(cell(page, 0, 0)).to_be_focused()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    expect(cell(page, 2, 1)).to_be_focused()
    assert e.attention is not None
    peak = int(heat_of(e, Look(layer=2, head=1)).temporal.argmax())
    second = e.times[e.sampled[peak] - FIRST][[0, -1]].mean()
    told = f"peaks at {second:.2f} s"
    expect(page.get_by_role("gridcell", name=f"layer 3, head 2, {told}")).to_be_focused()
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run('.staa-heads', { resultTypes: ['violations'] })")
    assert [violation["id"] for violation in found["violations"]] == []
    page.keyboard.press("Enter")
    expect(page.get_by_label("Head", exact=True)).to_have_value("1")
    expect(page.locator(".staa-heads .staa-trim")).to_have_text(f"layer 3, head 2, {told}")
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(page.get_by_label("Head", exact=True)).to_have_value("-1")
    drawn(page, FIRST)
    page.keyboard.press("a")
    page.keyboard.press("h")
    expect(cell(page, 2, 0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Joint", exact=True)).to_be_focused()
    # Back to the one on show.
    page.keyboard.press("Shift+Tab")
    expect(cell(page, 2, 0)).to_be_focused()


def test_an_explanation_without_attention_has_none(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation(attention=None))
    expect(page.locator(".staa-heads")).to_be_hidden()


def test_the_chart_follows_the_blur_and_nothing_else_that_is_only_drawn(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = explanation()
    page = open_page(e)
    for label, value in (("Hide weakest", "0.8"), ("Sharpen", "2"), ("Opacity", "0.3")):
        page.get_by_role("slider", name=label).fill(value)
    np.testing.assert_allclose(shares(page), e.temporal, atol=1e-3)
    page.get_by_role("slider", name="Blur").fill("1.5")
    expected = heat_of(e, Look(smooth=1.5)).temporal
    assert np.abs(expected - e.temporal).max() > 0.03
    np.testing.assert_allclose(shares(page), expected, atol=1e-3)


# --- a patch ---


def middle(page: Page, e: Explanation, row: int, column: int) -> tuple[float, float]:
    """Where a patch is on the page."""
    box = page.locator(".staa-picture:visible").bounding_box()
    assert box
    _, rows, columns = e.maps.shape
    (x0, y0, x1, y1), (width, height) = e.box, e.frame_size
    x = x0 + (column + 0.5) / columns * (x1 - x0)
    y = y0 + (row + 0.5) / rows * (y1 - y0)
    return box["x"] + x / width * box["width"], box["y"] + y / height * box["height"]


def asked(patch: tuple[int, int, int] = PATCH, **changes: Any) -> Explanation:
    """The attention of a patch, in the same film."""
    e = explanation()
    return explanation(maps=e.maps[::-1].copy(), method="attention_query", params={"query": patch}, **changes)


def show(kernel: Kernel, e: Explanation) -> None:
    """Show an answer as the kernel does."""
    query = e.params.get("query") if e.method == "attention_query" else None
    kernel.page.evaluate("query => host.put({ query })", query and list(query))
    kernel.show(e)


def at_slice(page: Page, e: Explanation, s: int) -> None:
    page.locator(".staa-root").press("Home")
    for _ in range(int(e.sampled[s, 0]) - FIRST):
        page.keyboard.press("ArrowRight")
    drawn(page, int(e.sampled[s, 0]))


def test_a_click_asks_where_the_attention_of_a_patch_goes(open_player: Callable[..., Kernel], page: Page) -> None:
    e = explanation()
    kernel = open_player(e)
    at_slice(page, e, PATCH[0])
    before = pixels(page)
    spot = middle(page, e, *PATCH[1:])

    # Neither a drag nor two clicks ask, nor one beside what the model saw.
    page.mouse.move(*spot)
    page.mouse.down()
    page.mouse.move(spot[0] + 30, spot[1])
    page.mouse.up()
    page.mouse.dblclick(*spot)
    page.mouse.click(*middle(page, e, 0, -1))
    page.wait_for_timeout(400)
    assert kernel.asked("compute") == []

    page.mouse.click(*spot)
    page.wait_for_function("host.sent.some(message => message.op === 'compute')")
    (request,) = kernel.asked("compute")
    assert request["args"] == {"method": "attention_query", "params": {"query": list(PATCH)}, "pane": 0}
    words = "attention of the patch at row 2, column 5, slice 3"
    expect(page.locator(".staa-method")).to_contain_text(f"Computing {words}")
    kernel.say("compute", progress={"done": 1, "total": 2, "label": "model"})
    expect(page.get_by_role("progressbar", name="Computing")).to_have_attribute("aria-valuenow", "50")
    page.locator(".staa-root").press("Escape")
    assert [message["id"] for message in kernel.asked("cancel")] == [request["id"]]
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    kernel.fail(type="CancelledError")

    page.mouse.click(*spot)
    page.wait_for_function("host.sent.filter(message => message.op === 'compute').length === 2")
    show(kernel, asked())
    kernel.say("compute", ok=True, result={"method": "attention_query", "target": 2, "cache": "miss", "seconds": 0.2})
    expect(page.locator(".staa-head")).to_contain_text(words)
    expect(page.locator(".staa-method")).to_contain_text(words)
    mark = page.locator(".staa-asked")
    expect(mark).to_be_visible()
    box = mark.bounding_box()
    assert box
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx(spot, abs=1)
    assert mark.get_attribute("data-elsewhen") is None
    page.locator(".staa-root").press("Home")
    drawn(page, FIRST)
    assert mark.get_attribute("data-elsewhen") == ""
    assert "attention_query" not in page.get_by_label("Method", exact=True).locator("optgroup option").all_inner_texts()

    # Escape leaves the patch first, then the selection; the kernel brings back what was shown.
    page.keyboard.press("[")
    page.locator(".staa-root").press("Escape")
    assert page.evaluate("[host.values.query, host.values.selection === null]") == [None, False]
    show(kernel, e)
    expect(mark).to_be_hidden()
    page.locator(".staa-root").press("Escape")
    assert page.evaluate("host.values.selection") is None
    at_slice(page, e, PATCH[0])
    np.testing.assert_array_equal(pixels(page), before)


def test_a_patch_that_failed_is_told_and_one_can_go_back_without_a_kernel(
    open_player: Callable[..., Kernel], page: Page
) -> None:
    e = explanation()
    kernel = open_player(e)
    at_slice(page, e, 0)
    page.mouse.click(*middle(page, e, 4, 6))
    kernel.fail()
    expect(page.get_by_role("alert")).to_contain_text("Choose another.")
    page.get_by_role("button", name="Retry").click()
    requests = kernel.asked("compute")
    assert [message["args"]["params"] for message in requests] == [{"query": [0, 4, 6]}] * 2
    show(kernel, asked((0, 4, 6)))
    kernel.say("compute", ok=True, result={"method": "attention_query", "target": 2, "cache": "miss", "seconds": 0.2})
    kernel.go()
    expect(page.get_by_text("kernel gone")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".staa-asked")).to_be_hidden()
    expect(page.locator(".staa-head")).to_contain_text("jump · staa")
    page.locator(".staa-root").press("End")


def test_where_nothing_can_be_asked_a_click_says_so_once(open_player: Callable[..., Kernel], page: Page) -> None:
    e = explanation()
    kernel = open_player(e, computes=False)
    page.mouse.click(*middle(page, e, 1, 1))
    toast = page.locator(".staa-toast")
    expect(toast).to_have_text("It was loaded from a file.")
    expect(toast).to_be_empty()
    page.mouse.click(*middle(page, e, 1, 2))
    page.wait_for_timeout(400)
    expect(toast).to_be_empty()
    assert kernel.asked("compute") == []


def test_a_page_of_a_patch_marks_it_and_says_where_others_can_be_asked(
    open_page: Callable[[Explanation], Page],
) -> None:
    e = asked((5, 0, 6))
    page = open_page(e)
    at_slice(page, e, 5)
    expect(page.locator(".staa-asked")).to_be_visible()
    expect(page.get_by_role("button", name="Back")).to_be_hidden()
    page.locator(".staa-root").press("Escape")
    expect(page.locator(".staa-asked")).to_be_visible()
    page.mouse.click(*middle(page, e, 1, 1))
    expect(page.locator(".staa-toast")).to_contain_text("open this in a notebook")
