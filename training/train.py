"""Train a bundled model on drawn actions: `make train`.

Draws the clips, trains a small model from nothing, saves it where the package loads it from and says how well it does
on clips it has not seen. `training/card.py` then measures it the way a user meets it and writes the model card.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from training.data import IDLE_SEEDS, NAMES, NONE, TRAIN_SEEDS, VALIDATION_SEEDS, training_clips
from training.nets import NETS

BUNDLED = Path(__file__).parent.parent / "staa_widgets" / "models" / "bundled"
PREPROCESSOR = {
    "image_processor_type": "VideoMAEImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 64},
    "resample": 2,
    "do_center_crop": True,
    "crop_size": {"height": 64, "width": 64},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.25, 0.25, 0.25],
    "image_std": [0.25, 0.25, 0.25],
}


def pixels(clips: np.ndarray, rng: np.random.Generator | None = None) -> torch.Tensor:
    """Model input ``(B, 8, 3, 64, 64)`` of uint8 clips, mirrored and brightened by chance if `rng` is given."""
    values = torch.from_numpy(clips).permute(0, 1, 4, 2, 3).float() / 255
    if rng is not None:
        mirror = torch.from_numpy(rng.random(len(clips)) < 0.5)
        values[mirror] = values[mirror].flip(-1)
        gain = torch.from_numpy(rng.uniform(0.75, 1.2, (len(clips), 1, 1, 1, 1))).float()
        values = (values * gain + torch.from_numpy(rng.uniform(-0.03, 0.05, (len(clips), 1, 1, 1, 1))).float()).clip(
            0, 1
        )
    return (values - 0.25) / 0.25


def targets(labels: np.ndarray) -> torch.Tensor:
    """Probabilities ``(B, K)``: one class, or all alike where nobody acts.

    Without the latter a class may be learnt as what is left when no other is seen, with nothing to point at.
    """
    known = torch.from_numpy(np.where(labels == NONE, 0, labels))
    found = torch.nn.functional.one_hot(known, len(NAMES)).float()
    found[torch.from_numpy(labels == NONE)] = 1 / len(NAMES)
    return found


@torch.no_grad()
def accuracy(model: torch.nn.Module, clips: np.ndarray, labels: np.ndarray) -> float:
    """Share of clips whose class is found."""
    model.eval()
    found = [model(pixel_values=pixels(clips[i : i + 50])).logits.argmax(-1).numpy() for i in range(0, len(clips), 50)]
    return float((np.concatenate(found) == labels).mean())


def train(options: argparse.Namespace) -> None:
    """Train, report every epoch, save."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    clips, labels = training_clips(TRAIN_SEEDS, options.clips, 64, 0.25, options.store)
    held, held_labels = training_clips(VALIDATION_SEEDS, 400, 64, 1, options.store)
    idle, none = training_clips(IDLE_SEEDS, options.clips // 8, 64, 0.25, options.store, idle=True)
    clips, labels = np.concatenate([clips, idle]), np.concatenate([labels, none])
    model: Any = NETS[options.family]()
    if options.start is not None:
        model = type(model).from_pretrained(options.start, dtype=torch.float32)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(clips)} clips", flush=True)
    steps = options.epochs * (len(clips) // 32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, (s + 1) / 100) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps)))
    )
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    began = time.perf_counter()
    for epoch in range(options.epochs):
        model.train()
        losses = []
        order = rng.permutation(len(clips))[: len(clips) // 32 * 32].reshape(-1, 32)
        for batch in tqdm(order, desc=f"epoch {epoch + 1}/{options.epochs}", leave=False, mininterval=5):
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(pixel_values=pixels(clips[batch], rng)).logits
            loss = loss_of(logits.float(), targets(labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        share = accuracy(model, held, held_labels)
        minutes = (time.perf_counter() - began) / 60
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, held-out {share:.3f}, {minutes:.1f} min", flush=True)
        save(model, options.out or home(options.family, options.seed))


def home(family: str, seed: int) -> Path:
    """Folder in the package that `staa_widgets.load_model` finds a bundled model in."""
    if family == "timesformer" and seed == 0:
        return BUNDLED
    return BUNDLED / (f"{family}-{seed}" if seed else family)


def save(model: PreTrainedModel, out: Path) -> None:
    """Write weights, configuration and transform as `from_pretrained` reads them; in half precision, for their size."""
    weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(out, state_dict=weights)
    (out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--family", choices=NETS, default="timesformer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--start", type=Path, help="folder of weights to go on from; default: from nothing")
    parser.add_argument("--store", type=Path, default=Path("out/training"), help="where drawn clips are kept")
    parser.add_argument("--out", type=Path, help="default: where the package finds it")
    train(parser.parse_args())
