"""Measure live explanations: age of the heat map, windows a second, memory, and what happens when something is slow.

``python -m benchmarks.live`` measures in JupyterLab with Chromium's fake camera, and a slow model beside a pipeline
with an unbounded queue. ``--seconds 600`` is the long run. Results go to ``--out``: JSON, and the age over time as SVG.
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import staa_widgets as staa
from staa_widgets.live_video.explainer import WindowExplainer
from staa_widgets.live_video.frame import LiveFrame
from staa_widgets.live_video.ring import LiveWindow, Ring
from staa_widgets.models.loading import load_model
from tests.helpers.chromium import launch_args
from tests.helpers.fake_camera import NOTE_TRACKS
from tests.helpers.jupyterlab import PATIENCE, Notebook, run_jupyterlab
from tests.helpers.video_server import run_video_server

SLOW_SECONDS = 0.5
CAMERA_RATE = 30.0
STRIDE = 0.25

CELLS = (
    f"import sys\nsys.path.insert(0, {str(Path(staa.__file__).parent.parent)!r})\nimport staa_widgets as staa, json",
    "live = staa.live(fps=10, stride=0.1)\nlive",
    """import dataclasses, pathlib
pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
print(json.dumps({**dataclasses.asdict(live.stats), "state": live.status.state, "rss_mb": pages * 4096 / 1e6,
                  "ages": list(live.session.counter._ages)}))""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="seconds in JupyterLab")
    parser.add_argument(
        "--slow-seconds", type=float, default=30, help="seconds of the slow model beside a queue; 0 for none"
    )
    parser.add_argument("--out", type=Path, default=Path("out/live"), help="folder of the results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    if options.slow_seconds:
        results = {"slow": measure_slow_model(options.slow_seconds), "source": measure_lost_source()}
        print_slow(results["slow"], results["source"])
        (options.out / "age.svg").write_text(draw_curves(results["slow"]))
    results["lab"] = measure_lab(options.seconds)
    print_lab(results["lab"])
    (options.out / "live.json").write_text(json.dumps(results))


def camera() -> Iterator[np.ndarray]:
    """Yield the frames of a drawn clip for ever, 30 a second."""
    frames = staa.action_clip(3, size=192, fps=30).frames
    began = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, began + number / CAMERA_RATE - time.monotonic()))
        yield frames[number % len(frames)]


class SlowExplainer(WindowExplainer):
    """An explainer that takes half a second more for each window."""

    def explain(self, window: LiveWindow, report: Any) -> staa.Explanation:
        """Return the explanation of a window, late."""
        time.sleep(SLOW_SECONDS)
        return super().explain(window, report)


def measure_slow_model(seconds: float) -> dict[str, list[list[float]]]:
    """Run a slow model on a camera of 30 frames a second by `live` and by an unbounded queue, at the same time.

    Returns
    -------
    dict
        By name, pairs of seconds since the start and the age of the map that was made then.
    """
    model = load_model()
    curves: dict[str, list[list[float]]] = {"live": [], "unbounded queue": []}
    stop = threading.Event()
    slow = SlowExplainer(model, None, None, {}, "frames")
    slow.prepare(lambda *_: None)
    running = staa.live(camera(), model, stride=STRIDE)
    running.explainer = slow

    @running.on_window
    def note(e: staa.Explanation) -> None:
        assert running.session is not None
        curves["live"].append([running.session.now(), running.session.now() - e.times[-1]])

    thread = threading.Thread(
        target=_explain_from_queue,
        args=(SlowExplainer(model, None, None, {}, "frames"), curves["unbounded queue"], stop),
    )
    running.start()
    thread.start()
    time.sleep(seconds)
    running.stop()
    stop.set()
    thread.join()
    return curves


def _explain_from_queue(explainer: WindowExplainer, curve: list[list[float]], stop: threading.Event) -> None:
    """Explain every window of a camera whose frames wait in a queue without limit."""
    frames: queue.SimpleQueue[LiveFrame] = queue.SimpleQueue()
    began = time.monotonic()

    def read() -> None:
        for number, image in enumerate(camera()):
            frames.put(LiveFrame(number, time.monotonic() - began, image))
            if stop.is_set():
                break

    threading.Thread(target=read, daemon=True).start()
    ring, last = Ring(explainer.model.geometry.frames, 2.0), -1.0
    while not stop.is_set():
        frame = frames.get()
        ring.add(frame, explainer.model.pixels(frame.image[None])[0])
        window = ring.window() if frame.time >= last + STRIDE else None
        if window is not None:
            last = frame.time
            explainer.explain(window, lambda *_: None)
            now = time.monotonic() - began
            curve.append([now, now - frame.time])


