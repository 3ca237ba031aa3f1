"""Every key in the help does what the help says, and none of them reaches the notebook."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from staa_widgets.explanation.comparison import Comparison
from staa_widgets.widget.panes import pack_panes
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.chromium import PATIENCE
from tests.helpers.notebook_model import ANSWER, HOST
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser

# Steps for each line of the help: the key, the trait or selector to read after it, and the expected value or text.
STEPS: dict[str, list[tuple[str, str, Any]]] = {
    "Play or pause": [("k", "playing", True), (" ", "playing", False), (" ", "playing", True), ("k", "playing", False)],
    "First or last frame": [("End", "frame", LAST), ("Home", "frame", FIRST)],
    "Previous or next frame": [
        ("ArrowRight", "frame", FIRST + 1),
        (".", "frame", FIRST + 2),
        (",", "frame", FIRST + 1),
        ("ArrowLeft", "frame", FIRST),
    ],
    "Previous or next sampled frame": [
        ("Shift+ArrowRight", "frame", FIRST + 2),
        ("Shift+ArrowRight", "frame", FIRST + 6),
        ("Shift+ArrowLeft", "frame", FIRST + 2),
    ],
    "Jump to 0 % … 90 % of the clip": [("0", "frame", FIRST)],
    "Slower or faster": [("l", "rate", 2), ("j", "rate", 1), ("j", "rate", 0.5), ("l", "rate", 1)],
    "Start or end the selection at this frame": [("]", "selection", [2, 2.02])],
    "Close the attention of a patch, or clear the selection": [("Escape", "selection", None)],
    "Show or hide the ground truth": [("g", ".staa-stage .staa-toast", "This clip has no ground truth")],
    "Hide the heat map while the key is held": [],
    "Lower or raise the opacity": [("+", "opacity", 0.8), ("-", "opacity", 0.75)],
    "Automatic threshold on or off": [("t", "threshold>0", True), ("t", "threshold>0", False)],
    "Next colormap": [("c", "colormap", "cividis")],
    "Previous or next layer; before the first comes the map of all layers": [
        ("ArrowUp", "layer", 0),
        ("ArrowUp", "layer", 1),
        ("ArrowDown", "layer", 0),
    ],
    "Next head; mean of all heads": [("h", "head", 0), ("h", "head", 1), ("a", "head", -1)],
    "Next or previous pane": [("p", "pane", 1), ("Shift+P", "pane", 0)],
    "Next view": [("v", "view!=grid", True)],
    "Next method (in a notebook)": [("m", "[role=alert]", "No luck.")],
    "Full screen": [("f", "fullscreen", True), ("f", "fullscreen", False)],
    "Save the picture": [("s", ".staa-stage .staa-toast", "Saved")],
    "Save or share": [("e", "dialog[open]", "Save / share")],
    "Show the keyboard shortcuts": [("?", "dialog[open]", "Show the keyboard shortcuts")],
}
TOOLTIPS = (
    "Play (Space)",
    "Previous frame (←)",
    "Next frame (→)",
    "Speed (J, L)",
    "Save / share (E)",
    "Full screen (F)",
    "Keyboard shortcuts (?)",
    "Opacity of the heat map (−, +)",
    "All panes (V)",
    "a (P)",
)
READ = """(subject) => {
  if (subject === 'fullscreen') return document.fullscreenElement !== null;
  if (subject === 'threshold>0') return host.values.threshold > 0;
  if (subject === 'view!=grid') return host.values.view !== 'grid';
  if (/[.[]/.test(subject)) return [...document.querySelectorAll(subject)].map((e) => e.textContent).join(' ');
  return host.values[subject];
}"""
MATCHES = """([read, subject, expected]) => {
  const value = eval(read)(subject);
  return /[.[]/.test(subject) ? value.includes(expected) : JSON.stringify(value) === JSON.stringify(expected);
}"""


def test_every_key_in_the_help_does_what_it_says(page: Page) -> None:
    payload = pack_panes([barcode_explanation(), barcode_explanation(method="a")])
    bulk = {name: base64.b64encode(value).decode() for name, value in payload.items() if isinstance(value, bytes)}
    code = base64.b64encode((STATIC / "widget.js").read_bytes()).decode()
    page.set_default_timeout(PATIENCE)
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    traits = {"_others": payload["others"], "view": "grid", "method": "staa", "target": 0, "frame": FIRST}
    page.evaluate(HOST, [code, payload["meta"], bulk, traits])
    page.evaluate(ANSWER)
    page.wait_for_function("!document.querySelector('.staa-root select[aria-label=Method]').disabled")
    page.evaluate(
        "() => { window.passed = [];"
        " document.addEventListener('keydown', ({ key }) => key === 'Shift' || passed.push(key)) }"
    )
    root = page.locator(".staa-root")
    root.press("?")
    listed = page.locator("dialog[open] dd").all_inner_texts()
    page.keyboard.press("Escape")
    assert sorted(listed) == sorted(STEPS)
    page.evaluate("passed.length = 0")
    for steps in STEPS.values():
        for key, subject, expected in steps:
            root.press(key)
            page.wait_for_function(MATCHES, arg=[READ, subject, expected])
            if subject == "dialog[open]":
                page.keyboard.press("Escape")
                page.evaluate("passed.length = 0")
            assert page.evaluate("passed") == [], key


def test_buttons_have_words_or_a_tooltip_and_tooltips_name_the_key(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    Comparison.of(barcode_explanation(), barcode_explanation(method="a")).to_html(path)
    page.goto(path.as_uri())
    page.wait_for_selector(".staa-root")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.staa-root button')]"
        ".filter((b) => !b.textContent.trim() && !b.title).map((b) => b.outerHTML)"
    )
    assert unnamed == []
    titles = page.evaluate("[...document.querySelectorAll('.staa-root [title]')].map((e) => e.title)")
    for tooltip in TOOLTIPS:
        assert tooltip in titles
