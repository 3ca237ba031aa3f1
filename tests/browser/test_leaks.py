"""A closed player leaves nothing behind: no decoded picture, listener, element or timer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from tests.helpers.barcodes import LAST, barcode_explanation
from tests.helpers.chromium import PATIENCE
from tests.helpers.notebook_model import HOST, host_arguments
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser

# Counts decoded pictures that were not closed, and pending timers.
WATCH = """
window.pictures = new Set();
const decode = window.createImageBitmap;
window.createImageBitmap = async (...args) => {
  const picture = await decode(...args), close = picture.close;
  pictures.add(picture);
  picture.close = () => { pictures.delete(picture); close.call(picture); };
  return picture;
};
window.waiting = new Map();
const later = window.setTimeout, never = window.clearTimeout, each = window.setInterval, stop = window.clearInterval;
window.later = later;
window.setTimeout = (call, ...rest) => {
  const id = later((...args) => { waiting.delete(id); call(...args); }, ...rest);
  waiting.set(id, String(call));
  return id;
};
window.clearTimeout = (id) => { waiting.delete(id); never(id); };
window.setInterval = (call, ...rest) => { const id = each(call, ...rest); waiting.set(id, String(call)); return id; };
window.clearInterval = (id) => { waiting.delete(id); stop(id); };
"""
# Opens a player, decodes the last frame, plays, and closes it.
ROUND = """async ([open, args, last]) => {
  await eval(open)(args);
  const root = document.querySelector('.staa-root');
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  press('End');
  while (!root.querySelector(`canvas[data-frame='${last}']`)) await new Promise(requestAnimationFrame);
  press('Home');
  press(' ');
  await new Promise(requestAnimationFrame);
  host.close();
  // Let pending decodes finish.
  await new Promise((done) => later(done, 30));
}"""


def count_objects(page: Page, devtools: CDPSession) -> dict[str, Any]:
    """Numbers of nodes and listeners of a page after garbage collection."""
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
    metrics = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("Nodes", "JSEventListeners")}


def test_fifty_closed_players_leave_nothing_behind(page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)
    page.goto("about:blank")
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    arguments = [HOST, host_arguments(barcode_explanation()), LAST]
    # Five rounds fill the caches of the browser.
    for _ in range(5):
        page.evaluate(ROUND, arguments)
    before = count_objects(page, devtools)
    for _ in range(50):
        page.evaluate(ROUND, arguments)
    assert page.evaluate("pictures.size") == 0
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0
    assert page.evaluate("[...waiting.values()]") == []
    assert page.locator("body > *").count() == 0
    after = count_objects(page, devtools)
    # A player has hundreds of each; 50 left would be one per player.
    assert {name for name, count in after.items() if count >= before[name] + 50} == set()
