"""How fast the player is in JupyterLab: to the first frame, while scrubbing and playing; and how much it carries.

Times are taken inside the page: from the key that runs the cell, or the pointer's event, until the canvas is drawn.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, sync_playwright

import staa_widgets as staa
from staa_widgets.widget.bundle import read_bundle
from staa_widgets.widget.page import to_html
from staa_widgets.widget.payload import pack
from tests.helpers.barcodes import barcode_explanation, barcode_preview
from tests.helpers.chromium import launch_args
from tests.helpers.jupyterlab import PATIENCE, Lab, Notebook, run_jupyterlab

CLIP = "staa.action_clip(3, fps=30)"
IMPORT = f"import sys\nsys.path.insert(0, {str(Path(staa.__file__).parent.parent)!r})\nimport staa_widgets as staa"
EXPLAIN = f"staa.explain({CLIP})"
DRAWN = """() => {
  const before = new Set(document.querySelectorAll('canvas[data-frame]'));
  window.firstFrame = new Promise((done) => {
    let began = 0;
    document.addEventListener('keydown', (e) => { if (e.key === 'Enter') began ||= performance.now(); }, true);
    const look = () => {
      const drawn = [...document.querySelectorAll('canvas[data-frame]')].some((canvas) => !before.has(canvas));
      if (drawn && began) done(performance.now() - began);
      else requestAnimationFrame(look);
    };
    look();
  });
}"""
# Seeks by pointer to places anywhere, each when the one before is drawn; milliseconds from event to canvas.
SCRUB = """async (root, seeks) => {
  const canvas = root.querySelector('canvas[data-frame]'), bar = root.querySelector('.staa-seek'), taken = [];
  const { left, top, width, height } = bar.getBoundingClientRect();
  const point = (type, share) => bar.dispatchEvent(new PointerEvent(type, {
    bubbles: true, cancelable: true, pointerId: 1, isPrimary: true, button: 0, buttons: type === 'pointerup' ? 0 : 1,
    clientX: left + share * width, clientY: top + height / 2 }));
  const setCapture = bar.setPointerCapture;
  bar.setPointerCapture = () => {};
  for (let i = 0; i < seeks; i++) {
    const before = canvas.dataset.frame;
    const changed = new Promise((done) => {
      const observer = new MutationObserver(() => { observer.disconnect(); done(performance.now()); });
      observer.observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
    });
    let share, began;
    do {
      share = Math.random();
      began = performance.now();
      point(i === 0 ? 'pointerdown' : 'pointermove', share);
    } while (bar.getAttribute('aria-valuenow') === before);
    taken.push(await changed - began);
    await new Promise(requestAnimationFrame);
  }
  point('pointerup', 0.5);
  bar.setPointerCapture = setCapture;
  return taken;
}"""
# Frames drawn, in all panes, and turns of the display, in some seconds of playback at the highest speed.
PLAY = """async (root, seconds) => {
  let frames = 0, turns = 0;
  const observer = new MutationObserver((changes) => { frames += changes.length; });
  for (const canvas of root.querySelectorAll('canvas[data-frame]')) {
    observer.observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
  }
  root.querySelector('.staa-main').click();
  const began = performance.now();
  let now = began;
  while (now < began + 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    turns += 1;
    now = performance.now();
  }
  root.querySelector('.staa-main').click();
  observer.disconnect();
  return [frames, turns].map((count) => 1000 * count / (now - began));
}"""


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="cells run")
    parser.add_argument("--seeks", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=4, help="of playback")
    parser.add_argument("--json", type=Path, default=Path("out/player.json"))
    options = parser.parse_args()
    rows = [*_sizes()]
    for panes in (1, 4):
        rows += _animation(panes, options.seconds)
    with tempfile.TemporaryDirectory() as home, run_jupyterlab(Path(sys.executable), Path(home)) as lab:
        rows += _times(lab, options.repeats, options.seeks, options.seconds)
    print("| what | value |\n|---|---|")
    for name, value, unit in rows:
        print(f"| {name} | {value:.{0 if value >= 100 else 1}f} {unit} |")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([{"what": name, "value": value, "unit": unit} for name, value, unit in rows]))


Row = tuple[str, float, str]


def _animation(panes: int, seconds: float) -> list[Row]:
    """Measure playback at 75 frames a second, so that each refresh of the display shows a new frame and a new map.

    At the rate of the display itself some refreshes would find the frame of the one before.
    """
    times = np.arange(300) / 75
    pictures = barcode_preview(np.arange(300), times, 640, 360)
    explanations = []
    for seed in range(panes):
        maps = np.random.default_rng(seed).gamma(0.6, size=(16, 14, 14)).astype(np.float32)
        edges = np.linspace(0, 4, 17)
        sampled = np.arange(16)[:, None] * 18 + 9
        explanations.append(
            barcode_explanation(
                maps=maps,
                spans=np.stack([edges[:-1], edges[1:]], axis=1),
                sampled_frames=sampled,
                times=times,
                first_frame=0,
                end=4.0,
                box=(0.0, 0.0, 640.0, 360.0),
                frame_size=(640, 360),
                attention=None,
                preview=pictures,
            )
        )
    view = "grid" if panes > 1 else "overlay"
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        path = to_html(explanations, Path(home) / "page.html", time_interpolation="linear", view=view)
        with playwright.chromium.launch(**launch_args() or {}) as browser:
            page = browser.new_page(viewport={"width": 1600, "height": 1100})
            page.goto(path.as_uri())
            page.wait_for_selector("canvas[data-frame]")
            root = page.locator(".staa-root")
            root.evaluate(PLAY, 1)
            frames, turns = root.evaluate(PLAY, seconds)
    title = f"{panes} pane{'s' * (panes > 1)} at 640 × 360, every frame with another map"
    return [(f"{title}: drawn", frames / panes, "a second"), ("  most that this display shows", turns, "a second")]


def _times(lab: Lab, repeats: int, seeks: int, seconds: float) -> list[Row]:
    with sync_playwright() as playwright, playwright.chromium.launch(**launch_args() or {}) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        lab.write("bench.ipynb", [IMPORT, EXPLAIN, f"p = staa.Player({EXPLAIN}, rate=4)\np"])
        book = Notebook(page, lab, "bench.ipynb")
        book.run(0)
        book.run_player(1)
        warm = [_first_frame(book, 1) for _ in range(repeats)]
        root = book.run_player(2)
        root.scroll_into_view_if_needed()
        scrubbed = np.array(root.evaluate(SCRUB, seeks))
        frames, turns = root.evaluate(PLAY, seconds)
        # A new kernel without any import, and with the explanation in the cache.
        fresh = []
        for _ in range(max(1, repeats // 3)):
            lab.end_kernels()
            lab.write("fresh.ipynb", [f"{IMPORT}\n{EXPLAIN}"])
            fresh.append(_first_frame(Notebook(page, lab, "fresh.ipynb"), 0))
    return [
        ("cell to first frame, cached clip", float(np.median(warm)), "ms"),
        ("the same in a new kernel, imports included", float(np.median(fresh)), "ms"),
        ("scrub latency, median", float(np.median(scrubbed)), "ms"),
        ("scrub latency, 95th percentile", float(np.quantile(scrubbed, 0.95)), "ms"),
        ("overlay frames drawn while playing", frames, "a second"),
        ("most that this display shows", turns, "a second"),
    ]


def _first_frame(book: Notebook, cell: int) -> float:
    page = book.page
    _editor(book, cell).click()
    page.evaluate(DRAWN)
    page.keyboard.press("Control+Enter")
    milliseconds = page.evaluate("() => window.firstFrame")
    book.wait_for_end(cell)
    return milliseconds


def _editor(book: Notebook, cell: int) -> Locator:
    return book.cells.nth(cell).locator(".cm-content")


def _sizes() -> list[Row]:
    rows: list[Row] = []
    for name in ("widget.js", "widget.css"):
        text = read_bundle(name).encode()
        rows += [(name, len(text) / 1000, "kB"), (f"{name}, gzip", len(gzip.compress(text)) / 1000, "kB")]
    explanation = staa.explain(eval(CLIP, {"staa": staa}), progress=False)
    meta, buffers = pack(explanation)
    parts: dict[str, Any] = {"facts": json.dumps(meta).encode(), **buffers}
    rows.append(("state of a player", sum(map(len, parts.values())) / 1000, "kB"))
    return rows + [(f"  of it {name}", len(data) / 1000, "kB") for name, data in parts.items()]


if __name__ == "__main__":
    main()
