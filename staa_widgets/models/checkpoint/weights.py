"""Open the files of a model's weights, and check them against the architecture before memory is allocated for them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.checkpoint.source import first_line
from staa_widgets.models.checkpoint.weight_files import WeightFiles
from staa_widgets.models.family import Family
from staa_widgets.utils.text import list_names

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_CHECKPOINT_HINT = "Use a checkpoint trained for video classification, with the config.json that belongs to it."
_PICKLE_HINT = "Use a checkpoint with safetensors weights."


@dataclass(frozen=True)
class StoredWeight:
    """A weight in an open file.

    Parameters
    ----------
    shape, dtype
        Shape and type, such as ``"F32"``.
    read
        Function that returns the weight.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Tensor]


@contextmanager
def open_weights(files: WeightFiles, unused_names: Collection[str]) -> Iterator[dict[str, StoredWeight]]:
    """Open the files of a model's weights, and return the weights by name.

    Parameters
    ----------
    files
        Files of one kind.
    unused_names
        Patterns of the names of weights to leave out, see `Family.unused_weights`.

    Raises
    ------
    SafetensorError, OSError
        If a file is damaged or cannot be read.
    ModelLoadError
        If a weight occurs twice or is not made of floating-point numbers, or a pickled file holds something else.
    """
    weights: dict[str, StoredWeight] = {}
    with ExitStack() as stack:
        for path in files.paths:
            file_weights = _open_pickled(path) if files.pickled else _open_safetensors(path, stack)
            for name, weight in file_weights.items():
                if any(re.fullmatch(pattern, name) for pattern in unused_names):
                    continue
                if name in weights:
                    raise ModelLoadError(f"The weight {name} is in two files.", "Save the model again.")
                weights[name] = weight
        others = {f"{name} ({weight.dtype})" for name, weight in weights.items() if weight.dtype not in _DTYPES}
        if others:
            raise ModelLoadError(
                f"The model has weights of a type that is not supported: {_list_weights(others)}.",
                "Use a checkpoint with floating-point weights that is not quantized.",
            )
        yield weights


def _open_safetensors(path: Path, stack: ExitStack) -> dict[str, StoredWeight]:
    file: Any = stack.enter_context(safe_open(path, framework="pt"))
    headers = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    return {
        name: StoredWeight(tuple(header.get_shape()), str(header.get_dtype()), partial(file.get_tensor, name))
        for name, header in headers.items()
    }


def _open_pickled(path: Path) -> dict[str, StoredWeight]:
    """Open a pickled file of weights. No code in it can run, and each weight stays on disk until it is read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        raise ModelLoadError(
            f"{path.name} holds something other than weights, which was not opened because it could run code.",
            _PICKLE_HINT,
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelLoadError(
            f"{path.name} is damaged or of another kind: {first_line(error)[:200]}",
            "Copy or download it again, or use a checkpoint with safetensors weights.",
        ) from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path.name} holds a {type(content).__name__}, not weights by name.", _PICKLE_HINT)
    others = [str(name) for name, item in content.items() if not isinstance(name, str) or not _is_plain(item)]
    if others:
        raise ModelLoadError(f"{path.name} holds values that are no weights: {_list_weights(others)}.", _PICKLE_HINT)
    return {
        name: StoredWeight(
            tuple(tensor.shape),
            _DTYPE_NAMES.get(tensor.dtype, str(tensor.dtype).removeprefix("torch.")),
            partial(_copy, tensor),
        )
        for name, tensor in content.items()
    }


def _is_plain(item: object) -> bool:
    return isinstance(item, Tensor) and item.layout == torch.strided and item.device.type == "cpu"


def _copy(tensor: Tensor) -> Tensor:
    """Return a copy of a weight that does not depend on the file."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def rename_old(weights: Mapping[str, StoredWeight], family: Family, names: Collection[str]) -> dict[str, StoredWeight]:
    """Return the weights under the names that the installed transformers uses, see `Family.renamed_weights`.

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


def missing_zeros(weights: Collection[str], family: Family, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return zeros for the weights that a checkpoint may leave out, and that it lacks, see `Family.zero_weights`."""
    missing = [name for name in shapes if name not in weights]
    return {
        name: torch.zeros(shapes[name])
        for name in missing
        if any(re.fullmatch(pattern, name) for pattern in family.zero_weights)
    }


def expected_shapes(family: Family, config: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight that a configuration describes, without allocating any."""
    with torch.device("meta"):
        module: Any = family.architecture(family.outline(config))
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def check_shapes(weights: Mapping[str, StoredWeight], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise `ModelLoadError` if weights have another shape, or if the model would be much larger than its files."""
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
        faults.append(f"{_list_weights(missing)} are missing or of another size")
    if unexpected:
        faults.append(f"{_list_weights(unexpected)} are unexpected")
    raise ModelLoadError(
        f"The weights of {name!r} do not match its config.json: {'; '.join(faults)}.", _CHECKPOINT_HINT
    )


def check_finite(module: nn.Module, name: str) -> None:
    """Raise `ModelLoadError` if a weight has a value that is not finite."""
    others = [key for key, tensor in module.state_dict().items() if not _is_finite(tensor)]
    if others:
        dtype = str(next(module.parameters()).dtype).removeprefix("torch.")
        raise ModelLoadError(
            f"The model {name!r} has weights with values that are not finite in {dtype}: {_list_weights(others)}.",
            "Use an intact checkpoint; if it is intact, load it with dtype='float32'.",
        )


def _is_finite(tensor: Tensor) -> bool:
    # A value that is not finite makes the sum so; the sum takes a third of the time.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def stored_dtype(weights: Mapping[str, StoredWeight]) -> torch.dtype:
    """Return the half-precision type in which all weights are stored, otherwise float32."""
    dtypes = {_DTYPES[weight.dtype] for weight in weights.values()}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= {torch.float16, torch.bfloat16} else torch.float32


def _list_weights(names: Collection[str]) -> str:
    return list_names(sorted(names), most=3, length=120)
