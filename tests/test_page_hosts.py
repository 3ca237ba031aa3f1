"""The player wherever it is shown: in a sandbox, with hostile names, narrow and wide, on a notebook's model."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from barcodes import LAST, explanation
from chromium import PATIENCE, drawn
from playwright.sync_api import Page, expect

from staa_widgets.explanation import Explanation
from staa_widgets.export import to_page
from staa_widgets.widget.payload import pack

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "staa_widgets" / "widget" / "static"


def test_page_plays_in_a_sandboxed_frame(page: Page) -> None:
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content("<iframe sandbox='allow-scripts' style='width:900px;height:700px'></iframe>")
    page.locator("iframe").evaluate("(frame, html) => { frame.srcdoc = html }", to_page(explanation()))
    inside = page.frame_locator("iframe")
    inside.locator(".staa-root").press("End")
    expect(inside.locator("canvas[data-frame]")).to_have_attribute("data-frame", str(LAST))
    assert complaints == []


def test_hostile_names_are_shown_as_text(open_page: Callable[[Explanation], Page]) -> None:
    hostile = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>"
    page = open_page(
        explanation(clip_name=hostile, labels=("wave", "clap", hostile, "kick"), params={hostile: hostile})
    )
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("width", [360, 600, 1000, 1600])
@pytest.mark.parametrize("portrait", [False, True])
def test_nothing_hangs_over_the_edge(open_page: Callable[[Explanation], Page], width: int, portrait: bool) -> None:
    page = open_page(explanation(portrait=portrait, clip_name="a_very_long_name_without_any_space_" * 4))
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """() => [...document.querySelectorAll('.staa-root *')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 0 && (left < -1 || right > innerWidth + 1);
    }).map((element) => element.className.baseVal ?? element.className)"""
    assert page.evaluate(outside) == []
    picture = page.locator("canvas[data-frame]").bounding_box()
    assert picture
    assert picture["width"] / picture["height"] == pytest.approx(180 / 320 if portrait else 320 / 180, rel=0.02)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Callable[[Explanation], Page], page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(explanation())
    page.get_by_text("What was run").click()
    page.evaluate((ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []


# A host as anywidget is one: bytes as views into a larger message, and a note of what is set and saved.
HOST = """async ([code, meta, buffers, traits]) => {
  const { default: widget } = await import('data:text/javascript;base64,' + code);
  const values = { _meta: meta, ...traits }, listeners = new Map();
  for (const [name, text] of Object.entries(buffers)) {
    const bytes = Uint8Array.from('\\0\\0\\0' + atob(text), (c) => c.charCodeAt(0));
    values['_' + name] = new DataView(bytes.buffer, 3);
  }
  window.host = { saved: 0, values, listeners, change(name, value) {
    values[name] = value;
    for (const call of listeners.get('change:' + name) ?? []) call();
  } };
  const model = {
    get: (name) => values[name],
    set: (name, value) => host.change(name, value),
    save_changes: () => { host.saved++; },
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, listeners.get(event).filter((other) => other !== call)),
  };
  host.close = await widget.render({ model, el: document.body });
}"""


def test_widget_module_shows_the_same_player_on_a_notebooks_model(page: Page) -> None:
    meta, buffers = pack(explanation())
    page.set_default_timeout(PATIENCE)
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    code = base64.b64encode((STATIC / "widget.js").read_bytes()).decode()
    texts = {name: base64.b64encode(data).decode() for name, data in buffers.items()}
    page.evaluate(HOST, [code, meta, texts, {"frame": 111, "opacity": 0.5}])
    drawn(page, 111)
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.5")
    page.evaluate("host.change('frame', 120)")
    drawn(page, 120)
    page.locator(".staa-root").press("ArrowRight")
    page.wait_for_function("host.values.frame === 121 && host.saved > 0")
    page.evaluate("host.close()")
    expect(page.locator(".staa-root")).to_have_count(0)
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0
