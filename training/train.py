"""Train a bundled model on drawn actions: `make train`.

Draws the clips, trains a small model from scratch, saves it in the package and prints its accuracy on held-out clips.
`training/card.py` then measures the saved model through `explain` and writes the model card. After every epoch a
checkpoint is written: a run that was stopped goes on from it, and a finished stage is not trained again.

After the first stage a model is as accurate as later, but stores information in cells that have nothing to do with the
action, and attention points there. The later stages paint over cells, drop attention and shift scenes; see
`docs/training.md`.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from training import attention
from training.augment import augment_clips
from training.checkpoint import checkpoint_path, read_checkpoint, restore_random_state, write_checkpoint
from training.data import (
    CLEARLY_VISIBLE,
    IDLE_SEEDS,
    NAMES,
    NONE,
    TRAIN_SEEDS,
    VALIDATION_SEEDS,
    TrainingClips,
    load_training_clips,
)
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
STAGES: dict[str, tuple[Stage, ...]] = {
    "timesformer": (
        Stage(epochs=10, rate=1e-3, warm_up=100),
        Stage(epochs=4, rate=8e-4, warm_up=50, dropout=0.15, painted=0.2, shift=6),
        Stage(epochs=4, rate=5e-4, warm_up=50, dropout=0.1, painted=0.12, shift=6),
    ),
    # Joint attention over four slices needs more epochs: after nine of the former training ViViT was right in 91 %.
    "vivit": (
        Stage(epochs=18, rate=1e-3, warm_up=200, shift=4),
        Stage(epochs=6, rate=8e-4, warm_up=50, dropout=0.15, painted=0.2, shift=6),
        Stage(epochs=6, rate=5e-4, warm_up=50, dropout=0.1, painted=0.12, shift=6),
        Stage(epochs=4, rate=3e-4, warm_up=50, dropout=0.1, painted=0.12, shift=6),
    ),
    "videomae": (
        Stage(epochs=16, rate=1e-3, warm_up=200, shift=4),
        Stage(epochs=5, rate=8e-4, warm_up=50, dropout=0.15, painted=0.2, shift=6),
        Stage(epochs=5, rate=5e-4, warm_up=50, dropout=0.1, painted=0.12, shift=6),
    ),
}
"""Stages of the training by family; each takes less than an hour on two cores."""

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
def is_predicted(model: torch.nn.Module, frames: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return bool ``(N,)``, whether the class of each clip is predicted."""
    model.eval()
    predicted = [
        model(pixel_values=to_model_input(frames[i : i + 50])).logits.argmax(-1).numpy()
        for i in range(0, len(frames), 50)
    ]
    return np.concatenate(predicted) == labels


def train(options: argparse.Namespace) -> None:
    """Train a model through the stages that are left, print the accuracy after every epoch, and save it at the end.

    The model after each stage is saved beside the checkpoints, to compare what the stages do to explanations.
    """
    folder = options.store / bundled_name(options.family, options.seed)
    torch.manual_seed(options.seed)
    model: Any = NETS[options.family]()
    stages = STAGES[options.family]
    for number, stage in enumerate(stages[: options.stages], 1):
        settings = f"{options.family}, seed {options.seed}, {options.clips} clips, {stages[:number]}"
        checkpoint = checkpoint_path(folder, number)
        state = read_checkpoint(checkpoint, settings)
        model = with_dropout(model, stage.dropout)
        if state is not None and len(state["losses"]) == stage.epochs:
            model.load_state_dict(state["model"])
            print(f"stage {number} is finished", flush=True)
        else:
            clips, held_out = load_clips(options.clips, options.store)
            print(f"stage {number}: {len(clips.frames)} clips", flush=True)
            report = partial(print_epoch, number, model, held_out, time.perf_counter())
            train_stage(model, stage, clips, [options.seed, number], checkpoint, settings, report)
        save(model, checkpoint.with_suffix(""))
    if options.stages in (None, len(stages)):
        save(model, options.out or bundled_folder(options.family, options.seed))