def measure_lost_source() -> dict[str, float]:
    """Return the seconds until a lost source is reported, and until `stop` has closed the connection."""
    seconds: dict[str, float] = {}
    with run_video_server() as server:
        for name in ("closed", "silent"):
            running = staa.live(server.url + "/camera", fps=8, window=0.5)
            running.start()
            _wait(lambda running=running: running.stats.taken > 3)
            began = time.monotonic()
            server.plugged.clear() if name == "closed" else server.stalled.set()
            _wait(lambda running=running: running.status.state == "waiting")
            seconds[name] = time.monotonic() - began
            running.stop()
            server.plugged.set()
            server.stalled.clear()
        running = staa.live(server.url + "/camera", fps=8, window=0.5)
        running.start()
        _wait(lambda: running.stats.taken > 3)
        assert running.session is not None
        reader = next(thread for thread in running.session._threads if thread.name == "staa live source")
        began = time.monotonic()
        running.stop()
        reader.join()
        seconds["stop"] = time.monotonic() - began
    return seconds


def _wait(condition: Any) -> None:
    while not condition():
        time.sleep(0.01)


def measure_lab(seconds: float) -> dict[str, Any]:
    """Return counts, ages and memory of the widget with the fake camera in JupyterLab, sampled twice a minute."""
    arguments = launch_args()
    assert arguments is not None
    samples: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as home,
        run_jupyterlab(Path(sys.executable), Path(home) / "lab") as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(**arguments)
        page = browser.new_page(viewport={"width": 1100, "height": 950})
        page.set_default_timeout(PATIENCE)
        page.add_init_script(NOTE_TRACKS)
        lab.write("live.ipynb", CELLS)
        book = Notebook(page, lab, "live.ipynb")
        book.run(0)
        root = book.run(1).locator(".staa-live")
        root.get_by_role("button", name="Start").click()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            page.wait_for_timeout(1000 * min(30.0, max(until - time.monotonic(), 1.0)))
            samples.append(book.run_json(2))
        freed = page.evaluate("""async () => {
          const began = performance.now();
          [...document.querySelectorAll('.staa-live button')].find((button) => button.textContent === 'Stop').click();
          while (tracks.some((track) => track.readyState !== 'ended')) await new Promise((done) => setTimeout(done, 5));
          return performance.now() - began;
        }""")
        browser.close()
    for sample in samples:
        sample["ages"] = sample["ages"][-300:]  # of the half minute before the sample
    return {"samples": samples, "freed_ms": freed}


def print_lab(lab: dict[str, Any]) -> None:
    first, last = lab["samples"][0], lab["samples"][-1]
    print("\nJupyterLab, fake camera, bundled model:")
    print(f"  windows a second        {last['windows_per_second']:8.1f}   (bar: at least 8)")
    print(f"  age p50                 {1000 * last['age_p50']:8.0f} ms (bar: 120)")
    print(f"  age p95                 {1000 * last['age_p95']:8.0f} ms (bar: 250)")
    minutes = [
        1000 * float(np.percentile([age for sample in part for age in sample["ages"]], 95))
        for part in (lab["samples"][:2], lab["samples"][-2:])
    ]
    print(f"  age p95, first minute   {minutes[0]:8.0f} ms, last {minutes[1]:.0f} ms (bar: 1.2 times the first)")
    print(f"  RSS, first and last     {first['rss_mb']:8.0f} MB, {last['rss_mb']:.0f} MB")
    print(f"  stop to camera free     {lab['freed_ms']:8.0f} ms (bar: 500)")
    print(f"  frames offered, taken, dropped: {last['offered']}, {last['taken']}, {last['dropped']}")


def print_slow(curves: dict[str, list[list[float]]], source: dict[str, float]) -> None:
    print(f"\nModel slowed by {SLOW_SECONDS} s, camera of {CAMERA_RATE:.0f} frames a second:")
    for name, curve in curves.items():
        ages = np.array(curve)[:, 1]
        quarter = max(len(ages) // 4, 1)
        print(
            f"  {name:<16} {len(ages):4} windows, age p95 {np.percentile(ages, 95):6.2f} s, "
            f"first quarter {ages[:quarter].mean():6.2f} s, last quarter {ages[-quarter:].mean():6.2f} s"
        )
    print("\nHTTP camera:")
    print(f"  connection closed: said after {source['closed']:.2f} s; silent: after {source['silent']:.2f} s (bar: 6)")
    print(f"  stop to closed connection: {source['stop']:.2f} s (bar: 0.5)")


def draw_curves(curves: dict[str, list[list[float]]]) -> str:
    """Return the ages over time as SVG."""
    width, height, margin = 640, 320, 50
    end = max(point[0] for curve in curves.values() for point in curve)
    top = max(point[1] for curve in curves.values() for point in curve)
    parts = []
    for (name, curve), color in zip(curves.items(), ("#1d5fd1", "#b9501a"), strict=True):
        points = [
            (margin + (width - 2 * margin) * x / end, height - margin - (height - 2 * margin) * y / top)
            for x, y in curve
        ]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{text}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = points[-1]
        parts.append(f'<text x="{x - 4:.0f}" y="{y - 8:.0f}" fill="{color}" text-anchor="end">{name}</text>')
    axes = f"M{margin} {margin}V{height - margin}H{width - margin}"
    labels = (
        f'<text x="{margin}" y="{margin - 10}">age of the heat map, up to {top:.1f} s</text>'
        f'<text x="{width - margin}" y="{height - margin + 20}" text-anchor="end">{end:.0f} s</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/><path d="{axes}" fill="none" stroke="gray"/>'
        f"{labels}{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    main()
