"""Check the weights of safetensors files against the architecture, by their headers, before anything is allocated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.family import Family

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_CHECKPOINT_HINT = "Use a checkpoint trained for video classification, with the config.json that belongs to it."


@dataclass(frozen=True)
class StoredWeight:
    """A weight in an open safetensors file.

    Parameters
    ----------
    file
        The open file.
    name
        Name in the file.
    shape, dtype
        Shape and type in the file's header, such as ``"F32"``.
    """

    file: Any
    name: str
    shape: tuple[int, ...]
    dtype: str

    def read(self) -> Tensor:
        """Return the weight; its memory is that of the file until it is used."""
        return self.file.get_tensor(self.name)


@contextmanager
def open_weights(paths: Sequence[Path], unused_names: Collection[str]) -> Iterator[dict[str, StoredWeight]]:
    """Open the files of a model's weights, and return the weights by name.

    Parameters
    ----------
    paths
        Safetensors files.
    unused_names
        Patterns of the names of weights to leave out, see `Family.unused_weights`.

    Raises
    ------
    SafetensorError, OSError
        If a file is damaged or cannot be read.
    ModelLoadError
        If a weight occurs twice, or is not made of floating-point numbers.
    """
    weights: dict[str, StoredWeight] = {}
    with ExitStack() as stack:
        for path in paths:
            file = stack.enter_context(safe_open(path, framework="pt"))
            for name in file.keys():  # noqa: SIM118
                if any(re.fullmatch(pattern, name) for pattern in unused_names):
                    continue
                if name in weights:
                    raise ModelLoadError(f"The weight {name} is in two files.", "Save the model again.")
                header = file.get_slice(name)
                weights[name] = StoredWeight(file, name, tuple(header.get_shape()), str(header.get_dtype()))
        others = {f"{name} ({weight.dtype})" for name, weight in weights.items() if weight.dtype not in _DTYPES}
        if others:
            raise ModelLoadError(
                f"The model has weights of a type that is not supported: {list_names(others)}.",
                "Use a checkpoint with floating-point weights that is not quantized.",
            )
        yield weights


def rename_old(weights: Mapping[str, StoredWeight], family: Family, names: Collection[str]) -> dict[str, StoredWeight]:
    """Return the weights with the names of this release of transformers, see `Family.renamed_weights`.

    Parameters
    ----------
    weights
        Stored weights by name.
    family
        Family of the model.
    names
        Names that the model expects.
    """
    renamed = {}
    for name, weight in weights.items():
        current = name
        for old, new in family.renamed_weights.items():
            candidate = re.sub(old, new, name)
            if name not in names and candidate in names and candidate not in weights:
                current = candidate
        renamed[current] = weight
    return renamed


def expected_shapes(family: Family, config: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight that a configuration describes, without allocating any."""
    with torch.device("meta"):
        module: Any = family.architecture(family.outline(config))
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def check_shapes(weights: Mapping[str, StoredWeight], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise `ModelLoadError` if weights have another shape, or the model would be much larger than its files."""
    others = [key for key, shape in shapes.items() if key in weights and weights[key].shape != shape]
    check_names(name, missing=others)
    stored = sum(prod(weight.shape) for weight in weights.values())
    if sum(map(prod, shapes.values())) > 2 * stored:
        check_names(name, missing=shapes.keys() - weights.keys(), unexpected=weights.keys() - shapes.keys())


def check_names(name: str, *, missing: Collection[str], unexpected: Collection[str] = ()) -> None:
    """Raise `ModelLoadError` if weights are missing, of another size or unexpected; the message names them."""
    if not missing and not unexpected:
        return
    faults = []
    if missing:
        faults.append(f"{list_names(missing)} are missing or of another size")
    if unexpected:
        faults.append(f"{list_names(unexpected)} are unexpected")
    raise ModelLoadError(
        f"The weights of {name!r} do not match its config.json: {'; '.join(faults)}.", _CHECKPOINT_HINT
    )


def check_finite(module: nn.Module, name: str) -> None:
    """Raise `ModelLoadError` if a weight has a value that is not finite."""
    others = [key for key, tensor in module.state_dict().items() if not _is_finite(tensor)]
    if others:
        dtype = str(next(module.parameters()).dtype).removeprefix("torch.")
        raise ModelLoadError(
            f"The model {name!r} has weights with values that are not finite in {dtype}: {list_names(others)}.",
            "Use an intact checkpoint; if it is intact, load it with dtype='float32'.",
        )


def _is_finite(tensor: Tensor) -> bool:
    # A value that is not finite makes the sum so; the sum takes a third of the time.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def stored_dtype(weights: Mapping[str, StoredWeight]) -> torch.dtype:
    """Return the half-precision type in which all weights are stored, otherwise float32."""
    dtypes = {_DTYPES[weight.dtype] for weight in weights.values()}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= {torch.float16, torch.bfloat16} else torch.float32


def list_names(names: Collection[str]) -> str:
    """Return up to three names, in alphabetic order, and the number of the others."""
    first, others = sorted(names)[:3], len(names) - 3
    shown = ", ".join(name if len(name) <= 120 else f"{name[:120]}…" for name in first)
    return f"{shown} and {others} more" if others > 0 else shown
