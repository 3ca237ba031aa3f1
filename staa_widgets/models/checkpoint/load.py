"""Load a classifier from a folder or a repository. No code in it runs, and an incomplete classifier is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError

from staa_widgets.errors import StaaError
from staa_widgets.models.checkpoint.json_file import read_json
from staa_widgets.models.checkpoint.quiet import quiet_hub, quiet_transformers
from staa_widgets.models.checkpoint.refusals import missing_config_error, refuse_encoder, refuse_language_model
from staa_widgets.models.checkpoint.settings import make_config
from staa_widgets.models.checkpoint.source import CONFIG_FILE, ModelSource
from staa_widgets.models.checkpoint.weight_files import WeightFiles, find_weight_files
from staa_widgets.models.checkpoint.weights import (
    check_finite,
    check_names,
    check_shapes,
    expected_shapes,
    missing_zeros,
    open_weights,
    rename_old,
    stored_dtype,
)
from staa_widgets.models.family import Family
from staa_widgets.models.registry import FAMILIES, unsupported_error
from staa_widgets.utils.fork import begin_computation

PROCESSOR_FILES = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json")
_PROCESSOR_HINT = "Fix the file, or pass processor=Transform(…)."


@dataclass(frozen=True)
class Checkpoint:
    """A loaded classifier.

    Parameters
    ----------
    family
        Its family.
    module
        The classifier, ready for evaluation.
    processor
        Contents of the processor's JSON; ``None`` if there is none.
    note
        Text of a warning about where the weights come from; empty for none.
    """

    family: Family
    module: Any
    processor: dict[str, Any] | None
    note: str


def load_checkpoint(
    source: ModelSource, device: torch.device, dtype: torch.dtype | None, *, reads_processor: bool = True
) -> Checkpoint:
    """Load a classifier.

    Parameters
    ----------
    source
        Folder or repository with config.json and weights. No other file is read except the processor's JSON.
    device
        Device to move the classifier to.
    dtype
        Type of the weights; ``None`` for the type in which they are stored.
    reads_processor
        Whether to read the processor's JSON.

    Raises
    ------
    ModelLoadError
        If files are missing or damaged, the hub cannot be reached, or configuration and weights do not fit together.
    UnsupportedModelError
        If the architecture is not in `FAMILIES`, or the model has no classifier.
    """
    begin_computation()
    # Files of other people fail in many ways: OSError, SafetensorError, TypeError, a validation error of the hub.
    try:
        with quiet_hub():
            family, content, source = _read_config(source)
            # Downloaded even if it is not read now, so that the model can be loaded without a network later.
            path = next(filter(None, map(source.find, PROCESSOR_FILES)), None)
            processor = read_json(path, _PROCESSOR_HINT) if path is not None and reads_processor else None
            files = find_weight_files(source)
        with quiet_transformers():
            module = _make_module(source, family, content, files, device, dtype)
    except StaaError:
        raise
    except SafetensorError as error:
        raise source.error(error, "The weights are damaged: copy or download them again.") from error
    except Exception as error:
        raise source.error(error) from error
    return Checkpoint(family, module, processor, files.note)


def _read_config(source: ModelSource) -> tuple[Family, dict[str, Any], ModelSource]:
    """Return the family and the contents of config.json, and the source at the commit of this file."""
    path = source.find(CONFIG_FILE)
    if path is None:
        raise missing_config_error(source)
    content, source = read_json(path), source.at_commit_of(path)
    model_type = content.get("model_type")
    family = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if family is None or not family.attends:
        refuse_language_model(source.name, content)
        raise unsupported_error(f"{source.name!r} has the model type {model_type!r}")
    refuse_encoder(source.name, family, content)
    return family, content, source


def _make_module(
    source: ModelSource,
    family: Family,
    content: dict[str, Any],
    files: WeightFiles,
    device: torch.device,
    dtype: torch.dtype | None,
) -> Any:
    with open_weights(files, family.unused_weights) as stored:
        config = make_config(family, content, [weight.shape for weight in stored.values()])
        shapes = expected_shapes(family, config)
        weights = rename_old(stored, family, shapes)
        check_shapes(weights, shapes, source.name)
        architecture: Any = family.architecture
        tensors = {name: weight.read() for name, weight in weights.items()}
        # Without a folder, transformers reads no other file (adapter, index, code), and does not ask the hub to convert
        # pickled weights.
        module, info = architecture.from_pretrained(
            None,
            config=config,
            state_dict=tensors | missing_zeros(weights, family, shapes),
            dtype=dtype or stored_dtype(weights),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    check_names(source.name, missing=missing, unexpected=info["unexpected_keys"])
    check_finite(module, source.name)
    module.config.name_or_path = module.name_or_path = source.name
    return module.eval().to(device)
