"""Checkpoints of a stage of the training, so that a run that was stopped goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch


def checkpoint_path(folder: Path, stage: int) -> Path:
    """Return the file of a stage's checkpoint, stages counted from 1."""
    return folder / f"stage-{stage}.pt"


def write_checkpoint(path: Path, settings: str, rng: np.random.Generator, **parts: Any) -> None:
    """Write the state of a stage after an epoch; the file is replaced in one step.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    settings
        Description of all that the stage depends on; with other settings the checkpoint is not read.
    rng
        Random generator of the stage.
    parts
        Objects with a `state_dict`, numbers, and lists of numbers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() if hasattr(part, "state_dict") else part for name, part in parts.items()}
    state |= {"settings": settings, "numpy_rng": rng.bit_generator.state, "torch_rng": torch.get_rng_state()}
    unfinished = path.with_suffix(f".{os.getpid()}.unfinished")
    torch.save(state, unfinished)
    unfinished.replace(path)


def read_checkpoint(path: Path, settings: str) -> Mapping[str, Any] | None:
    """Return the state of a stage; ``None`` if there is none or it has other settings."""
    if not path.exists():
        return None
    # Without code: the random state of numpy is a mapping of numbers.
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state if state["settings"] == settings else None


def restore_random_state(state: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Set numpy's generator and torch's global one to where they were when a checkpoint was written."""
    rng.bit_generator.state = state["numpy_rng"]
    torch.set_rng_state(state["torch_rng"])
