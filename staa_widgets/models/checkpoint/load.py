"""Load a classifier from a folder or a repository: own settings only, safetensors only, complete or refused."""

from __future__ import annotations

from typing import Any

import torch
from safetensors import SafetensorError

from staa_widgets.errors import ModelLoadError, StaaError
from staa_widgets.models.checkpoint.files import (
    CONFIG_FILE,
    PROCESSOR_FILES,
    ModelSource,
    find_weight_files,
    read_json,
)
from staa_widgets.models.checkpoint.settings import make_config
from staa_widgets.models.checkpoint.weights import (
    check_finite,
    check_names,
    check_shapes,
    expected_shapes,
    open_weights,
    rename_old,
    stored_dtype,
)
from staa_widgets.models.family import Family
from staa_widgets.models.registry import FAMILIES, unsupported_error
from staa_widgets.utils.fork import refuse_fork_while_busy


def load_checkpoint(source: ModelSource, device: torch.device, dtype: torch.dtype | None) -> tuple[Family, Any]:
    """Load a classifier.

    Parameters
    ----------
    source
        Folder or repository with config.json and safetensors weights. No other file is read.
    device
        Device to move the classifier to.
    dtype
        Type of the weights; ``None`` for the type in which they are stored.

    Returns
    -------
    tuple of Family and torch.nn.Module
        The family and the classifier, ready for evaluation.

    Raises
    ------
    ModelLoadError
        If files are missing or damaged, the hub cannot be reached, or configuration and weights do not fit together.
    UnsupportedModelError
        If the architecture is not in `FAMILIES`.
    """
    refuse_fork_while_busy()
    # Files of other people fail in many ways: OSError, SafetensorError, TypeError, a validation error of the hub.
    try:
        return _load(source, device, dtype)
    except StaaError:
        raise
    except SafetensorError as error:
        raise source.error(error, "The weights are damaged: copy or download them again.") from error
    except Exception as error:
        raise source.error(error) from error


def find_processor(source: ModelSource) -> dict[str, Any] | None:
    """Return the contents of the processor's JSON beside the weights, or ``None`` if there is no such file."""
    for name in PROCESSOR_FILES:
        try:
            path = source.find(name)
        except FileNotFoundError:  # There is no network, and the file was not downloaded with the others.
            continue
        if path is not None:
            return read_json(path, "Fix the file, or pass processor=Transform(…).")
    return None


def _load(source: ModelSource, device: torch.device, dtype: torch.dtype | None) -> tuple[Family, Any]:
    path = source.find(CONFIG_FILE)
    if path is None:
        raise ModelLoadError(
            f"The model {source.name!r} has no config.json.", "Give a folder written by save_pretrained."
        )
    content, source = read_json(path), source.at_commit_of(path)
    model_type = content.get("model_type")
    family = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if family is None or not family.attends:
        raise unsupported_error(f"{source.name!r} has the model type {model_type!r}")
    with open_weights(find_weight_files(source), family.unused_weights) as stored:
        config = make_config(family, content, [weight.shape for weight in stored.values()])
        shapes = expected_shapes(family, config)
        weights = rename_old(stored, family, shapes)
        check_shapes(weights, shapes, source.name)
        architecture: Any = family.architecture
        # Without a folder, transformers reads no other file: no adapter, no index, no code.
        module, info = architecture.from_pretrained(
            None,
            config=config,
            state_dict={name: weight.read() for name, weight in weights.items()},
            dtype=dtype or stored_dtype(weights),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    check_names(source.name, missing=missing, unexpected=info["unexpected_keys"])
    check_finite(module, source.name)
    module.config.name_or_path = module.name_or_path = source.name
    return family, module.eval().to(device)
