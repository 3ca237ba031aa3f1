"""Where the time goes from a file to an explanation shown: by step, from the cache, and to the page's first paint.

Medians with 95 % bootstrap intervals over repeats in one process, the model loaded and asked once before.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import staa_widgets as staa
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.storage import cache
from tests.helpers.chromium import launch_args

STEPS = ("open", "decode", "transform", "forward", "method", "preview", "cache write and the rest", "all")
# From the start of the load until the canvas is drawn, in milliseconds.
FIRST_FRAME = """() => new Promise((done) => {
  const drawn = () => document.querySelector('canvas[data-frame]');
  const look = () => drawn() ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""


def time_call(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a call and its seconds."""
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def median(values: list[float]) -> Interval:
    """Return the median with its 95 % bootstrap interval."""
    array = np.asarray(values)
    indices = np.random.default_rng(0).integers(0, len(array), (5000, len(array)))
    low, high = np.quantile(np.median(array[indices], axis=1), [0.025, 0.975])
    return Interval(float(np.median(array)), float(low), float(high))


def time_explain(path: Path, model: Any, folder: Path, repeats: int) -> dict[str, list[float]]:
    """Explain a file without and then with a cached result, again and again; return the seconds by step."""
    seconds_by_step: dict[str, list[float]] = {step: [] for step in (*STEPS, "cached call")}
    for repeat in range(repeats):
        os.environ["STAA_CACHE"] = str(folder / f"cache-{repeat}")
        clip, opening = time_call(lambda: staa.open_clip(path))
        explanation, all_but_open = time_call(lambda clip=clip: staa.explain(clip, model, progress=False))
        _, cached = time_call(lambda: staa.explain(path, model, progress=False))
        seconds = {"open": opening, **explanation.provenance["seconds"]}
        seconds["cache write and the rest"] = all_but_open - sum(seconds[step] for step in STEPS[1:6])
        seconds["all"] = opening + all_but_open
        for step in STEPS:
            seconds_by_step[step].append(seconds[step])
        seconds_by_step["cached call"].append(cached)
        cache.clear()
    return seconds_by_step


def time_first_paint(page_file: Path, repeats: int) -> list[float]:
    """Return the seconds from opening the exported page to its first frame."""
    with sync_playwright() as playwright, playwright.chromium.launch(**launch_args() or {}) as browser:
        seconds = []
        for _ in range(repeats + 1):
            page = browser.new_page()
            page.goto(page_file.as_uri(), wait_until="commit")
            seconds.append(page.evaluate(FIRST_FRAME) / 1000)
            page.close()
    return seconds[1:]  # without the first page, which includes the start of the browser


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, default=Path("out/pipeline.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = staa.action_clip(3, size=256, fps=25).write_mp4(folder / "clip.mp4")
        model = staa.load_model()
        first = staa.explain(path, model, cache=False, progress=False)
        seconds_by_step = time_explain(path, model, folder, options.repeats)
        page, export = time_call(lambda: first.to_html(folder / "clip.html"))
        seconds_by_step["export of the page"] = [export]
        seconds_by_step["first paint of the page"] = time_first_paint(page, options.repeats)
    rows = [{"step": step, "seconds": median(values)} for step, values in seconds_by_step.items()]
    print(f"4 s of {path.name}, {first.frame_size[0]} px, {len(first.times)} frames; {first.model_id}\n")
    print("| step | median (ms) | 95 % interval |\n|---|---|---|")
    for row in rows:
        middle, low, high = (1000 * value for value in row["seconds"])
        print(f"| {row['step']} | {middle:.1f} | {low:.1f} to {high:.1f} |")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
