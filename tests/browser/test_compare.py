"""Panes of a page in Chromium: one clock, wipe, difference, and the active pane."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.comparison import distinguishing_titles
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods.registry import method_title
from staa_widgets.render.compositor import draw_frame
from staa_widgets.widget.panes import pack_panes
from tests.helpers.barcode_ground_truth import explanation_with_truth
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation, bit_rectangles, reference_overlay
from tests.helpers.chromium import (
    frame_slider,
    open_more,
    read_canvas,
    read_frame_without_heat,
    read_picture,
    wait_for_frame,
)
from tests.helpers.page_kernel import PageKernel
from tests.helpers.paths import AXE

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
Subtract = Callable[[int, int], NDArray[np.float64]]


def other(e: Explanation, seed: int = 1, **changes: Any) -> Explanation:
    """Another explanation of the same clip."""
    maps = np.random.default_rng(seed).gamma(0.6, size=e.maps.shape).astype(np.float32)
    return replace(e, **{"method": "rollout", "params": {}, "maps": maps, **changes})


def another_clip(shift: float = 0.31) -> Explanation:
    """An explanation of another clip, in portrait and at other times."""
    e = barcode_explanation(portrait=True, clip_sha256="cd" * 32, clip_name="tall.mp4")
    assert e.preview
    times = e.times + shift
    preview = replace(e.preview, times=e.preview.times + shift)
    return replace(e, times=times, spans=e.spans + shift, end=e.end + shift, preview=preview)


def with_another_grid(e: Explanation) -> Explanation:
    """An explanation of the same clip with another patch grid, box and slices."""
    edges = np.linspace(e.spans[0, 0], e.end, 5)
    sampled = FIRST + np.array([[3, 9], [14, 20], [25, 33], [39, 46]])
    maps = np.random.default_rng(5).gamma(0.6, size=(4, 9, 6)).astype(np.float32)
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    changes: dict[str, Any] = {
        "spans": spans,
        "sampled_frames": sampled,
        "attention": None,
        "box": (10.0, -20.0, 300.5, 170.25),
    }
    return replace(e, method="rollout", params={}, maps=maps, **changes)


def view_button(page: Page, name: str) -> Locator:
    """The button of a view."""
    return page.get_by_role("group", name="View").get_by_role("button", name=name, exact=True)


def pane_heading(page: Page, name: str) -> Locator:
    """The heading of a pane."""
    return page.locator(".staa-tab").get_by_text(name, exact=True)


def read_canvases(page: Page) -> list[NDArray[np.uint8]]:
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [read_canvas(canvas) for canvas in page.locator("canvas[data-frame]:visible").all()]


def bounding_boxes(page: Page, selector: str) -> list[dict[str, float]]:
    boxes = [one.bounding_box() for one in page.locator(selector).locator("visible=true").all()]
    return [{name: float(box[name]) for name in ("x", "y", "width", "height")} for box in boxes if box]


# Steps through the clip by key and reads the barcode of every pane once all show the expected frames.
WALK = """async ([cells, expected]) => {
  const root = document.querySelector('.staa-root');
  const canvases = [...root.querySelectorAll('canvas[data-frame]')];
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const numbers = [];
  let turns = 2000;
  press('Home');
  for (const frames of expected) {
    if (numbers.length) press('ArrowRight');
    while (turns-- > 0 && canvases.some((one, i) => one.dataset.frame !== String(frames[i]))) {
      await new Promise(requestAnimationFrame);
    }
    numbers.push(canvases.map((canvas, i) => cells[i].reduce((sum, [x0, y0, x1, y1], bit) => {
      const [, green] = canvas.getContext('2d').getImageData((x0 + x1) >> 1, (y0 + y1) >> 1, 1, 1).data;
      return sum + ((green > 127 ? 1 : 0) << bit);
    }, 0)));
  }
  return numbers;
}"""


def test_panes_show_the_same_moment(open_page: Open) -> None:
    e, far = barcode_explanation(), another_clip()
    panes = [e, other(e), far]
    page = open_page(panes)
    # The frame of the other clip at the same second.
    frames_of_far = np.maximum(np.searchsorted(far.times, e.times, "right") - 1, 0)
    expected = [[FIRST + i, FIRST + i, far.first_frame + int(frames_of_far[i])] for i in range(len(e.times))]
    assert len({frames[2] for frames in expected}) > 20
    shown_frames = page.evaluate(WALK, [[bit_rectangles(*one.frame_size) for one in panes], expected])
    assert shown_frames == expected
    assert expected[-1][0] == LAST


def test_each_pane_is_drawn_as_a_single_one(open_page: Open) -> None:
    e = barcode_explanation()
    panes = [e, other(e), another_clip()]
    page = open_page(panes)
    page.keyboard.press("Home")
    wait_for_frame(page, FIRST)
    page.keyboard.down("o")
    plain = read_canvases(page)
    page.keyboard.up("o")
    for explanation, plain_picture, picture_with_heat in zip(panes, plain, read_canvases(page), strict=True):
        np.testing.assert_array_equal(picture_with_heat, draw_frame(explanation, FIRST, pixels=plain_picture))
    # The view of one pane draws only one.
    view_button(page, "one").click()
    expect(page.locator("canvas[data-frame]")).to_have_count(1)
    np.testing.assert_array_equal(read_picture(page), draw_frame(e, FIRST, pixels=plain[0]))


def test_method_class_and_details_are_those_of_the_active_pane(open_page: Open) -> None:
    e = barcode_explanation()
    panes = [e, other(e, target=1), other(e, 2, method="motion_energy", model_id="another")]
    page = open_page(panes)
    names = [name.replace("_", " ") for name in distinguishing_titles(panes)]
    assert [name.split(" · ")[0] for name in names] == [method_title(one.method) for one in panes]
    assert page.locator(".staa-tab").all_inner_texts() == names
    pressed = page.locator(".staa-tab[aria-pressed=true]")
    facts = page.locator(".staa-details")
    facts.locator("summary").click()

    def expect_active(i: int) -> None:
        expect(pressed).to_have_text(names[i])
        expect(page.locator(".staa-method b").first).to_have_text(method_title(panes[i].method))
        expect(page.locator(".staa-target .staa-trim")).to_have_text(panes[i].labels[panes[i].target])
        expect(facts).to_contain_text(panes[i].model_id)

    expect_active(0)
    for key, i in (("p", 1), ("p", 2), ("p", 0), ("Shift+P", 2), ("Shift+P", 1)):
        page.keyboard.press(key)
        expect_active(i)
    pane_heading(page, names[2]).click()
    expect_active(2)
    page.locator("canvas[data-frame]").nth(1).click(position={"x": 200, "y": 20})
    expect_active(1)
    view_button(page, "one").click()
    page.keyboard.press("p")
    expect_active(2)
    page.keyboard.press("Home")
    wait_for_frame(page, FIRST)
    np.testing.assert_array_equal(read_picture(page), draw_frame(panes[2], FIRST, pixels=read_frame_without_heat(page)))
    page.keyboard.press("?")
    expect(page.locator(".staa-keys")).to_contain_text("P Shift PNext or previous pane")


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_moves_and_nothing_overflows_in_any_view(open_page: Open, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    e = barcode_explanation()
    open_page([e, other(e), another_clip(), other(e, 3, method="motion_energy_with_a_long_name")])
    places: list[tuple[bool, str]] = []
    for name in ("all", "one", "side by side", "wipe", "difference", "all"):
        view_button(page, name).click()
        for _ in range(4):
            page.keyboard.press("p")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            # The stage is as wide as its pictures; its top and all that is below it stay where they are.
            transport, stage = (bounding_boxes(page, f".staa-{part}")[0] for part in ("transport", "stage"))
            scroll = page.evaluate("scrollY")
            tops = [round(box["y"] + scroll, 1) for box in (transport, stage)]
            places.append((name == "all", json.dumps([*tops, transport["x"], transport["width"]])))
        if name == "all":
            across = [box["x"] for box in bounding_boxes(page, "canvas")]
            assert len({round(x / 20) for x in across}) >= (1 if width < 480 else 2)
            stage = bounding_boxes(page, ".staa-stage")[0]
            for box in bounding_boxes(page, "canvas"):
                assert stage["x"] - 0.5 <= box["x"]
                assert box["x"] + box["width"] <= stage["x"] + stage["width"] + 0.5
                assert box["y"] + box["height"] <= stage["y"] + stage["height"] + 0.5
    # The grid is as high as its pictures, all other views as high as one large picture.
    for grid in (False, True):
        assert len({place for together, place in places if together == grid}) == 1


def test_wipe_divides_two_panes(open_page: Open, page: Page) -> None:
    # Show the pictures at their own size.
    e = barcode_explanation(box=(0.0, 0.0, 320.0, 180.0))
    panes = [e, other(e)]
    page.set_viewport_size({"width": 1000, "height": 800})
    open_page(panes, height=180, view="wipe")
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    grip = page.get_by_role("slider", name="Position of the dividing line")
    before, after = read_canvases(page)
    assert (before != after).any()

    def assert_divided(share: float) -> None:
        """Assert that one pane shows left of the line and the other right of it."""
        box = bounding_boxes(page, ".staa-wiper")[0]
        assert (round(box["width"]), round(box["height"])) == (320, 180)
        page.mouse.move(0, 0)
        shot = page.screenshot(clip={name: round(box[name]) for name in ("x", "y", "width", "height")})  # type: ignore[arg-type]
        pixels = read_png(shot).astype(int)
        line = round(share * 320)
        for part, mine, theirs in (
            (slice(0, max(line - 24, 0)), before, after),
            (slice(min(line + 24, 320), 320), after, before),
        ):
            rows = slice(40, 180)  # Below the names.
            if part.stop - part.start < 20:
                continue
            assert np.abs(pixels[rows, part] - mine[rows, part]).mean() < 1
            assert np.abs(pixels[rows, part] - theirs[rows, part]).mean() > 4

    assert_divided(0.5)
    for key, share in (("ArrowLeft", 45), ("ArrowRight", 50), ("Home", 0), ("End", 100), ("ArrowDown", 95)):
        grip.press(key)
        expect(grip).to_have_value(str(share))
    expect(grip).to_have_attribute("aria-valuetext", "STAA left of 95 %, Attention rollout right of it")
    assert_divided(0.95)
    expect(frame_slider(page)).to_have_attribute("aria-valuenow", str(FIRST))
    box = bounding_boxes(page, ".staa-wiper")[0]
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 90)
    page.mouse.up()
    expect(grip).to_have_value("25")
    assert_divided(0.25)
    assert page.locator(".staa-corner:visible").all_inner_texts() == ["STAA", "Attention rollout"]
    # The readout of each side is of its own pane.
    for x, one in ((0.1, panes[0]), (0.9, panes[1])):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 150)
        value = one.maps[0, int(150 / 180 * 5), int(x * 7)] / one.maps.max()
        readout = page.locator(".staa-readout:visible", has_text="of the clip’s maximum")
        expect(readout).to_have_count(1)
        expect(readout).to_contain_text(f"{value:.2f} of")


def read_png(png: bytes) -> NDArray[np.uint8]:
    """RGB of a screenshot."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_wipe_of_one_pane_divides_frame_and_heat(open_page: Open) -> None:
    page = open_page(barcode_explanation())
    page.get_by_role("button", name="wipe").click()
    assert page.locator(".staa-corner:visible").all_inner_texts() == ["frame", "STAA"]
    plain, heated = read_canvas(page.get_by_label("Frame without heat map")), read_picture(page)
    assert (plain != heated).any()
    page.keyboard.down("o")
    np.testing.assert_array_equal(read_picture(page), plain)
    page.keyboard.up("o")
    clips = page.locator(".staa-layer:visible").evaluate_all("all => all.map(one => getComputedStyle(one).clipPath)")
    assert len(set(clips)) == 2


