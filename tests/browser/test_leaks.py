"""Players that are opened and closed leave nothing behind: no picture, no listener, no element, no timer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from tests.helpers.barcodes import LAST, barcode_explanation
from tests.helpers.chromium import PATIENCE
from tests.helpers.notebook_model import HOST, host_arguments
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser

# Counts decoded pictures that are not let go, and timers and turns of the display that are waited for.
WATCH = """
window.pictures = new Set();
const decode = window.createImageBitmap;
window.createImageBitmap = async (...given) => {
  const picture = await decode(...given), close = picture.close;
  pictures.add(picture);
  picture.close = () => { pictures.delete(picture); close.call(picture); };
  return picture;
};
window.waiting = new Map();
const later = window.setTimeout, never = window.clearTimeout, each = window.setInterval, stop = window.clearInterval;
window.later = later;
window.setTimeout = (call, ...rest) => {
  const id = later((...given) => { waiting.delete(id); call(...given); }, ...rest);
  waiting.set(id, String(call));
  return id;
};
window.clearTimeout = (id) => { waiting.delete(id); never(id); };
window.setInterval = (call, ...rest) => { const id = each(call, ...rest); waiting.set(id, String(call)); return id; };
window.clearInterval = (id) => { waiting.delete(id); stop(id); };
"""
# Opens a player, lets it decode and play, closes it.
ROUND = """async ([open, given, last]) => {
  await eval(open)(given);
  const root = document.querySelector('.staa-root');
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  press('End');
  while (!root.querySelector(`canvas[data-frame='${last}']`)) await new Promise(requestAnimationFrame);
  press('Home');
  press(' ');
  await new Promise(requestAnimationFrame);
  host.close();
  // Pictures that were being decoded come and go.
  await new Promise((done) => later(done, 30));
}"""


def count_objects(page: Page, devtools: CDPSession) -> dict[str, Any]:
    """What a page holds after its rubbish is collected."""
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("Nodes", "JSEventListeners")}


def test_fifty_players_leave_nothing(page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)
    page.goto("about:blank")
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    given = [HOST, host_arguments(barcode_explanation()), LAST]
    # What the browser keeps once for all is there after a few.
    for _ in range(5):
        page.evaluate(ROUND, given)
    before = count_objects(page, devtools)
    for _ in range(50):
        page.evaluate(ROUND, given)
    assert page.evaluate("pictures.size") == 0
    assert page.evaluate("[...host.listeners.values()].flat().length") == 0
    assert page.evaluate("[...waiting.values()]") == []
    assert page.locator("body > *").count() == 0
    after = count_objects(page, devtools)
    # Less than one of a player's hundreds stays for each of the fifty.
    assert {name for name, count in after.items() if count >= before[name] + 50} == set()
