"""How explaining grows: windows a second and peak memory against length of video and size of batch.

Every figure comes from a process of its own, because memory that was once taken is not given back. What the process
holds with the model loaded and one window explained is taken off; what is left is the work's own, and the answer.
The allocator is told to give back what is free, and to keep pieces of 32 KB and more apart (``MALLOC_TRIM_THRESHOLD_``,
``MALLOC_MMAP_THRESHOLD_``): glibc otherwise hoards more the more often it was asked.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from staa_widgets import action_clip, explain, load_model

FPS, SIZE = 10, 128
LENGTHS = {"30 s": 30, "5 min": 300, "1 h": 3600}
BATCHES = (1, 2, 4, 8)
LARGE = {"8192x4320, 10 frames": (8192, 4320, 10), "3840x2160, 30 s": (3840, 2160, 900)}


def write_long_clip(path: Path, seconds: int) -> None:
    """Write a video of this length that repeats a synthetic clip."""
    frames = action_clip(3, size=SIZE, fps=FPS).frames
    pictures = [av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p") for frame in frames]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": "50"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index in range(seconds * FPS):
            picture = pictures[index % len(pictures)]
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode())


def write_large_clip(path: Path, width: int, height: int, count: int) -> None:
    """Write a video of large frames in which a bar moves, at 30 frames a second."""
    picture = np.full((height, width, 3), 90, np.uint8)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "30", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            frame = picture.copy()
            frame[:, index * width // count :][:, : width // 10] = 220
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())


def measure(path: Path, batch_size: int | None, *, preview: bool = False) -> dict[str, float]:
    """Explain one file in this process; return windows, seconds and memory."""
    model = load_model()
    settings: dict[str, Any] = {"cache": False, "preview": preview, "attention": False, "progress": False}
    # One run before the clock starts: loading and compiling in the first pass are not part of a video's cost.
    explain(action_clip(3, size=SIZE, fps=FPS), model, **settings)
    loaded_memory, start = _peak_memory(), time.perf_counter()
    explanation = explain(path, model, window=4, batch_size=batch_size, **settings)
    seconds = time.perf_counter() - start
    arrays = (explanation.maps, explanation.spans, explanation.sampled_frames, explanation.times)
    windows = 1 if explanation.window_logits is None else len(explanation.window_logits)
    return {
        "windows": windows,
        "seconds": seconds,
        "loaded_mb": loaded_memory,
        "peak_mb": _peak_memory(),
        "answer_mb": sum(array.nbytes for array in arrays) / 1e6,
    }


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("out/scale.json"))
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument("--large", action="store_true", help="measure videos of large frames instead, with previews")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        path, size, preview = options.one
        print(json.dumps(measure(Path(path), int(size) or None, preview=preview == "preview")))
        return
    if options.large:
        _measure_large()
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.lengths:
            path = Path(folder) / f"{LENGTHS[name]}.mp4"
            write_long_clip(path, LENGTHS[name])
            rows.append({"length": name, "batch_size": None, **_measure_in_process(path, None)})
        path = Path(folder) / f"{LENGTHS[options.lengths[min(1, len(options.lengths) - 1)]]}.mp4"
        rows += [
            {"length": path.stem + " s", "batch_size": size, **_measure_in_process(path, size)} for size in BATCHES
        ]
    print("| video | batch | windows | a second | peak, MB | model, MB | beyond it, MB | over first | the answer, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        share = _own_memory(row) / _own_memory(rows[0])
        print(
            f"| {row['length']} | {row['batch_size'] or 'by memory'} | {row['windows']} | "
            f"{row['windows'] / row['seconds']:.1f} | {row['peak_mb']:.1f} | {row['loaded_mb']:.1f} | "
            f"{_own_memory(row):.1f} | {share - 1:+.1%} | {row['answer_mb']:.1f} |"
        )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows))


def _measure_large() -> None:
    """Measure the peak memory of explaining videos of large frames, with the preview, and print a table."""
    print("| video | peak, MB | model, MB |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (width, height, count) in LARGE.items():
            path = Path(folder) / f"{width}.mp4"
            write_large_clip(path, width, height, count)
            row = _measure_in_process(path, None, preview=True)
            print(f"| {name} | {row['peak_mb']:.0f} | {row['loaded_mb']:.0f} |", flush=True)


def _own_memory(row: dict[str, Any]) -> float:
    return row["peak_mb"] - row["loaded_mb"]


def _measure_in_process(path: Path, batch_size: int | None, *, preview: bool = False) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(path), str(batch_size or 0)]
    command.append("preview" if preview else "none")
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "1000000", "MALLOC_MMAP_THRESHOLD_": "32768"}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def _peak_memory() -> float:
    """Return the peak memory of this process, in MB."""
    if sys.platform == "linux":  # where `getrusage` of a new process begins with the peak of its parent
        status = Path("/proc/self/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
