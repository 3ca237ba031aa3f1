"""Find the folder or repository that the name of a model stands for; the names of the bundled models."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

from staa_widgets.errors import ModelLoadError, ParameterError, suggest_name
from staa_widgets.models.checkpoint.hub import open_repository
from staa_widgets.models.checkpoint.quiet import quiet_hub
from staa_widgets.models.checkpoint.source import FolderSource, HubOptions, ModelSource
from staa_widgets.models.registry import FAMILIES

BUNDLED_FOLDER = Path(__file__).parent / "bundled"


def _find_bundled_models() -> dict[str, Path]:
    """Return the folders of bundled models by name, in the order of `FAMILIES`; ``-1`` marks a second training run."""
    folders = {"timesformer": BUNDLED_FOLDER} | {folder.name: folder for folder in sorted(BUNDLED_FOLDER.iterdir())}
    return {
        f"bundled/{name}": folder
        for family in FAMILIES
        for name, folder in folders.items()
        if name.partition("-")[0] == family and (folder / "config.json").is_file()
    }


BUNDLED_MODELS = _find_bundled_models()
"""Folders of the models that come with the package, by name; ``-1`` marks a second training run."""


def find_source(model: object, options: HubOptions) -> ModelSource:
    """Return the folder or repository that a name stands for.

    Parameters
    ----------
    model
        Hub id, folder or name of a bundled model; ``None`` for the default model.
    options
        Which files to read, and how.

    Raises
    ------
    ModelLoadError
        If there is no such folder, bundled model or repository.
    ParameterError
        If it is of another type, or a revision of a folder is requested.
    """
    if model is not None and not isinstance(model, str | os.PathLike):
        raise ParameterError(
            f"A model cannot be loaded from a {type(model).__name__}.",
            "Give a hub id, a folder or a module; for another classifier, use staa_widgets.wrap_model.",
        )
    # Bundled models give confident predictions for real video too; their name warns that they were trained on drawings
    # only.
    if model is None or model == "bundled":
        return FolderSource("bundled (drawn actions only)", BUNDLED_FOLDER)
    if isinstance(model, str) and model.startswith("bundled/"):
        if model not in BUNDLED_MODELS:
            raise ModelLoadError(
                f"There is no bundled model {model!r}.",
                suggest_name(model, BUNDLED_MODELS, f"Choose from {', '.join(BUNDLED_MODELS)}."),
            )
        return FolderSource(f"{model} (drawn actions only)", BUNDLED_MODELS[model])
    try:
        path = Path(model).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"There is no folder {str(model)[:60]!r}: {str(error)[:60]}.",
            "Give an existing folder, or a hub id such as 'owner/name'.",
        ) from error
    if is_folder:
        if options.revision is not None:
            raise ParameterError(
                f"{path.resolve().name!r} is a folder, which has no revision {options.revision!r}.",
                "Give the hub id, or leave revision out.",
            )
        folder = path / options.subfolder
        return FolderSource(folder.resolve().name, folder, options)
    if is_file:
        raise ModelLoadError(
            f"{str(model)!r} is a file, not a folder.", "Give the folder that contains the weights and config.json."
        )
    if not isinstance(model, str) or not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", model):
        raise ModelLoadError(
            f"There is no folder {str(model)!r}.", "Give an existing folder, or a hub id such as 'owner/name'."
        )
    if "/" not in model:
        _refuse_misspelled_bundled_name(model)
    with quiet_hub():
        return open_repository(model, options)


def _refuse_misspelled_bundled_name(name: str) -> None:
    """Raise `ModelLoadError` if a name is nearly that of a bundled model."""
    full_names = {full_name.removeprefix("bundled/"): full_name for full_name in BUNDLED_MODELS}
    matches = get_close_matches(name.casefold(), ["bundled", *full_names], 1, cutoff=0.8)
    if not matches:
        return
    hint = f"Choose from bundled, {', '.join(BUNDLED_MODELS)}."
    if matches[0] in full_names:
        hint = f"Did you mean {full_names[matches[0]]!r}?"
    raise ModelLoadError(f"There is no folder or bundled model {name!r}.", hint)
