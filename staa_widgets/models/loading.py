"""Load a classifier from the hub, a folder or memory: only safetensors weights, and no remote code."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from torch import nn
from transformers.utils import logging

from staa_widgets.errors import ModelLoadError, ParameterError, suggest_name
from staa_widgets.models.checkpoint.files import ModelSource
from staa_widgets.models.checkpoint.load import find_processor, load_checkpoint
from staa_widgets.models.checkpoint.settings import check_labels
from staa_widgets.models.family import Family
from staa_widgets.models.module_checks import check_weights
from staa_widgets.models.registry import FAMILIES, unsupported_error
from staa_widgets.models.transform import Transform
from staa_widgets.models.video_model import VideoModel
from staa_widgets.utils.text import check_text

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


def load_model(
    model: str | Path | nn.Module | tuple[Any, Any] | None = None,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    processor: Transform | Mapping[str, Any] | Any | None = None,
    id: str | None = None,  # noqa: A002
    compile: bool = False,  # noqa: A002
) -> VideoModel:
    """Load a video classifier.

    Parameters
    ----------
    model
        Hub id, folder with ``config.json`` and safetensors weights, a name in `BUNDLED_MODELS`, or a module in memory,
        which is neither moved nor changed. ``None`` or ``"bundled"``: the bundled model. Also a pair: one of these,
        and its processor.
    device
        ``"auto"`` takes the first of cuda, mps and cpu that is available; a module in memory stays where it is.
    dtype
        ``"auto"`` is float32 on a CPU and otherwise the dtype in which the weights are stored.
    processor
        A `Transform`, the contents of a processor's JSON, or a Hugging Face processor. Default: the processor
        beside the weights; if there is none, a processor is made from the configuration, with a warning.
    id
        Name to show; default: the hub id or the folder's name.
    compile
        Whether to use `torch.compile` for the additional passes of methods that run the model again. The pass whose
        attention is captured is never compiled, because compiled code would not call the capture callbacks. Compiling
        takes a while at the first pass, and again whenever the number of inputs in a pass changes. Compiled logits
        differ by rounding.

    Returns
    -------
    VideoModel
        Ready to be explained.

    Raises
    ------
    ModelLoadError
        If files are missing, damaged or incomplete, or the hub cannot be reached.
    UnsupportedModelError
        If the architecture is not in `FAMILIES`.
    ParameterError
        If there is no such device or dtype, an argument has another type, or the module has no values.
    """
    if isinstance(model, tuple):
        if len(model) != 2 or processor is not None:
            raise ParameterError(
                f"The model is a tuple of {len(model)} values"
                + (", and there is a processor besides." if processor is not None else "."),
                "Give load_model(model, processor=…) or load_model((model, processor)).",
            )
        model, processor = model
    if id is not None:
        check_text("id", id)
    if isinstance(model, nn.Module):
        if hasattr(model, "_orig_mod"):  # Set by torch.compile; attention is captured in the original module.
            model, compile = model.get_submodule("_orig_mod"), True  # noqa: A001
        family = _family_of(model)
        module = _check_module(model, device, dtype)
        name, stored_processor = id or type(model).__name__, None
    else:
        target_device = _resolve_device(device)
        if target_device.type == "meta":
            raise ParameterError(
                "The device 'meta' cannot be used: weights have no values there.", "Use device='auto'."
            )
        source = _resolve_source(model)
        with _quiet_libraries():
            family, module = load_checkpoint(source, target_device, _resolve_dtype(dtype, target_device))
            stored_processor = find_processor(source) if processor is None else None
        name = id or source.name
    if not module.config.num_labels:
        raise unsupported_error(f"{name!r} has no classes")
    geometry = family.geometry(module.config)
    processor = stored_processor if processor is None else processor
    transform = _make_transform(processor, family, geometry.input_size, name)
    parameter = next(module.parameters())
    return VideoModel(
        module=module,
        geometry=geometry,
        transform=transform,
        family=family,
        labels=check_labels(module.config.id2label),
        id=name,
        device=parameter.device,
        dtype=parameter.dtype,
        compile=compile,
    )


def _resolve_source(model: object) -> ModelSource:
    """Return the folder or repository to load from."""
    if model is not None and not isinstance(model, str | os.PathLike):
        raise ParameterError(
            f"A model cannot be loaded from a {type(model).__name__}.",
            "Give a hub id, a folder or a module; for another classifier, use staa_widgets.wrap_model.",
        )
    # Bundled models give confident predictions for real video too; their name warns that they were trained on drawings
    # only.
    if model is None or model == "bundled":
        return ModelSource(str(BUNDLED_FOLDER), "bundled (drawn actions only)")
    if isinstance(model, str) and model.startswith("bundled/"):
        if model not in BUNDLED_MODELS:
            raise ModelLoadError(
                f"There is no bundled model {model!r}.",
                suggest_name(model, BUNDLED_MODELS, f"Choose from {', '.join(BUNDLED_MODELS)}."),
            )
        return ModelSource(str(BUNDLED_MODELS[model]), f"{model} (drawn actions only)")
    try:
        path = Path(model).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"There is no folder {str(model)[:60]!r}: {str(error)[:60]}.",
            "Give an existing folder, or a hub id such as 'owner/name'.",
        ) from error
    if is_folder:
        return ModelSource(str(path), path.resolve().name)
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
    return ModelSource(model, model)


def _refuse_misspelled_bundled_name(name: str) -> None:
    """Raise `ModelLoadError` if a name is nearly that of a bundled model; asking the hub would take half a minute."""
    full_names = {full_name.removeprefix("bundled/"): full_name for full_name in BUNDLED_MODELS}
    matches = get_close_matches(name.casefold(), ["bundled", *full_names], 1, cutoff=0.8)
    if not matches:
        return
    hint = f"Choose from bundled, {', '.join(BUNDLED_MODELS)}."
    if matches[0] in full_names:
        hint = f"Did you mean {full_names[matches[0]]!r}?"
    raise ModelLoadError(f"There is no folder or bundled model {name!r}.", hint)


def _family_of(module: nn.Module) -> Family:
    for family in FAMILIES.values():
        if family.attends and isinstance(module, family.architecture):
            return family
    raise unsupported_error(f"The module is a {type(module).__name__}")


def _check_module(module: nn.Module, device: str | torch.device, dtype: str | torch.dtype) -> Any:
    """Return the user's module unchanged; raise if it is not on the requested device or has another dtype."""
    check_weights(module)
    parameter = next(module.parameters())
    expected = parameter.device if device == "auto" else _resolve_device(device)
    if expected != parameter.device:
        raise ParameterError(f"The module is on {parameter.device}, not {expected}.", "Move it with .to() first.")
    if dtype != "auto" and _resolve_dtype(dtype, parameter.device) != parameter.dtype:
        raise ParameterError(
            f"The module has the dtype {parameter.dtype}, not {dtype}.", "Convert it with .to() first."
        )
    return module


