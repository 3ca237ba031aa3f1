"""Convert a checkpoint to safetensors: load it as `load_model` does, and save it as a new folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import torch

from staa_widgets.errors import FileWriteError, ParameterError
from staa_widgets.models.checkpoint.load import Checkpoint, load_checkpoint
from staa_widgets.models.checkpoint.quiet import quiet_transformers
from staa_widgets.models.checkpoint.source import HubOptions
from staa_widgets.models.model_source import find_source


def convert_checkpoint(model: str | os.PathLike[str], out: Path, options: HubOptions | None = None) -> Checkpoint:
    """Write a classifier as a folder with safetensors weights, and return the classifier.

    Pickled weights are read as `load_model` reads them, so that no code in them runs. The folder appears only when it
    is complete: weights of the stored type, config.json and the processor's JSON.

    Parameters
    ----------
    model
        Hub id or folder.
    out
        Folder to write; it must be new or empty.
    options
        Which files of a repository to read, and how.

    Raises
    ------
    ModelLoadError, UnsupportedModelError
        As `load_model` does.
    ParameterError
        If the folder to write holds files already.
    FileWriteError
        If it cannot be written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ParameterError(f"{str(out)!r} holds files already.", "Give a new folder.")
    checkpoint = load_checkpoint(find_source(model, options or HubOptions()), torch.device("cpu"), None)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.", dir=out.parent))
        try:
            _write(checkpoint, part)
            part.chmod(0o755)
            part.replace(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise FileWriteError(f"Cannot write {str(out)!r}: {error}", "Give a folder that can be written.") from error
    return checkpoint


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    with quiet_transformers():
        checkpoint.module.save_pretrained(folder)
    processor = checkpoint.processor
    if processor is not None:
        is_for_video = "video_processor_type" in processor
        name = "video_preprocessor_config.json" if is_for_video else "preprocessor_config.json"
        (folder / name).write_text(json.dumps(processor, indent=2), "utf-8")
