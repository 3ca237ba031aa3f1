"""What explaining costs over predicting: recorded forward over the model's own, in interleaved pairs of one run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import TimesformerConfig, TimesformerForVideoClassification

from staa_widgets import METHODS, load_model
from staa_widgets.evaluate.bootstrap import Interval
from staa_widgets.models.transform import Transform
from staa_widgets.tap import record


def seconds(run: object) -> float:
    """Time one call."""
    began = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - began


def median_ratio(taken: np.ndarray) -> Interval:
    """Median of explain over stock, with its 95 % bootstrap interval over pairs; `taken` is ``(pairs, 2)``."""
    ratios = taken[:, 1] / taken[:, 0]
    chosen = np.random.default_rng(0).integers(0, len(ratios), (5000, len(ratios)))
    low, high = np.quantile(np.median(ratios[chosen], axis=1), [0.025, 0.975])
    return Interval(float(np.median(ratios)), float(low), float(high))


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", type=Path, default=Path("out/overhead.json"))
    options = parser.parse_args()
    torch.manual_seed(0)
    base = TimesformerForVideoClassification(TimesformerConfig(num_frames=8)).eval()
    processor = Transform.from_json({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}})
    models = {"bundled, 8 x 64": load_model(), "TimeSformer-B, 8 x 224": load_model(base, processor=processor)}
    rows = []
    for title, model in models.items():
        height, width = model.geometry.input_size
        pixels = torch.randn(1, model.geometry.frames, 3, height, width)
        inputs = {model.geometry.input_name: pixels.to(model.device, model.dtype)}

        @torch.inference_mode()
        def stock(model=model, inputs=inputs) -> None:
            model.module(**inputs)

        for name, method in METHODS.items():
            if method.asks:
                continue

            def explain(model=model, method=method, pixels=pixels) -> None:
                method(record(model, pixels, method.needs(), [None])[0])

            stock()
            explain()
            taken = np.array([(seconds(stock), seconds(explain)) for _ in tqdm(range(options.pairs), desc=title)])
            ratio = median_ratio(taken)
            rows.append({"model": title, "method": name, "stock": float(np.median(taken[:, 0])), "ratio": ratio})
    print("| model | method | stock forward (s) | explain over stock |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['model']} | {row['method']} | {row['stock']:.3f} | {row['ratio']} |")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
