"""Ground truth in an exported page: outline, band in the chart, key, and score table."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.payload import pack
from staa_widgets.widget.score_card import DEFINITIONS, SCORES
from tests.helpers.barcode_ground_truth import WHEN, WIDTH, explanation_with_truth
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.chromium import read_canvas, read_picture, save_picture, wait_for_frame
from tests.helpers.paths import AXE

pytestmark = pytest.mark.browser


def read_screenshot(element: Locator) -> NDArray[np.int64]:
    """RGB of an element on the screen."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB"), np.int64)


def hide_toast(page: Page) -> None:
    """Hide the short notice that covers a part of the picture."""
    page.evaluate("document.querySelector('.staa-toast').style.display = 'none'")


def go_to_frame(page: Page, frame: int) -> None:
    page.keyboard.press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    wait_for_frame(page, FIRST + frame)


def test_the_outline_lies_along_the_edge_of_the_ground_truth(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation_with_truth())
    hide_toast(page)
    go_to_frame(page, 14)
    picture = page.locator(".staa-picture").last
    marked, heated = read_screenshot(picture), read_picture(page)
    page.keyboard.press("g")
    expect(page.get_by_role("button", name="ground truth")).to_have_attribute("aria-pressed", "false")
    bare = read_screenshot(picture)
    np.testing.assert_array_equal(read_picture(page), heated, "the picture itself is never drawn on")
    rows, columns = np.nonzero(np.abs(marked - bare).max(axis=2) > 40)
    scale = marked.shape[1] / WIDTH
    # Distance of each changed pixel from the two edges of the ring, in pixels of the clip.
    distance = np.hypot((columns + 0.5) / scale - 120 - 3 * 14, (rows + 0.5) / scale - 90)
    from_edge = np.minimum(np.abs(distance - 30), np.abs(distance - 12))
    assert from_edge.max() < 1 + 2.5 / scale
    # The outline is closed around both edges.
    angle = np.arctan2((rows + 0.5) / scale - 90, (columns + 0.5) / scale - 162)
    for edge in (np.abs(distance - 30) < 3, np.abs(distance - 12) < 3):
        assert len(np.unique((angle[edge] // (np.pi / 24)).astype(int))) == 48
    # The outline is light over dark, visible on any background.
    line = marked[rows, columns]
    assert line[:, 1].max() > 240
    assert (line.sum(axis=1) < bare[rows, columns].sum(axis=1)).mean() > 0.2


def test_the_outline_is_shown_during_the_action_and_hidden_with_the_heat(
    open_page: Callable[[Explanation], Page],
) -> None:
    page = open_page(explanation_with_truth())
    outline = page.locator(".staa-truth path").last
    for frame in (9, 10, 19, 20, 30):
        go_to_frame(page, frame)
        assert bool(outline.get_attribute("d")) == bool(WHEN[frame]), frame
    page.keyboard.down("o")
    expect(outline).to_have_attribute("d", "")
    page.keyboard.up("o")
    expect(outline).not_to_have_attribute("d", "")


def test_a_saved_picture_carries_the_outline(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation_with_truth())
    go_to_frame(page, 14)
    pictures = []
    for _ in range(2):
        pictures.append(save_picture(page, 640, 360).shown.astype(np.int64))
        page.keyboard.press("g")
    y, x = np.nonzero(np.abs(pictures[0] - pictures[1]).max(axis=2) > 40)
    distance = np.hypot(x / 2 + 0.25 - 162, y / 2 + 0.25 - 90)
    assert len(distance) > 500
    assert np.minimum(np.abs(distance - 30), np.abs(distance - 12)).max() < 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_band_covers_the_seconds_of_the_action(
    open_page: Callable[[Explanation], Page], page: Page, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    e = explanation_with_truth()
    open_page(e)
    page.mouse.move(0, 0)
    go_to_frame(page, 0)
    plot = page.locator(".staa-plot")
    with_band = read_screenshot(plot)
    page.keyboard.press("g")
    expect(page.locator(".staa-during")).to_have_count(0)
    changed = np.abs(with_band - read_screenshot(plot)).max(axis=2) > 6
    start, end = e.spans[0, 0], e.spans[-1, 1]
    middles = start + (np.arange(changed.shape[1]) + 0.5) / changed.shape[1] * (end - start)
    times = [*e.times, e.end]
    inside = np.any([(middles >= times[a]) & (middles < times[b]) for a, b in ((10, 20), (30, 34))], axis=0)
    assert 0.2 < inside.mean() < 0.6
    # The strip along the top covers the action; its four ends may fall within a pixel.
    assert (changed[2] != inside).sum() <= 4
    # Below the strip, the band lies behind the bars and hides none.
    assert changed[6:90][:, inside].mean() > 0.2
    assert not changed[6:90][:, ~(inside | np.roll(inside, 1) | np.roll(inside, -1))].any()
    bar = page.locator(".staa-slice").nth(int(e.slice_of_frame[14])).locator("rect").first.bounding_box()
    box = plot.bounding_box()
    assert bar
    assert box
    x = int((e.times[14] - start) / (end - start) * changed.shape[1])
    assert inside[x]
    assert not changed[int(bar["y"] - box["y"]) + 2 : 90, x].any()
    assert changed[6 : int(bar["y"] - box["y"]) - 2, x].any()


def test_key_and_legend_toggle_the_ground_truth_and_the_help_lists_the_key(
    open_page: Callable[[Explanation], Page],
) -> None:
    page = open_page(explanation_with_truth())
    go_to_frame(page, 14)
    legend = page.get_by_role("button", name="ground truth: </b><i>wave, ")
    marks = page.locator(".staa-during")
    expect(legend).to_have_attribute("aria-pressed", "true")
    times = [*explanation_with_truth().times, explanation_with_truth().end]
    seconds = ", ".join(f"{times[a]:.2f} s – {times[b]:.2f} s" for a, b in ((10, 20), (30, 34)))
    expect(legend).to_have_text(f"ground truth: </b><i>wave, {seconds}")
    expect(marks).to_have_count(4)
    for toggle in (lambda: page.keyboard.press("g"), legend.click):
        toggle()
        expect(legend).to_have_attribute("aria-pressed", "false")
        expect(marks).to_have_count(0)
        expect(page.locator(".staa-truth path").last).to_have_attribute("d", "")
        toggle()
        expect(legend).to_have_attribute("aria-pressed", "true")
        expect(marks).to_have_count(4)
    page.keyboard.press("?")
    terms = page.locator(".staa-keys")
    expect(terms).to_contain_text("GShow or hide the ground truth")


def test_without_ground_truth_nothing_is_drawn_or_scored(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation())
    expect(page.get_by_role("button", name="ground truth")).to_have_count(0)
    expect(page.get_by_role("heading", name="Compared with the ground truth")).to_have_count(0)
    expect(page.locator(".staa-during")).to_have_count(0)
    before = read_canvas(page.locator("canvas[data-frame]"))
    page.keyboard.press("g")
    expect(page.locator(".staa-toast", has_text="This clip has no ground truth")).to_be_visible()
    np.testing.assert_array_equal(read_canvas(page.locator("canvas[data-frame]")), before)


def three_cards(e: Explanation) -> list[dict[str, Any]]:
    """Score cards of three explanations, in the layout of the payload."""
    flat = explanation_with_truth(maps=np.ones_like(e.maps), method="uniform", params={})
    other = explanation_with_truth(maps=e.maps[::-1].copy(), method="staa_logit", params={"layers": "mean"})
    return [card for one in (e, other, flat) for card in pack(one)[0]["cards"]]


def test_scores_stand_in_one_table_with_maps_to_beat(
    open_page: Callable[[Explanation], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    e = explanation_with_truth()
    cards = three_cards(e)
    meta, buffers = pack(e)
    # A notebook player that has shown three explanations has three cards.
    monkeypatch.setattr(
        "staa_widgets.widget.panes.pack", lambda _: ({**meta, "cards": json.loads(json.dumps(cards))}, buffers)
    )
    page = open_page(e)
    table = page.locator(".staa-scores table")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(table.locator("[aria-current=true]")).to_contain_text("STAA")
    assert table.locator("thead th").all_inner_texts() == list(SCORES.values())
    names = [row.locator("th").inner_text() for row in rows.all()]
    assert names == ["STAA", "Class-specific STAA jump, layers=mean", cards[2]["title"], "blind guess", "even map"]
    expect(rows.nth(2).locator("th")).to_have_attribute("title", re.compile("1 forward"))

    def texts(values: list[float]) -> list[str]:
        return [f"{value:.2f}" for value in values]

    for i, card in enumerate(cards):
        assert rows.nth(i).locator("td").all_inner_texts() == texts([score["value"] for score in card["scores"]])
    for i, level in ((3, "prior"), (4, "chance")):
        assert rows.nth(i).locator("td").all_inner_texts() == texts([score[level] for score in cards[0]["scores"]])
    # The best value of each score is bold; the control, which is gray, does not count.
    for k in range(len(SCORES)):
        best = max(card["scores"][k]["value"] for card in cards[:2])
        for i, card in enumerate(cards):
            bold = rows.nth(i).locator("td").nth(k).locator("b").count() == 1
            assert bold == (i < 2 and card["scores"][k]["value"] == best)
    assert [("staa-quiet" in (row.get_attribute("class") or "")) for row in rows.all()] == [False] * 2 + [True] * 3


def test_scores_have_definitions(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(explanation_with_truth())
    word = tip = page.locator(".staa-term").first
    for name, heading in SCORES.items():
        word = page.locator(".staa-scores").get_by_role("button", name=heading, exact=True)
        tip = page.locator(f"[id='{word.get_attribute('aria-describedby')}']")
        expect(tip).to_be_hidden()
        word.focus()
        expect(tip).to_be_visible()
        expect(tip).to_have_text(DEFINITIONS[name])
        box = tip.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280
        page.locator(".staa-root").focus()
        expect(tip).to_be_hidden()
    word.hover()
    expect(tip).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_overflows(
    open_page: Callable[[Explanation], Page], page: Page, scheme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 900})
    e = explanation_with_truth()
    cards, (meta, buffers) = three_cards(e), pack(e)
    monkeypatch.setattr("staa_widgets.widget.panes.pack", lambda _: ({**meta, "cards": cards}, buffers))
    open_page(e)
    page.evaluate(AXE.read_text("utf-8"))
    for _ in range(2):
        report = page.evaluate("axe.run('.staa-root', { resultTypes: ['violations'] })")
        serious = [v for v in report["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.keyboard.press("g")
