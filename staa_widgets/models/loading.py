"""Load a classifier from the hub, a folder or memory; no code of other people runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from staa_widgets.datasets.drawn_actions import CLASSES
from staa_widgets.errors import ParameterError, UnsupportedModelError
from staa_widgets.models.checkpoint.json_file import read_json
from staa_widgets.models.checkpoint.load import load_checkpoint
from staa_widgets.models.checkpoint.settings import check_labels
from staa_widgets.models.checkpoint.source import CONFIG_FILE, FolderSource, HubOptions, ModelSource
from staa_widgets.models.family import Family
from staa_widgets.models.heads import check_head, check_problem, head_width
from staa_widgets.models.model_source import find_source
from staa_widgets.models.module_checks import check_weights
from staa_widgets.models.recipes import Recipe, find_recipe
from staa_widgets.models.registry import unsupported_error
from staa_widgets.models.transform import Transform
from staa_widgets.models.unwrap import find_classifier, is_compiled, unwrap
from staa_widgets.models.video_model import VideoModel
from staa_widgets.utils.text import check_text

_DRAWN_CLIPS = Recipe(seconds=4.0, whole=True)
"""Recipe of the bundled models."""

_BUNDLED_NAME = "bundled"
"""Name that the configurations of the bundled models state, so that a copy of a folder has it too."""


def load_model(
    model: str | Path | nn.Module | tuple[Any, Any] | None = None,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    processor: Transform | Mapping[str, Any] | Any | None = None,
    id: str | None = None,  # noqa: A002
    compile: bool = False,  # noqa: A002
    revision: str | None = None,
    subfolder: str = "",
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    variant: str | None = None,
) -> VideoModel:
    """Load a video classifier.

    Parameters
    ----------
    model
        Hub id, folder with ``config.json`` and weights, a name in `BUNDLED_MODELS`, or a module in memory, which is
        neither moved nor changed. ``None`` or ``"bundled"``: the bundled model. Also a pair: one of these, and its
        processor. A module may be wrapped by PEFT (its active adapters count), `torch.compile`,
        `torch.nn.DataParallel`, or a module of your own around a classifier or around an encoder and its head.
        Safetensors weights are read first; pickled ones (``.bin``) only with ``weights_only`` and torch 2.10 or newer,
        with a warning.
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
    revision
        Branch, tag, commit or pull request (``"refs/pr/7"``) of the repository; default: the newest commit.
    subfolder
        Folder inside the repository or folder that holds weights, configuration and processor.
    token
        Access token of the hub; default: the stored one. ``False`` for none.
    cache_dir
        Folder of downloaded files; default: that of huggingface_hub.
    local_files_only
        Whether to read only what was downloaded before. Without a network that happens by itself.
    variant
        Part of the weights' file names, such as ``"fp16"`` in ``model.fp16.safetensors``.

    Returns
    -------
    VideoModel
        Ready to be explained.

    Raises
    ------
    ModelLoadError
        If files are missing, damaged or incomplete, a repository does not exist or is gated, or the hub cannot be
        reached and the model was not downloaded before.
    UnsupportedModelError
        If the architecture is not in `FAMILIES`, tubelets do not divide its frames, the model has no classifier, or a
        module of your own computes other logits than the classifier that it holds.
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
        name, stored_processor = id or type(unwrap(model)).__name__, None
        compile = compile or is_compiled(model)  # noqa: A001
        check_weights(model)
        family, module = find_classifier(model)
        _check_placement(module, device, dtype)
        # A model that was made, not loaded, has no name and no published recipe.
        source_names = [module.config.name_or_path]
    else:
        target_device = _resolve_device(device)
        if target_device.type == "meta":
            raise ParameterError(
                "The device 'meta' cannot be used: weights have no values there.", "Use device='auto'."
            )
        target_dtype = _resolve_dtype(dtype, target_device)
        options = HubOptions(revision, subfolder, token, cache_dir, local_files_only, variant)
        source = find_source(model, options)
        checkpoint = load_checkpoint(source, target_device, target_dtype, reads_processor=processor is None)
        family, module, stored_processor = checkpoint.family, checkpoint.module, checkpoint.processor
        name = id or source.name
        if checkpoint.note:
            warnings.warn(checkpoint.note, stacklevel=2)
        source_names = [source.name, _stated_name(source)]
    if not module.config.num_labels:
        raise unsupported_error(f"{name!r} has no classes")
    labels = check_labels(module.config.id2label)
    check_head(module.classifier, len(labels))
    geometry = family.geometry(module.config)
    if geometry.frames % geometry.tubelet:
        raise UnsupportedModelError(
            f"A model of {geometry.frames} frames with tubelets of {geometry.tubelet} frames is not supported, because "
            "it does not read the last frames.",
            "In the configuration, give a number of frames that the tubelets divide.",
        )
    processor = stored_processor if processor is None else processor
    transform = _make_transform(processor, family, geometry.input_size, name)
    parameter = next(module.parameters())
    return VideoModel(
        module=module,
        geometry=geometry,
        transform=transform,
        family=family,
        labels=labels,
        id=name,
        device=parameter.device,
        dtype=parameter.dtype,
        compile=compile,
        problem_type=check_problem(module.config.problem_type, len(labels)),
        splits_logit=len(labels) == 2 and head_width(module.classifier) == 1,
        recipe=_find_recipe(family, geometry.frames, source_names),
        # A model that was trained further, on films, has other classes.
        drawings_only=_BUNDLED_NAME in source_names and set(labels) <= set(CLASSES),
    )


def _find_recipe(family: Family, frames: int, names: list[str | None]) -> Recipe | None:
    """Return how a model was trained to sample a video; ``None`` for a model without a name."""
    if _BUNDLED_NAME in names:
        return _DRAWN_CLIPS
    return find_recipe(family.name, frames, names) if any(names) else None


def _stated_name(source: ModelSource) -> str | None:
    """Return the id that a folder's configuration states; a repository is known by its own id."""
    path = source.find(CONFIG_FILE) if isinstance(source, FolderSource) else None
    name = None if path is None else read_json(path).get("_name_or_path")
    return name if isinstance(name, str) else None


def _check_placement(module: nn.Module, device: str | torch.device, dtype: str | torch.dtype) -> None:
    """Raise if the user's module is not on the requested device or has another dtype."""
    parameter = next(module.parameters())
    expected = parameter.device if device == "auto" else _resolve_device(device)
    if expected != parameter.device:
        raise ParameterError(f"The module is on {parameter.device}, not {expected}.", "Move it with .to() first.")
    if dtype != "auto" and _resolve_dtype(dtype, parameter.device) != parameter.dtype:
        raise ParameterError(
            f"The module has the dtype {parameter.dtype}, not {dtype}.", "Convert it with .to() first."
        )


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
    if processor is not None:
        return Transform.from_processor(processor, size, family.name)
    statistics = {"image_mean": list(family.mean), "image_std": list(family.std)}
    transform = Transform.from_processor(statistics, size, family.name)
    resize = f"a shortest edge of {transform.shortest_edge} pixels and cropped at the center"
    if transform.size is not None:
        resize = f"{transform.size[1]}x{transform.size[0]} pixels"
    low, high = transform.offset, 255 * transform.scale + transform.offset
    warnings.warn(
        f"{name!r} comes without a processor: frames are resized to {resize}, scaled from {low:g} to {high:g} and "
        f"normalized with mean {transform.mean[0]} and std {transform.std[0]}. If the model was trained with other "
        "preprocessing, pass load_model a processor.",
        stacklevel=3,
    )
    return transform