def _resolve_device(device: str | torch.device) -> torch.device:
    if device == "auto":
        cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ParameterError(
            f"The device {str(device)!r} cannot be used: {str(error).splitlines()[0]}",
            "Use device='auto' to choose one automatically.",
        ) from error


def _resolve_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype | None:
    """Return the type to load weights in, or ``None`` for the type in which they are stored."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else None
    dtypes = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    torch_dtype = dtypes.get(str(dtype).removeprefix("torch."))
    if torch_dtype is None:
        raise ParameterError(f"The dtype {str(dtype)!r} is not supported.", f"Choose from auto, {', '.join(dtypes)}.")
    return torch_dtype


def _make_transform(processor: Any, family: Family, size: tuple[int, int], name: str) -> Transform:
    if processor is None:
        transform = Transform(shortest_edge=min(size), crop=size, mean=family.mean, std=family.std)
        warnings.warn(
            f"{name!r} comes without a processor: frames are resized to a shortest edge of {min(size)} pixels, cropped "
            f"at the center and normalized with mean {family.mean[0]} and std {family.std[0]}. If the model was "
            "trained with other preprocessing, pass load_model a processor.",
            stacklevel=3,
        )
        return transform
    return Transform.from_processor(processor, size)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Silence the logs of transformers and huggingface_hub, and their progress bars, while loading."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_verbosity = hub_logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # Without a network, huggingface_hub would log each of six attempts.
    hub_logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()