def cell_weights(to: NDArray[np.float64], start: float, end: float, count: int) -> NDArray[np.float64]:
    """Linear interpolation weights of positions between cell centers, one row per position."""
    at = np.clip((to - start) / (end - start) * count - 0.5, 0, count - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(count)))


def expected_difference(one: Explanation, another: Explanation) -> tuple[Subtract, tuple[float, float, float, float]]:
    """A function for the difference of two normalized slices, and the box that both explanations cover."""
    p, q = np.array(one.box), np.array(another.box)
    box = np.concatenate([np.maximum(p[:2], q[:2]), np.minimum(p[2:], q[2:])])
    counts = []
    for side, axis in ((0, 2), (1, 1)):
        cell = min((e.box[side + 2] - e.box[side]) / e.maps.shape[axis] for e in (one, another))
        counts.append(round((box[side + 2] - box[side]) / cell))
    columns, rows = counts
    x = box[0] + (np.arange(columns) + 0.5) / columns * (box[2] - box[0])
    y = box[1] + (np.arange(rows) + 0.5) / rows * (box[3] - box[1])

    def read(e: Explanation, s: int) -> NDArray[np.float64]:
        values = (e.maps[s] / np.abs(e.maps).max()).astype(np.float16).astype(float)
        down, across = (
            cell_weights(y, e.box[1], e.box[3], e.maps.shape[1]),
            cell_weights(x, e.box[0], e.box[2], e.maps.shape[2]),
        )
        return down @ values @ across.T

    x0, y0, x1, y1 = box.tolist()
    return (lambda s, t: read(one, s) - read(another, t)), (x0, y0, x1, y1)


