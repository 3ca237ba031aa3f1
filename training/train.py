"""Train a bundled model on drawn actions: `make train`.

Draws the clips, trains a small model from scratch, saves it in the package and prints its accuracy on held-out clips.
`training/card.py` then measures the saved model through `explain` and writes the model card.

After the first stage a model is as accurate as later, but stores information in cells that have nothing to do with the
action, and attention points there. The later stages paint over cells, drop attention and shift scenes; see
`docs/training.md`.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from training.augment import augment_clips
from training.data import IDLE_SEEDS, NAMES, NONE, TRAIN_SEEDS, VALIDATION_SEEDS, load_training_clips
from training.nets import NETS, count_slices


@dataclass(frozen=True)
class Stage:
    """A stage of the training, with its own schedule of the learning rate."""

    epochs: int
    rate: float
    warm_up: int
    """Steps."""
    dropout: float = 0
    """Dropout of the attention probabilities."""
    painted: float = 0
    """Share of the tokens painted over with the color of the ground, in six of ten clips."""
    shift: int = 0
    """Largest shift of a clip in pixels, vertically and horizontally."""


BATCH = 32
STAGES = (
    Stage(epochs=8, rate=1e-3, warm_up=100),
    Stage(epochs=3, rate=8e-4, warm_up=50, dropout=0.15, painted=0.2, shift=6),
    Stage(epochs=3, rate=5e-4, warm_up=50, dropout=0.1, painted=0.12, shift=6),
)
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


def to_model_input(clips: np.ndarray) -> torch.Tensor:
    """Return the model input ``(B, 8, 3, 64, 64)`` of uint8 clips."""
    return (torch.from_numpy(clips).permute(0, 1, 4, 2, 3).float() / 255 - 0.25) / 0.25


def target_probabilities(labels: np.ndarray) -> torch.Tensor:
    """Return target probabilities ``(B, K)``: one class, or uniform for clips without an action.

    Without clips of no action, a class may be learned as the absence of the others, with nothing to point at.
    """
    known = torch.from_numpy(np.where(labels == NONE, 0, labels))
    probabilities = torch.nn.functional.one_hot(known, len(NAMES)).float()
    probabilities[torch.from_numpy(labels == NONE)] = 1 / len(NAMES)
    return probabilities


@torch.no_grad()
def accuracy(model: torch.nn.Module, clips: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of clips whose class is predicted."""
    model.eval()
    predicted = [
        model(pixel_values=to_model_input(clips[i : i + 50])).logits.argmax(-1).numpy()
        for i in range(0, len(clips), 50)
    ]
    return float((np.concatenate(predicted) == labels).mean())


def train(options: argparse.Namespace) -> None:
    """Train a model, print the accuracy after every epoch and save it."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    clips, labels = load_training_clips(TRAIN_SEEDS, options.clips, 64, 0.25, options.store)
    held_out, held_out_labels = load_training_clips(VALIDATION_SEEDS, 400, 64, 1, options.store)
    idle, none = load_training_clips(IDLE_SEEDS, options.clips // 8, 64, 0.25, options.store, idle=True)
    clips, labels = np.concatenate([clips, idle]), np.concatenate([labels, none])
    model: Any = NETS[options.family]()
    if options.start is not None:
        model = type(model).from_pretrained(options.start, dtype=torch.float32)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(clips)} clips", flush=True)
    began = time.perf_counter()
    done = 0 if options.start is None else 1
    for number, stage in enumerate(STAGES[done:], done + 1):
        model = with_dropout(model, stage.dropout)
        for epoch, loss in enumerate(train_epochs(model, stage, clips, labels, rng), 1):
            share = accuracy(model, held_out, held_out_labels)
            minutes = (time.perf_counter() - began) / 60
            print(
                f"stage {number}, epoch {epoch}: loss {loss:.3f}, held-out {share:.3f}, {minutes:.1f} min", flush=True
            )
            save(model, options.out or bundled_folder(options.family, options.seed))


def train_epochs(
    model: Any, stage: Stage, clips: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Iterator[float]:
    """Train one stage; yield the mean loss after every epoch."""
    steps = stage.epochs * (len(clips) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, (s + 1) / stage.warm_up) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps)))
    )
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    slices = count_slices(model.config)
    for epoch in range(stage.epochs):
        model.train()
        losses = []
        order = rng.permutation(len(clips))[: len(clips) // BATCH * BATCH].reshape(-1, BATCH)
        for batch in tqdm(order, desc=f"epoch {epoch + 1}/{stage.epochs}", leave=False, mininterval=5):
            seen = augment_clips(clips[batch], slices, stage.painted, stage.shift, rng)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(pixel_values=to_model_input(seen)).logits
            loss = loss_of(logits.float(), target_probabilities(labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        yield float(np.mean(losses))


def with_dropout(model: Any, share: float) -> Any:
    """Return a copy of a model with this dropout of its attention probabilities."""
    config = copy.deepcopy(model.config)
    config.attention_probs_dropout_prob = share
    renewed = type(model)(config)
    renewed.load_state_dict(model.state_dict())
    return renewed


def bundled_folder(family: str, seed: int) -> Path:
    """Return the folder of a bundled model in the package, where `staa_widgets.load_model` looks."""
    if family == "timesformer" and seed == 0:
        return BUNDLED
    return BUNDLED / (f"{family}-{seed}" if seed else family)


def save(model: PreTrainedModel, out: Path) -> None:
    """Save weights in half precision, configuration and transform, for `from_pretrained`."""
    weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(out, state_dict=weights)
    config = copy.deepcopy(model.config)
    config.attention_probs_dropout_prob = 0.0
    config.save_pretrained(out)
    (out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--family", choices=NETS, default="timesformer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=12_800)
    parser.add_argument("--start", type=Path, help="weights of the first stage to go on from; default: from nothing")
    parser.add_argument("--store", type=Path, default=Path("out/training"), help="where drawn clips are kept")
    parser.add_argument("--out", type=Path, help="default: where the package finds it")
    train(parser.parse_args())
