"""The player on a notebook's model, in Chromium: its requests to the kernel and how it shows the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from staa_widgets.explanation.explanation import Explanation
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.chromium import frame_slider, read_picture, wait_for_frame
from tests.helpers.page_kernel import PageKernel
from tests.helpers.paths import AXE

pytestmark = pytest.mark.browser


def logit_explanation(**changes: Any) -> Explanation:
    """Explanation of the same clip by `staa_logit`."""
    e = barcode_explanation(signed=True)
    return barcode_explanation(signed=True, maps=e.maps[::-1].copy(), method="staa_logit", **changes)


def class_rows(page: Page, name: str | None = None) -> Locator:
    """The options of the class list."""
    return page.get_by_role("listbox", name="Classes").get_by_role("option", name=name)


def part_offsets(page: Page) -> list[float]:
    """Vertical positions of the parts of the player."""
    return page.evaluate("[...document.querySelectorAll('.staa-film > *, .staa-style')].map(part => part.offsetTop)")


def bar_heights(page: Page) -> list[float]:
    return [float(bar.get_attribute("height") or 0) for bar in page.locator(".staa-slice rect:first-child").all()]


def test_choosing_a_method_computes_and_shows_it_in_place(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    page.locator(".staa-root").press("Home")
    page.get_by_role("slider", name="Opacity").fill("0.5")
    page.get_by_text("Details", exact=True).click()
    wait_for_frame(page, FIRST)
    before, bars = read_picture(page), bar_heights(page)
    page.evaluate("window.root = document.querySelector('.staa-root')")
    choice = page.get_by_label("Method", exact=True)
    groups = choice.locator("optgroup")
    labels = groups.evaluate_all("groups => groups.map((group) => group.label)")
    assert labels == ["One pass", "Gradients", "Hide parts", "Controls"]
    # The times are unknown for this explanation, so the costs are passes.
    assert groups.nth(0).locator("option").all_inner_texts()[:2] == [
        "STAA · 1 forward pass",
        "Class-specific STAA · 1 forward pass",
    ]
    gradients = groups.nth(1).locator("option").all_inner_texts()
    assert "Saliency · 2 forward + 1 backward passes" in gradients
    assert "Grad-CAM · 2 forward + 1 backward passes" in gradients
    expect(page.locator(".staa-method")).to_contain_text("The same map for every class")
    places = part_offsets(page)
    choice.focus()
    choice.select_option("staa_logit")
    assert [message["args"] for message in kernel.sent_requests("compute")] == [{"method": "staa_logit", "target": 2}]
    kernel.answer("compute", progress={"done": 1, "total": 4, "label": "model"})
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(page.locator(".staa-method")).to_contain_text("model · 1 of 4")
    # Nothing moves during the computation, and seeking still works.
    assert part_offsets(page) == places
    page.locator(".staa-root").press("End")
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    choice.focus()
    kernel.show(logit_explanation())
    kernel.answer("compute", ok=True, result={"method": "staa_logit", "target": 2, "cache": "miss", "seconds": 0.2})
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator(".staa-head")).to_contain_text("jump · method Class-specific STAA")
    expect(page.locator(".staa-method")).to_contain_text("Map for the class jump")
    expect(page.get_by_label("Map", exact=True).locator("option").first).to_have_text(
        "all layers (Class-specific STAA)"
    )
    expect(page.get_by_label("Colormap", exact=True)).to_have_value("diverging")
    expect(page.locator(".staa-run-details")).to_contain_text("staa_logit")
    expect(choice).to_be_focused()
    assert page.evaluate("root === document.querySelector('.staa-root')")
    assert part_offsets(page) == places
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.5")
    assert frame_slider(page).get_attribute("aria-valuenow") == str(FIRST)
    assert bar_heights(page) != bars
    assert (read_picture(page) != before).any()


def test_key_computes_the_next_method_and_cancel_stops_it(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    page.locator(".staa-root").press("m")
    expect(page.get_by_label("Method", exact=True)).to_have_value("staa_logit")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.get_by_label("Method", exact=True)).to_have_value("staa")
    expect(page.get_by_label("Method", exact=True)).to_be_focused()
    (request,) = kernel.sent_requests("compute")
    assert kernel.sent_requests("cancel") == [{"v": 2, "op": "cancel", "id": request["id"]}]
    kernel.fail(type="CancelledError")
    expect(page.get_by_role("alert")).to_be_empty()


def test_failure_is_shown_in_place_and_retried(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    page.locator(".staa-root").press("m")
    kernel.fail(traceback="key 1")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("No <b>such</b> layer.")
    expect(alert).to_contain_text("Choose another.")
    assert kernel.sent_requests("traceback") == []
    page.get_by_text("Traceback", exact=True).click()
    kernel.answer("traceback", ok=True, result={"text": "Traceback (most recent call last):\n  <i>line</i>"})
    assert [message["args"] for message in kernel.sent_requests("traceback")] == [{"key": "key 1"}]
    expect(page.get_by_text("<i>line</i>")).to_be_visible()
    expect(page.get_by_label("Method", exact=True)).to_have_value("staa")
    page.get_by_role("button", name="Retry").click()
    expect(alert).to_be_empty()
    assert [message["args"]["method"] for message in kernel.sent_requests("compute")] == ["staa_logit"] * 2
    kernel.fail()
    expect(page.get_by_text("Traceback", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(alert).to_be_empty()
    expect(page.get_by_label("Method", exact=True)).to_be_focused()


def test_class_is_chosen_by_mouse_and_by_keys(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(logit_explanation())
    class_rows(page, name="clap").click()
    assert kernel.sent_requests("compute")[-1]["args"] == {"target": 1}
    expect(class_rows(page, name="clap")).to_have_attribute("aria-selected", "true")
    frame = frame_slider(page).get_attribute("aria-valuenow")
    for key in ("ArrowDown", "ArrowDown", "Home", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert kernel.sent_requests("compute")[-1]["args"] == {"target": 0}
    expect(class_rows(page, name="wave")).to_be_focused()
    kernel.show(logit_explanation(target=0))
    kernel.answer("compute", ok=True, result={"method": "staa_logit", "target": 0, "cache": "hit", "seconds": 0.1})
    expect(page.locator(".staa-method")).to_contain_text("Map for the class wave")
    expect(class_rows(page, name="wave")).to_contain_text("explained")
    expect(class_rows(page, name="wave")).to_be_focused()
    assert frame_slider(page).get_attribute("aria-valuenow") == frame


def test_class_agnostic_method_offers_a_class_specific_one(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    class_rows(page, name="clap").click()
    expect(page.locator(".staa-predictions")).to_contain_text("The map of STAA is the same for every class.")
    expect(page.locator(".staa-predictions")).to_contain_text("Explain “clap” with")
    assert kernel.sent_requests("compute") == []
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("button", name="Explain")).to_be_hidden()
    class_rows(page, name="kick").click()
    expect(page.get_by_label("Method for one class")).to_have_value("staa_logit")
    page.get_by_role("button", name="Explain").press("Enter")
    assert [message["args"] for message in kernel.sent_requests("compute")] == [{"method": "staa_logit", "target": 3}]
    expect(page.get_by_role("button", name="Explain")).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "option"


def test_one_of_hundreds_of_classes_is_found(open_player: Callable[..., PageKernel], page: Page) -> None:
    labels = [f"{verb} {thing}" for verb in ("playing", "making", "riding", "B") for thing in range(100)]
    chances = np.linspace(0.004, 0.001, 400).round(6).tolist()
    kernel = open_player(logit_explanation(), labels=labels, probabilities=chances, target=0)
    expect(class_rows(page)).to_have_count(5)
    page.get_by_role("button", name="All 400").click()
    expect(class_rows(page)).to_have_count(400)
    expect(page.get_by_placeholder("Find a class")).to_be_focused()
    page.keyboard.type("riding 7")
    names = [text.split("\n")[0] for text in class_rows(page).all_inner_texts()]
    assert names == ["riding 7", *(f"riding 7{digit}" for digit in range(10))]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert kernel.sent_requests("compute")[-1]["args"] == {"target": labels.index("riding 70")}


def test_lost_kernel_is_shown_and_seeking_still_works(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    page.locator(".staa-root").press("m")
    kernel.disconnect()
    expect(page.get_by_text("kernel stopped")).to_be_visible()
    expect(page.locator(".staa-method")).to_contain_text("Run the notebook cell again")
    expect(page.get_by_label("Method", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    class_rows(page, name="clap").click(force=True)
    assert len(kernel.sent_requests("compute")) == 1
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)


def test_explanation_from_a_file_says_why_it_cannot_compute(open_player: Callable[..., PageKernel], page: Page) -> None:
    open_player(barcode_explanation(), computes=False)
    expect(page.locator(".staa-method")).to_contain_text("It was loaded from a file.")
    expect(page.get_by_label("Method", exact=True)).to_be_disabled()


def test_another_clip_rebuilds_the_player(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation())
    page.locator(".staa-root").press("Home")
    wait_for_frame(page, FIRST)
    kernel.show(barcode_explanation(portrait=True, clip_name="other.mp4", clip_sha256="cd" * 32))
    expect(page.get_by_role("heading", name="other.mp4")).to_be_visible()
    expect(page.locator(".staa-root")).to_have_count(1)
    expect(page.locator(".staa-root")).to_be_focused()
    wait_for_frame(page, FIRST)
    assert read_picture(page).shape == (320, 180, 3)


def test_views_of_one_model_move_and_compute_together(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation(), views=2)
    one, other = page.locator(".staa-root").all()
    one.press("Home")
    expect(other.locator(f"canvas[data-frame='{FIRST}']")).to_be_attached()
    one.press("m")
    kernel.answer("compute", progress={"done": 1, "total": 2, "label": "model"})
    expect(other.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    kernel.show(logit_explanation())
    kernel.answer("compute", ok=True, result={"method": "staa_logit", "target": 2, "cache": "miss", "seconds": 0.2})
    for view in (one, other):
        expect(view.locator(".staa-head")).to_contain_text("jump · method Class-specific STAA")
        expect(view.get_by_role("button", name="Cancel")).to_be_hidden()
    page.evaluate("host.close()")
    expect(page.locator(".staa-root")).to_have_count(0)
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0


def test_payload_of_an_unknown_layout_is_refused_with_a_message(
    open_player: Callable[..., PageKernel], page: Page
) -> None:
    kernel = open_player(barcode_explanation())
    page.evaluate("host.put({ _meta: { ...host.values._meta, schema: 99 } })")
    expect(page.get_by_role("alert")).to_contain_text("layout 99")
    kernel.show(barcode_explanation())
    expect(page.locator("canvas[data-frame]")).to_be_visible()


def test_fallback_text_is_hidden_beside_a_live_player(open_player: Callable[..., PageKernel], page: Page) -> None:
    open_player(barcode_explanation())
    page.evaluate("""() => {
      const area = (player) => {
        const output = document.body.appendChild(document.createElement('div'));
        output.className = 'jp-OutputArea';
        for (const inside of [player, '<div class="staa-fallback">Run this cell again.</div>']) {
          const child = output.appendChild(document.createElement('div'));
          child.className = 'jp-OutputArea-child';
          child.innerHTML = inside;
        }
      };
      area('<div class="staa-root">player</div>');
      area('<pre>nothing</pre>');
    }""")
    stand_ins = page.get_by_text("Run this cell again.")
    expect(stand_ins.nth(0)).to_be_hidden()
    expect(stand_ins.nth(1)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_overflows(
    open_player: Callable[..., PageKernel], page: Page, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 900})
    labels = [f"a class with a rather long name, number {k}" for k in range(20)]
    kernel = open_player(barcode_explanation(), labels=labels, probabilities=[0.05] * 20)
    page.add_style_tag(content=":root { color-scheme: light dark }")
    page.evaluate(AXE.read_text("utf-8"))

    def check() -> None:
        report = page.evaluate("axe.run('.staa-root', { resultTypes: ['violations'] })")
        serious = [v for v in report["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

    page.get_by_role("button", name="All 20").click()
    class_rows(page).nth(1).click()
    check()
    page.get_by_role("button", name="Explain").click()
    kernel.answer("compute", progress={"done": 1, "total": 2, "label": "model"})
    check()
    kernel.fail(message="A_message_without_a_single_space" * 4, traceback="key 1")
    page.get_by_text("Traceback", exact=True).click()
    kernel.answer("traceback", ok=True, result={"text": "x" * 300})
    check()
    kernel.disconnect()
    check()