@pytest.mark.parametrize("grid", ["same", "another", "signed"])
def test_difference_equals_the_overlay_drawn_in_numpy(open_page: Open, grid: str) -> None:
    e = barcode_explanation(signed=grid == "signed")
    second = with_another_grid(e) if grid == "another" else other(e)
    page, frame = open_page([e, second], view="difference"), 21
    page.keyboard.press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    wait_for_frame(page, FIRST + frame)
    plain = read_frame_without_heat(page)
    open_more(page)
    subtract, box = expected_difference(e, second)
    pairs = {
        tuple(int(np.searchsorted(one.spans[:, 0], time, "right")) - 1 for one in (e, second))
        for time in [*e.spans[:, 0], *second.spans[:, 0]]
    }
    every = np.concatenate([np.abs(subtract(*pair)).ravel() for pair in pairs])
    reach = 2 if grid == "signed" else 1
    styles: list[tuple[str, dict[str, Any]]] = [
        ("smooth", {"nearest": False}),
        ("blocks", {"nearest": True}),
    ]
    for first, last in ((e, second), (second, e)):
        sign = 1 if first is e else -1
        field = sign * subtract(int(e.slice_of_frame[frame]), int(second.slice_of_frame[frame]))
        for name, style in styles:
            space = page.get_by_role("group", name="Between patches")
            space.get_by_role("button", name=name, exact=True).click()
            for scale, top in (("per frame", float(np.abs(field).max())), ("per clip", reach)):
                page.get_by_role("button", name=scale, exact=True).click()
                expected = reference_overlay(plain, field, box, table="diverging", signed=True, top=top, **style)
                picture_shown = read_picture(page)
                assert np.abs(picture_shown.astype(int) - expected.astype(int)).max() <= 2, (name, scale)
                assert (picture_shown != plain).mean() > 0.02
        page.get_by_role("slider", name="Threshold").fill("0.6")
        cut = float(every[every < np.quantile(every, 0.6, method="higher")].max())
        expected = reference_overlay(
            plain, field, box, table="diverging", signed=True, top=reach, cut=cut, nearest=True
        )
        assert np.abs(read_picture(page).astype(int) - expected.astype(int)).max() <= 2
        page.get_by_role("slider", name="Threshold").fill("0")
        names = f"{method_title(first.method)} − {method_title(last.method)}"
        expect(page.locator(".staa-corner:visible")).to_have_text(names)
        expect(page.locator(".staa-colorbar")).to_contain_text(f"{names}, each divided by its own maximum in the clip")
        assert page.locator(".staa-ticks").inner_text().split() == [f"{reach * v:g}" for v in (-1, -0.5, 0, 0.5, 1)]
        expect(page.get_by_label("Colormap", exact=True)).to_be_disabled()
        # Point at the cell of the largest difference.
        row, column = np.unravel_index(np.abs(field).argmax(), field.shape)
        page.locator("canvas:visible").first.scroll_into_view_if_needed()
        picture = bounding_boxes(page, "canvas")[0]
        x = box[0] + (column + 0.5) / field.shape[1] * (box[2] - box[0])
        y = np.clip(box[1] + (row + 0.5) / field.shape[0] * (box[3] - box[1]), 1, 179)
        page.mouse.move(picture["x"] + x / 320 * picture["width"], picture["y"] + y / 180 * picture["height"])
        value = field[row, column]
        expect(page.locator(".staa-readout:visible")).to_contain_text(f"{'+' if value > 0 else ''}{value:.2f} {names}")
        page.mouse.move(0, 0)
        page.keyboard.press("p")


