"""Find the files of a model's weights."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.torch_version import TorchVersion

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.checkpoint.hub import HubSource
from staa_widgets.models.checkpoint.json_file import read_json
from staa_widgets.models.checkpoint.refusals import missing_weights_error
from staa_widgets.models.checkpoint.source import SAVE_HINT, ModelSource

SAFE_TORCH = "2.10"
"""First release of torch whose `torch.load` reads pickled weights safely (CVE-2026-24747)."""

_SAFETENSORS, _PICKLED = "model.safetensors", "pytorch_model.bin"


@dataclass(frozen=True)
class WeightFiles:
    """The files of a model's weights.

    Parameters
    ----------
    paths
        One file, or the files that an index lists.
    pickled
        Whether they are pickled (``.bin``), not safetensors.
    note
        Text of a warning about where the weights come from; empty for none.
    """

    paths: tuple[Path, ...]
    pickled: bool = False
    note: str = ""


def find_weight_files(source: ModelSource) -> WeightFiles:
    """Return the files of a model's weights: safetensors files or, if there are none, pickled ones.

    Pickled weights are read only with torch `SAFE_TORCH` or newer. With an older torch, the weights of a repository on
    the hub are read from the open pull request in which the hub's bot converted them to safetensors, if there is one.

    Raises
    ------
    ModelLoadError
        If there are no weights; if they are pickled and torch is too old; or if an index names a file that is missing
        or in another folder.
    """
    paths = _find_paths(source, _SAFETENSORS)
    if paths:
        return WeightFiles(paths)
    pickled = _with_variant(_PICKLED, source.options.variant)
    index = _with_variant(f"{_PICKLED}.index.json", source.options.variant)
    pickled_name = next((name for name in (pickled, index) if name in source.files()), None)
    if pickled_name is None:
        raise missing_weights_error(source)
    if TorchVersion(torch.__version__) >= SAFE_TORCH:
        note = (
            f"{source.name!r} has no safetensors weights: {pickled_name} was read with torch.load(weights_only=True), "
            "which runs no code in it."
        )
        return WeightFiles(_find_paths(source, _PICKLED), pickled=True, note=note)
    converted = source.find_converted() if isinstance(source, HubSource) else None
    paths = _find_paths(converted, _SAFETENSORS) if converted is not None else ()
    if converted is not None and paths:
        note = (
            f"{source.name!r} has no safetensors weights on its main branch: those of the hub's conversion bot were "
            f"read. revision={converted.options.revision!r} reads them without a network too."
        )
        return WeightFiles(paths, note=note)
    raise ModelLoadError(
        f"The model {source.name!r} has pickled weights only ({pickled_name}), and torch {torch.__version__} does not "
        "read such files safely (CVE-2026-24747).",
        f"Update torch to {SAFE_TORCH} or newer. Or run `staa convert {source.name} OUT` where such a torch is "
        "installed, and load the folder OUT here: its weights are safetensors.",
    )


def _find_paths(source: ModelSource, name: str) -> tuple[Path, ...]:
    """Return the file of this name, else the files that its index lists; nothing if neither exists."""
    path = source.find(_with_variant(name, source.options.variant))
    if path is not None:
        return (path,)
    index = source.find(_with_variant(f"{name}.index.json", source.options.variant))
    return () if index is None else _find_listed_files(source, index, Path(name).suffix)


def _with_variant(name: str, variant: str | None) -> str:
    """Return a file name with the variant before its last suffix, as transformers writes it."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{variant}.{suffix}" if variant else name


def _find_listed_files(source: ModelSource, index: Path, suffix: str) -> tuple[Path, ...]:
    kind = "safetensors" if suffix == ".safetensors" else suffix
    weight_map = read_json(index).get("weight_map")
    names: Iterable[Any] = weight_map.values() if isinstance(weight_map, dict) else ()
    paths = []
    for name in dict.fromkeys(map(str, names)):
        if not re.fullmatch(rf"[\w-][\w.-]*{re.escape(suffix)}", name):
            raise ModelLoadError(
                f"{index.name} of {source.name!r} names {name!r}, which is no {kind} file beside it.", SAVE_HINT
            )
        path = source.find(name)
        if path is None:
            raise ModelLoadError(
                f"{name} of the model {source.name!r} is missing.", "Copy or download all files of the model."
            )
        paths.append(path)
    if not paths:
        raise ModelLoadError(f"{index.name} of {source.name!r} lists no files.", SAVE_HINT)
    return tuple(paths)
