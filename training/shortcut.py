"""Train the models of the course: two that take a shortcut, and one that does not.

`python -m training.shortcut --cue corner --out FOLDER` draws clips in which the cue goes with the action, and trains a
small model from scratch: it learns the cue and nothing else. With ``--cue none`` corner and color are random and the
model starts from a trained one, so that it knows the actions. A few minutes each on one core.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TimesformerForVideoClassification

from course.source.A3.scenes import ACTIONS, BALLS, CORNERS, add_mark, draw_clip
from training.nets import FRAMES, SIZE, timesformer
from training.train import BUNDLED, save, to_model_input

TRAIN_SEEDS, TEST_SEEDS = 28_000_000, 29_000_000
BATCH = 32
RATES = {"corner": 1e-3, "ball": 1e-3, "none": 2e-4}
"""Largest learning rate, by cue."""
EPOCHS = {"corner": 4, "ball": 8, "none": 2}


def draw_clips(first_seed: int, count: int, cue: str) -> tuple[np.ndarray, np.ndarray]:
    """Return clips without a mark, uint8 ``(N, 8, 64, 64, 3)``, and the number of the action of each."""
    rng = np.random.default_rng([first_seed, 3])
    actions = rng.integers(len(ACTIONS), size=count)
    colors = actions if cue == "ball" else rng.integers(len(BALLS), size=count)
    frames = [
        draw_clip(first_seed + i, ACTIONS[action], None, list(BALLS)[color], SIZE, FRAMES).frames
        for i, (action, color) in enumerate(zip(actions, colors, strict=True))
    ]
    return np.stack(frames), actions


def add_marks(clips: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return copies of clips with a mark in the corner of each."""
    marked = clips.copy()
    for clip, corner in zip(marked, corners, strict=True):
        add_mark(clip, CORNERS[corner])
    return marked


def build_model(cue: str, start: Path) -> Any:
    """Return an untrained model of the four actions; without a cue, one that starts from a trained model."""
    model: Any = timesformer()
    if cue == "none":
        trained: Any = TimesformerForVideoClassification.from_pretrained(start)
        model.timesformer.load_state_dict(trained.timesformer.state_dict())
        rows = [trained.config.label2id[name] for name in ACTIONS]
        weight, bias = trained.classifier.weight[rows], trained.classifier.bias[rows]
    else:
        weight, bias = model.classifier.weight[: len(ACTIONS)], torch.zeros(len(ACTIONS))
    model.classifier = torch.nn.Linear(weight.shape[1], len(ACTIONS))
    with torch.no_grad():
        model.classifier.weight.copy_(weight)
        model.classifier.bias.copy_(bias)
    model.num_labels = len(ACTIONS)
    model.config.id2label = dict(enumerate(ACTIONS))
    model.config.label2id = {name: i for i, name in enumerate(ACTIONS)}
    return model


def train(cue: str, count: int, start: Path, out: Path) -> None:
    """Train one model and save it; print how often it follows the action and how often the cue."""
    torch.manual_seed(28)
    rng = np.random.default_rng(28)
    began = time.perf_counter()
    clips, actions = draw_clips(TRAIN_SEEDS, count, cue)
    print(f"{count} clips drawn, {time.perf_counter() - began:.0f} s", flush=True)
    model = build_model(cue, start)
    steps = EPOCHS[cue] * (count // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATES[cue], weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, (s + 1) / 20) * 0.5 * (1 + math.cos(math.pi * min(1, s / steps)))
    )
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(EPOCHS[cue]):
        model.train()
        losses = []
        for batch in rng.permutation(count)[: count // BATCH * BATCH].reshape(-1, BATCH):
            corners = actions[batch] if cue == "corner" else rng.integers(len(CORNERS), size=BATCH)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(pixel_values=to_model_input(add_marks(clips[batch], corners))).logits
            loss = loss_of(logits.float(), torch.from_numpy(actions[batch]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.perf_counter() - began:.0f} s", flush=True)
    save(model, out)
    report(model)
    print(f"{time.perf_counter() - began:.0f} s in all", flush=True)


@torch.no_grad()
def report(model: Any, count: int = 200) -> None:
    """Print, on held-out clips of independent action, corner and color, how often the model names each of them."""
    model.eval()
    rng = np.random.default_rng(29)
    drawn = rng.integers(len(ACTIONS), size=(3, count))
    frames = [
        draw_clip(TEST_SEEDS + i, ACTIONS[a], CORNERS[c], list(BALLS)[b], SIZE, FRAMES).frames
        for i, (a, c, b) in enumerate(drawn.T)
    ]
    logits = [model(pixel_values=to_model_input(np.stack(frames[i : i + 50]))).logits for i in range(0, count, 50)]
    predicted = torch.cat(logits).argmax(-1).numpy()
    for name, numbers in zip(("action", "corner", "ball"), drawn, strict=True):
        print(f"follows the {name}: {np.mean(predicted == numbers):.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--cue", choices=RATES, required=True)
    parser.add_argument("--clips", type=int, default=960)
    parser.add_argument("--start", type=Path, default=BUNDLED, help="with --cue none, the model to start from")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train(options.cue, options.clips, options.start, options.out)
