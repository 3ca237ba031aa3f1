"""The player in its hosts: a sandbox, a strict policy, a shadow tree, and narrow and wide pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.page import page_text
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.chromium import PATIENCE, wait_for_frame
from tests.helpers.notebook_model import HOST, host_arguments
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser


def test_page_plays_in_a_sandboxed_frame(page: Page) -> None:
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content("<iframe sandbox='allow-scripts' style='width:900px;height:700px'></iframe>")
    page.locator("iframe").evaluate("(frame, html) => { frame.srcdoc = html }", page_text(barcode_explanation()))
    inside = page.frame_locator("iframe")
    inside.locator(".staa-root").press("End")
    expect(inside.locator("canvas[data-frame]")).to_have_attribute("data-frame", str(LAST))
    assert complaints == []


def test_hostile_names_are_shown_as_text(open_page: Callable[[Explanation], Page]) -> None:
    hostile = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>"
    page = open_page(
        barcode_explanation(clip_name=hostile, labels=("wave", "clap", hostile, "kick"), params={hostile: hostile})
    )
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("width", [360, 600, 1000, 1600])
@pytest.mark.parametrize("portrait", [False, True])
def test_nothing_overflows_the_width_of_the_page(
    open_page: Callable[[Explanation], Page], width: int, portrait: bool
) -> None:
    page = open_page(barcode_explanation(portrait=portrait, clip_name="a_very_long_name_without_any_space_" * 4))
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # A carrier moves with its mark and is clipped by the timeline.
    outside = """() => [...document.querySelectorAll('.staa-root :not(.staa-carrier)')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 0 && (left < -1 || right > innerWidth + 1);
    }).map((element) => element.className.baseVal ?? element.className)"""
    assert page.evaluate(outside) == []
    picture = page.locator("canvas[data-frame]").bounding_box()
    assert picture
    assert picture["width"] / picture["height"] == pytest.approx(180 / 320 if portrait else 320 / 180, rel=0.02)


def test_widget_module_shows_the_same_player_on_a_notebooks_model(page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    page.evaluate(HOST, host_arguments(barcode_explanation(), frame=111, opacity=0.5))
    wait_for_frame(page, 111)
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.5")
    page.evaluate("host.change('frame', 120)")
    wait_for_frame(page, 120)
    page.locator(".staa-root").press("ArrowRight")
    page.wait_for_function("host.values.frame === 121 && host.saved > 0")
    page.evaluate("host.close()")
    expect(page.locator(".staa-root")).to_have_count(0)
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0


# VS Code and Colab give a widget its own origin, allow their scripts and styles, and forbid network requests.
POLICY = (
    "default-src 'none'; script-src 'nonce-of-the-host'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)


def test_widget_module_works_in_a_sandbox_under_a_strict_policy(page: Page) -> None:
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    exported = re.compile(r"export\s*\{\s*([\w$]+) as default\s*\};?\s*$")
    code, changed = exported.subn(r"globalThis.widget = { default: \1 };", (STATIC / "widget.js").read_text("utf-8"))
    assert changed == 1
    code = code.replace("</script", r"<\/script")
    inner = (
        f'<!doctype html><meta charset=utf-8><meta http-equiv=Content-Security-Policy content="{POLICY}">'
        "<script nonce=of-the-host>window.refused = [];"
        "addEventListener('securitypolicyviolation', (e) => refused.push(e.violatedDirective + e.blockedURI))</script>"
        f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style><body>"
        f"<script type=module nonce=of-the-host>{code}</script>"
    )
    page.set_content("<iframe sandbox='allow-scripts' style='width:900px;height:900px'></iframe>")
    page.locator("iframe").evaluate("(frame, html) => { frame.srcdoc = html }", inner)
    handle = page.locator("iframe").element_handle()
    assert handle
    inside = handle.content_frame()
    assert inside
    inside.wait_for_function("window.widget")
    _, *rest = host_arguments(barcode_explanation(), method="staa", target=0)
    inside.evaluate(HOST, ["", *rest])
    canvas = inside.get_by_label("Frame with the heat map")
    inside.locator(".staa-root").press("End")
    expect(canvas).to_have_attribute("data-frame", str(LAST))
    # Press every control once: none needs the surrounding page or breaks the policy.
    for button in inside.locator(".staa-root button:visible:enabled").all():
        if button.is_visible() and button.is_enabled():
            button.click(force=True)
            inside.locator(".staa-root").press("Escape")
    inside.locator(".staa-root").press("Home")
    expect(canvas).to_have_attribute("data-frame", str(FIRST))
    assert inside.evaluate("refused") == []
    sizes = inside.evaluate("host.sent.map((content) => JSON.stringify(content).length)")
    assert len(sizes) > 0
    assert max(sizes) < 1000
    # The browser reports that it refuses full screen.
    assert [text for text in complaints if "fullscreen is not allowed" not in text] == []


def test_widget_module_works_in_a_shadow_tree(page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.set_content("<div id=place></div>")
    style = (STATIC / "widget.css").read_text("utf-8")
    page.evaluate(
        """(style) => {
      const shadow = document.getElementById('place').attachShadow({ mode: 'open' });
      const sheet = document.createElement('style');
      sheet.textContent = style;
      window.place = document.createElement('div');
      shadow.append(sheet, place);
    }""",
        style,
    )
    page.evaluate(HOST, host_arguments(barcode_explanation()))
    root = page.locator(".staa-root")
    root.press("End")
    wait_for_frame(page, LAST)
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    slider.press("ArrowLeft")
    wait_for_frame(page, LAST)
    root.press("ArrowLeft")
    wait_for_frame(page, LAST - 1)
    page.evaluate("host.close()")
    expect(root).to_have_count(0)
