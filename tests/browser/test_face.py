"""What the player says of itself, how it fills the room, and how panes are added from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from staa_widgets.widget.payload import pack
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.chromium import open_more, read_canvas, wait_for_frame
from tests.helpers.page_kernel import PageKernel

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def test_a_live_sentence_stands_under_the_title(open_player: Callable[..., PageKernel], page: Page) -> None:
    e = barcode_explanation()
    kernel = open_player(e)
    sentence = page.locator(".staa-summary")
    expect(sentence).to_have_text(pack(e)[0]["summary"])
    expect(sentence).to_have_attribute("aria-live", "polite")
    second = barcode_explanation(maps=e.maps[::-1].copy(), method="rollout", params={})
    kernel.show(second)
    expect(sentence).to_have_text(pack(second)[0]["summary"])
    page.get_by_text("How to read this").click()
    expect(page.locator(".staa-guide-lines li")).to_have_count(4)
    expect(page.get_by_role("img", name="The parts of the player, numbered")).to_be_visible()


def test_a_regression_has_a_value_and_no_class(open_page: Open) -> None:
    page = open_page(
        barcode_explanation(
            method="integrated_gradients", params={}, labels=("speed",), logits=np.array([2.5]), target=0,
            problem_type="regression",
        )
    )  # fmt: skip
    expect(page.locator(".staa-description")).to_contain_text("value speed")
    expect(page.locator(".staa-method")).to_contain_text("Map for the value speed")
    expect(page.get_by_text("class speed")).to_have_count(0)


def test_three_controls_are_open_and_reset_sets_the_defaults(open_page: Open) -> None:
    page = open_page(barcode_explanation())
    names = page.locator(".staa-style .staa-name:visible").all_inner_texts()
    assert names == ["Opacity", "Threshold", "Scale"]
    reset = page.get_by_role("button", name="Reset", exact=True)
    expect(reset).to_be_disabled()
    open_more(page)
    page.get_by_role("slider", name="Gamma").fill("2")
    page.get_by_role("slider", name="Opacity").fill("0.3")
    page.get_by_role("button", name="per frame", exact=True).click()
    reset.click()
    expect(page.get_by_role("slider", name="Gamma")).to_have_value("1")
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.75")
    scale = page.locator(".staa-choice").get_by_role("button", name="per clip", exact=True)
    expect(scale).to_have_attribute("aria-pressed", "true")
    expect(reset).to_be_disabled()


def test_the_color_bar_tells_its_maximum_with_a_unit(open_page: Open) -> None:
    e = barcode_explanation()
    page = open_page(e)
    share = 100 * e.maps.max() / e.maps.sum()
    expect(page.locator(".staa-colorbar")).to_contain_text(f"1 = {share:.1f} % of the attribution in one cell")
    bar = page.get_by_role("img", name="Color bar")
    described = page.locator(f"[id='{bar.get_attribute('aria-describedby')}']")
    assert "color stands for" in (described.text_content() or "")


@pytest.mark.parametrize(
    ("portrait", "width", "beside"), [(True, 1280, True), (False, 1280, False), (True, 360, False)]
)
def test_the_stage_is_as_wide_as_its_pictures(
    open_page: Open, page: Page, portrait: bool, width: int, beside: bool
) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    open_page(barcode_explanation(portrait=portrait))
    view = page.get_by_role("button", name="side by side", exact=True)
    expect(view).to_have_attribute("aria-pressed", str(beside).lower())
    for name in ("overlay", "side by side", "wipe"):
        page.get_by_role("button", name=name, exact=True).click()
        stage = page.locator(".staa-stage").bounding_box()
        pictures = [one.bounding_box() for one in page.locator(".staa-picture canvas:visible").all()]
        assert stage
        areas = {(round(box["x"]), round(box["y"])): box["width"] * box["height"] for box in pictures if box}
        assert sum(areas.values()) >= 0.97 * stage["width"] * stage["height"], name


def test_panes_tell_their_maximum_or_share_a_scale(open_page: Open) -> None:
    e = barcode_explanation()
    flat = replace(e, method="flat", params={}, maps=e.maps + 3 * e.maps.mean())
    page = open_page([e, flat])
    shares = [100 * one.maps.max() / one.maps.sum() for one in (e, flat)]
    scales = page.locator(".staa-scale")
    assert scales.all_inner_texts() == [f"1 = {share:.1f} %" for share in shares]
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    own = [read_canvas(canvas) for canvas in page.locator("canvas[data-frame]").all()]
    page.get_by_role("button", name="one scale", exact=True).click()
    assert scales.all_inner_texts() == [f"1 = {max(shares):.1f} %"] * 2
    expect(page.locator(".staa-colorbar")).to_contain_text("all panes")
    shared = [read_canvas(canvas) for canvas in page.locator("canvas[data-frame]").all()]
    np.testing.assert_array_equal(shared[0], own[0])
    assert (shared[1] != own[1]).any()


def test_a_pane_is_added_and_closed_from_the_player(open_player: Callable[..., PageKernel], page: Page) -> None:
    e = barcode_explanation()
    kernel = open_player(e)
    page.get_by_label("Compare with another method").select_option("saliency")
    assert kernel.sent_requests("compute")[-1]["args"] == {"method": "saliency", "target": e.target, "pane": 1}
    expect(page.locator(".staa-method")).to_contain_text("Pane 2: computing Saliency")
    kernel.show_panes([e, barcode_explanation(method="saliency", params={})])
    kernel.answer("compute", ok=True, result={"method": "saliency", "target": e.target})
    expect(page.locator(".staa-tab")).to_have_text(["STAA", "Saliency"])
    page.get_by_role("button", name="Close Saliency").click()
    assert kernel.sent_requests("close_pane")[-1]["args"] == {"pane": 1}
    kernel.show_panes([e])
    expect(page.locator(".staa-tab")).to_have_count(0)


def test_notices_stand_over_the_predictions(open_player: Callable[..., PageKernel], page: Page) -> None:
    notice: dict[str, Any] = {
        "kind": "film",
        "text": "This clip is a film.",
        "hint": "Load a model of films:",
        "code": "staa.load_model(…)",
    }
    open_player(barcode_explanation(), notices=[notice])
    notes = page.get_by_role("note", name="Notices")
    for text in (notice["text"], notice["hint"], notice["code"]):
        expect(notes).to_contain_text(text)
    above, below = notes.bounding_box(), page.locator(".staa-predictions").bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]