def test_there_is_no_difference_between_two_clips(open_page: Open) -> None:
    e, far = barcode_explanation(), another_clip()
    page = open_page([e, far, replace(far, method="rollout")])
    expect(view_button(page, "difference")).to_be_disabled()
    assert "show different clips" in str(view_button(page, "difference").get_attribute("title"))
    for _ in range(4):
        page.keyboard.press("v")
    expect(view_button(page, "all")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("p")
    expect(view_button(page, "difference")).to_be_enabled()
    view_button(page, "difference").click()
    expect(page.locator(".staa-corner:visible")).to_have_text("STAA − Attention rollout")
    page.keyboard.press("p")
    expect(view_button(page, "one")).to_have_attribute("aria-pressed", "true")


def test_a_hovered_position_is_marked_in_all_panes_of_its_clip(open_page: Open) -> None:
    e = barcode_explanation()
    page = open_page([e, with_another_grid(e), another_clip()])
    page.keyboard.press("Home")
    wait_for_frame(page, FIRST)
    picture = bounding_boxes(page, "canvas")[0]
    page.mouse.move(picture["x"] + 0.5 * picture["width"], picture["y"] + 0.5 * picture["height"])
    readouts = page.locator(".staa-readout:visible")
    expect(readouts).to_have_count(2)
    second = with_another_grid(e)
    column, row = int((160 - 10) / 290.5 * 6), int((90 + 20) / 190.25 * 9)
    value = second.maps[0, row, column] / second.maps.max()
    assert readouts.all_inner_texts()[1] == f"{value:.2f}"
    assert "row 3, column 3, slice 1" in readouts.all_inner_texts()[0]
    marks = bounding_boxes(page, ".staa-cell")
    assert len(marks) == 2
    page.mouse.move(0, 0)
    expect(readouts).to_have_count(0)


def test_the_score_table_covers_all_panes_of_the_clip(open_page: Open) -> None:
    e = explanation_with_truth()
    page = open_page([e, explanation_with_truth(maps=e.maps[::-1].copy(), method="rollout", params={}), another_clip()])
    heads = page.locator(".staa-scores tbody th")
    titles = [method_title("staa"), method_title("rollout")]
    assert heads.all_inner_texts()[:2] == titles
    expect(page.locator(".staa-scores [aria-current=true]")).to_contain_text(titles[0])
    page.keyboard.press("p")
    expect(page.locator(".staa-scores [aria-current=true]")).to_contain_text(titles[1])
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name="Compared with the ground truth")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_view(open_page: Open, page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    e = barcode_explanation()
    open_page([e, other(e)])
    page.evaluate(AXE.read_text("utf-8"))
    for name in ("all", "one", "side by side", "wipe", "difference"):
        view_button(page, name).click()
        report = page.evaluate("axe.run('.staa-root', { resultTypes: ['violations'] })")
        serious = [v for v in report["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == [], name


def test_computing_in_the_second_pane_leaves_the_first(open_player: Callable[..., PageKernel], page: Page) -> None:
    e = barcode_explanation()
    kernel = open_player(e)
    show_panes(page, [e, other(e)])
    page.evaluate("() => { host.values.view = 'grid'; host.emit('change:view') }")
    expect(page.locator("canvas[data-frame]")).to_have_count(2)
    root = page.locator(".staa-root")
    root.evaluate("root => { root.id = 'first' }")
    root.press("Home")
    wait_for_frame(page, FIRST)
    before = read_canvases(page)
    root.press("p")
    assert page.evaluate("host.values.pane") == 1
    page.get_by_label("Method", exact=True).select_option("staa_logit")
    assert kernel.sent_requests("compute")[-1]["args"]["pane"] == 1
    kernel.answer("compute", progress={"done": 1, "total": 4, "label": "forward"})
    expect(page.locator(".staa-method")).to_contain_text("Pane 2: computing Class-specific STAA for jump")
    expect(page.locator(".staa-tab[data-busy]")).to_have_text("Attention rollout")
    # Another pane can be active during the computation.
    root.press("p")
    expect(page.get_by_label("Method", exact=True)).to_have_value("staa")
    expect(page.locator(".staa-method")).to_contain_text("Pane 2: computing")
    computed = other(e, 7, method="staa_logit")
    show_panes(page, [e, computed])
    kernel.answer("compute", ok=True, result={"method": "staa_logit", "target": 2})
    expect(page.locator(".staa-tab[data-busy]")).to_have_count(0)
    assert page.locator(".staa-tab").all_inner_texts() == ["STAA", "Class-specific STAA"]
    assert page.locator("#first").count() == 1, "the player was not rebuilt"
    after = read_canvases(page)
    np.testing.assert_array_equal(after[0], before[0])
    page.keyboard.down("o")
    plain = read_canvases(page)[1]
    page.keyboard.up("o")
    np.testing.assert_array_equal(after[1], draw_frame(computed, FIRST, pixels=plain))


def show_panes(page: Page, panes: Sequence[Explanation]) -> None:
    """Set the traits of several panes as the kernel does, all at once."""
    traits = {
        f"_{name}": base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in pack_panes(panes).items()
    }
    page.evaluate("traits => host.put(traits)", traits)
