"""What explaining costs over predicting: models of base size, random weights, interleaved in one run.

A pass that is recorded for a method, and the method, over the model's own stock forward; every ratio is of two passes
made one after the other. And what a record keeps of attention over all the matrices that eager attention would give.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import TimesformerConfig, VideoMAEConfig, VivitConfig, VJEPA2Config

from staa_widgets import METHODS, action_clip, explain, load_model
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.models import FAMILIES, VideoModel
from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.capture import record
from staa_widgets.models.transform import Transform

# As the smallest published classifier, but with a small predictor, which classification does not use.
_VJEPA2_L: dict[str, Any] = {"crop_size": 256, "frames_per_clip": 16, "pred_num_hidden_layers": 1}
_VJEPA2: dict[str, Any] = {
    **_VJEPA2_L,
    "crop_size": 224,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
LONG = 45.0
"""Seconds for the rounds of a model if their number is not given; at least three rounds, at most 40."""
EXPLAINED: dict[str, tuple[str, dict[str, Any]]] = {
    "staa": ("staa", {"profile": None}),
    "staa, last": ("staa", {"profile": None, "layers": "last"}),
    "staa_logit": ("staa_logit", {"profile": None}),
    "staa, exact": ("staa", {"profile": None, "exact": True}),
}
EAGER = "eager, output_attentions"
WHOLE = "whole explain"
"""`explain` of a video file: reading, preview, pass, maps, and attention by head; nothing is cached."""


@dataclass(frozen=True)
class ModelCase:
    """A model, and the runs that are timed beside the stock forward pass."""

    title: str
    make: Callable[[], VideoModel]
    what: tuple[str, ...] = ("staa", "staa, last", "staa_logit")


def random_model(family: str, config: Any, size: int = 224) -> VideoModel:
    """Make a model with random weights."""
    torch.manual_seed(0)
    processor = {"size": {"shortest_edge": size}, "crop_size": {"height": size, "width": size}}
    return load_model(FAMILIES[family].architecture(config).eval(), processor=Transform.from_json(processor))


CASES = {
    "bundled": ModelCase("bundled, 8 x 64", load_model),
    "timesformer": ModelCase(
        "TimeSformer-B, 8 x 224", lambda: random_model("timesformer", TimesformerConfig(num_frames=8))
    ),
    "timesformer-hr": ModelCase(
        "TimeSformer HR, 16 x 448, 2 layers",
        lambda: random_model(
            "timesformer", TimesformerConfig(image_size=448, num_frames=16, num_hidden_layers=2), size=448
        ),
        ("staa", "staa_logit"),
    ),
    "videomae": ModelCase(
        "VideoMAE-B, 16 x 224",
        lambda: random_model("videomae", VideoMAEConfig(num_frames=16)),
        (*EXPLAINED, EAGER),
    ),
    "vjepa2": ModelCase("V-JEPA 2, 16 x 224, ViT-B", lambda: random_model("vjepa2", VJEPA2Config(**_VJEPA2))),
    "vjepa2-l": ModelCase("V-JEPA 2, 16 x 256, ViT-L", lambda: random_model("vjepa2", VJEPA2Config(**_VJEPA2_L), 256)),
    "vivit": ModelCase(
        "ViViT-B, 32 x 224",
        lambda: random_model("vivit", VivitConfig(num_frames=32)),
        ("staa", "staa, last", EAGER),
    ),
}

DEFAULT_CASES = [name for name in CASES if name not in ("timesformer-hr", "vjepa2-l")]


def time_run(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of one call; garbage is collected before the clock starts."""
    gc.collect()
    start = clock()
    run()
    return clock() - start


def median_ratio(over: np.ndarray, under: np.ndarray) -> Interval:
    """Return the median ratio of paired passes ``(n,)`` with its 95 % bootstrap interval over rounds."""
    ratios = over / under
    round_indices = np.random.default_rng(0).integers(0, len(ratios), (5000, len(ratios)))
    low, high = np.quantile(np.median(ratios[round_indices], axis=1), [0.025, 0.975])
    return Interval(float(np.median(ratios)), float(low), float(high))


def run_stock(model: VideoModel, pixels: torch.Tensor, **settings: Any) -> Any:
    """Run the unchanged model, and return its output."""
    with torch.inference_mode():
        return model.module(**{model.geometry.input_name: pixels}, **settings)


def record_and_attribute(model: VideoModel, pixels: torch.Tensor, method: str, params: dict[str, Any]) -> Any:
    """Record a pass and compute the maps; return the record."""
    requested_method = METHODS[method]
    (pass_record,) = record(model, pixels, requested_method.needs(params), [None])
    requested_method(pass_record, **params)
    return pass_record


@contextmanager
def eager_attention(model: VideoModel) -> Iterator[None]:
    """Switch a model to eager attention for the duration of the block."""
    module: Any = model.module
    previous = module.config._attn_implementation
    module.set_attn_implementation("eager")
    try:
        yield
    finally:
        module.set_attn_implementation(previous)


def run_eagerly(model: VideoModel, pixels: torch.Tensor) -> None:
    """Run the model with eager attention, and let it return all attention matrices."""
    with eager_attention(model):
        run_stock(model, pixels, output_attentions=True)


def record_share(model: VideoModel, record: Any) -> float:
    """Return the bytes of a record divided by those of float32 attention of all layers and heads."""
    record_bytes = sum(value.nbytes for value in vars(record).values() if isinstance(value, np.ndarray))
    layout, module = model.geometry, model.module
    config: Any = module.config
    patches = layout.height * layout.width
    divided_scores = layout.slices * (1 + patches) ** 2 + patches * layout.slices**2
    scores = divided_scores if record.attention_type == "divided" else queries.count_tokens(layout) ** 2
    return record_bytes / (4 * config.num_hidden_layers * config.num_attention_heads * scores)