def load_clips(count: int, store: Path) -> tuple[TrainingClips, TrainingClips]:
    """Return the training clips, of which one in nine shows nobody acting, and the held-out clips."""
    acting = load_training_clips(TRAIN_SEEDS, count, 64, 0.25, store)
    idle = load_training_clips(IDLE_SEEDS, count // 8, 64, 0.25, store, idle=True)
    held_out = load_training_clips(VALIDATION_SEEDS, 800, 64, 1, store)
    return TrainingClips(*(np.concatenate(parts) for parts in zip(acting, idle, strict=True))), held_out


def print_epoch(stage: int, model: torch.nn.Module, held_out: TrainingClips, start: float, losses: list[float]) -> None:
    """Print the loss of the last epoch, and the accuracy by the visible share of the action."""
    hits = is_predicted(model, held_out.frames, held_out.labels)
    clear = held_out.visible >= CLEARLY_VISIBLE
    minutes = (time.perf_counter() - start) / 60
    print(
        f"stage {stage}, epoch {len(losses)}: loss {losses[-1]:.3f}, held-out {hits[clear].mean():.3f} where "
        f"{CLEARLY_VISIBLE:.0%} of the action is visible, {hits[~clear].mean():.3f} below, {minutes:.1f} min",
        flush=True,
    )


def train_stage(
    model: Any,
    stage: Stage,
    clips: TrainingClips,
    seed: list[int],
    checkpoint: Path,
    settings: str,
    report: Callable[[list[float]], object],
) -> list[float]:
    """Train one stage, from its checkpoint if there is one; return the mean loss of every epoch.

    Parameters
    ----------
    model
        The model, changed in place.
    stage
        Its settings.
    clips
        Training clips.
    seed
        Seed of the stage.
    checkpoint
        File to go on from, written after every epoch.
    settings
        Description of all that the stage depends on; a checkpoint of others is not used.
    report
        Called after every epoch with the losses so far.
    """
    steps = stage.epochs * (len(clips.frames) // BATCH)
    rng = np.random.default_rng(seed)
    torch.manual_seed(int(rng.integers(2**31)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, (s + 1) / stage.warm_up) * 0.5 * (1 + math.cos(math.pi * min(1, s / steps)))
    )
    losses: list[float] = []
    state = read_checkpoint(checkpoint, settings)
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        losses = list(state["losses"])
        restore_random_state(state, rng)
    while len(losses) < stage.epochs:
        losses.append(train_epoch(model, stage, clips, optimizer, schedule, rng, f"epoch {len(losses) + 1}"))
        write_checkpoint(checkpoint, settings, rng, model=model, optimizer=optimizer, schedule=schedule, losses=losses)
        report(losses)
    return losses


def train_epoch(
    model: Any,
    stage: Stage,
    clips: TrainingClips,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    rng: np.random.Generator,
    title: str,
) -> float:
    """Train on every clip once; return the mean loss."""
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    slices = count_slices(model.config)
    model.train()
    losses = []
    count = len(clips.frames)
    order = rng.permutation(count)[: count // BATCH * BATCH].reshape(-1, BATCH)
    for batch in tqdm(order, desc=title, leave=False, mininterval=30):
        augmented = augment_clips(clips.frames[batch], slices, stage.painted, stage.shift, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pixel_values=to_model_input(augmented)).logits
        loss = loss_of(logits.float(), target_probabilities(clips.labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def with_dropout(model: Any, share: float) -> Any:
    """Return a copy of a model with this dropout of its attention probabilities, and a faster attention on a CPU.

    TimeSformer has an attention of its own and keeps it.
    """
    config = copy.deepcopy(model.config)
    config.attention_probs_dropout_prob = share
    renewed = type(model)(config)
    renewed.set_attn_implementation("eager" if config.model_type == "timesformer" else attention.NAME)
    renewed.load_state_dict(model.state_dict())
    return renewed


def bundled_name(family: str, seed: int) -> str:
    """Return the name of a bundled model."""
    return f"{family}-{seed}" if seed else family


def bundled_folder(family: str, seed: int) -> Path:
    """Return the folder of a bundled model in the package, where `staa_widgets.load_model` looks."""
    name = bundled_name(family, seed)
    return BUNDLED if name == "timesformer" else BUNDLED / name


def save(model: PreTrainedModel, out: Path) -> None:
    """Save weights in half precision, configuration and transform, for `from_pretrained`."""
    weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(out, state_dict=weights)
    config = copy.deepcopy(model.config)
    config.attention_probs_dropout_prob = 0.0
    config.save_pretrained(out)
    settings = json.loads((out / "config.json").read_text())
    # By this name, `load_model` knows that the model was trained on whole clips.
    (out / "config.json").write_text(json.dumps({"_name_or_path": "bundled", **settings}, indent=2) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--family", choices=NETS, default="timesformer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=12_800)
    parser.add_argument("--stages", type=int, choices=range(1, 5), help="stop after this stage")
    parser.add_argument("--store", type=Path, default=Path("out/training"), help="folder of clips and checkpoints")
    parser.add_argument("--out", type=Path, help="default: where the package finds it")
    train(parser.parse_args())