def measure(
    case: ModelCase, rounds: int | None, clock: Callable[[], float], what: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Time all runs of a case in each round, in random order, because a run depends on the one before it."""
    model = case.make()
    height, width = model.geometry.input_size
    pixels = torch.randn(1, model.geometry.frames, 3, height, width, generator=torch.Generator().manual_seed(0))
    what = case.what if what is None else what
    shares: dict[str, float] = {}

    def explain_label(label: str) -> None:
        shares[label] = record_share(model, record_and_attribute(model, pixels, *EXPLAINED[label]))

    runs: dict[str, Callable[[], Any]] = {"stock": lambda: run_stock(model, pixels)}
    runs |= {label: partial(explain_label, label) for label in EXPLAINED if label in what}
    if EAGER in what:
        runs[EAGER] = lambda: run_eagerly(model, pixels)
    runs["stock"]()
    folder = tempfile.TemporaryDirectory()
    if WHOLE in what:
        path = action_clip(3).write_mp4(Path(folder.name) / "clip.mp4")
        runs[WHOLE] = lambda: explain(path, model, window="whole", cache=False, progress=False)
        print(f"{case.title}: the first explain took {time_run(runs[WHOLE]):.3f} s, with the time profile of the model")
    seconds: dict[str, list[float]] = {label: [] for label in runs}
    orders = np.random.default_rng(0)
    # Objects that live to the end are excluded from the collection before each pass.
    gc.freeze()
    start = time.perf_counter()
    for round_number in tqdm(range(rounds or 40), desc=case.title):
        if rounds is None and round_number >= 3 and time.perf_counter() - start > LONG:
            break
        for label in orders.permutation(list(runs)).tolist():
            seconds[label].append(time_run(runs[label], clock))
    folder.cleanup()
    times = {label: np.array(values) for label, values in seconds.items()}
    return [
        {
            "model": case.title,
            "what": label,
            "seconds": float(np.median(values)),
            "each": values.tolist(),
            "over_stock": median_ratio(values, times["stock"]),
            "over_eager": median_ratio(values, times[EAGER]) if EAGER in times else None,
            "record_share": shares.get(label),
            "rounds": len(values),
        }
        for label, values in times.items()
    ]


def profile(case: ModelCase) -> dict[str, float]:
    """Return the seconds of each part of `staa` and of the stock forward pass: medians of three."""
    model = case.make()
    height, width = model.geometry.input_size
    pixels = torch.randn(1, model.geometry.frames, 3, height, width)
    clocks: dict[str, float] = {}
    records: list[Any] = []

    def add_clock(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def run_with_clock(*args: Any, **settings: Any) -> Any:
            start = time.perf_counter()
            result = run(*args, **settings)
            clocks[name] = clocks.get(name, 0.0) + time.perf_counter() - start
            return result

        return run_with_clock

    def read_with_clocks(*args: Any) -> Any:
        reader: Any = model.family.make_reader(*args)
        reader.captures = {module: add_clock("taps", capture) for module, capture in reader.captures.items()}
        reader.records = add_clock("records", reader.records)
        return reader

    timed_model = replace(model, family=replace(model.family, make_reader=read_with_clocks))
    method, rounds = METHODS["staa"], []
    for _ in range(4):
        clocks.clear()
        clocks["stock"] = time_run(lambda: run_stock(model, pixels))
        clocks["recorded pass"] = time_run(lambda: records.extend(record(timed_model, pixels, method.needs(), [None])))
        clocks["method"] = time_run(lambda: method(records.pop(), profile=None))
        rounds.append(dict(clocks))
    return {name: float(np.median([seconds.get(name, 0.0) for seconds in rounds[1:]])) for name in rounds[0]}


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=CASES, default=DEFAULT_CASES)
    parser.add_argument("--rounds", type=int, help="of each model; by default what fits into 45 seconds")
    parser.add_argument(
        "--what", nargs="+", choices=[*EXPLAINED, EAGER, WHOLE], help="beside stock; default: the model's own"
    )
    parser.add_argument("--cpu", action="store_true", help="count the processor's seconds: the machine is not idle")
    parser.add_argument("--profile", action="store_true", help="tell where the time of staa goes instead")
    parser.add_argument("--json", type=Path, default=Path("out/overhead.json"))
    options = parser.parse_args()
    if options.profile:
        print("| model | stock | recorded pass | of which capture | records | method |\n|---|---|---|---|---|---|")
        for name in options.models:
            seconds = profile(CASES[name])
            names = ("stock", "recorded pass", "taps", "records", "method")
            print(f"| {CASES[name].title} | {' | '.join(f'{seconds[column]:.3f} s' for column in names)} |")
        return
    rows = []
    for name in options.models:
        clock = time.process_time if options.cpu else time.perf_counter
        rows += measure(CASES[name], options.rounds, clock, options.what)
        gc.unfreeze()
        gc.collect()
    print(
        "| model | what | seconds | over stock | over eager with attentions | record bytes |\n|---|---|---|---|---|---|"
    )
    for row in rows:
        share = "" if row["record_share"] is None else f"{100 * row['record_share']:.2f} %"
        print(
            f"| {row['model']} | {row['what']} | {row['seconds']:.3f} | {row['over_stock']} | "
            f"{row['over_eager'] or ''} | {share} |"
        )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
