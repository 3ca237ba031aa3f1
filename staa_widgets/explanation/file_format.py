"""The content of a saved explanation: JSON values and arrays, in format `FORMAT`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staa_widgets.errors import FormatError
from staa_widgets.explanation.old_formats import upgrade
from staa_widgets.records.masks import Masks
from staa_widgets.storage.format import Parts, split_fields
from staa_widgets.utils.text import quote_value
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.preview import Preview

FORMAT = 3
READABLE_FORMATS = (1, 2, FORMAT)
"""Format 1 had no ground truth; format 3 renamed fields, see `old_formats`."""

_NESTED_PARTS: dict[str, Callable[[Any, Any], Any]] = {
    "preview": Preview.from_parts,
    "ground_truth": lambda values, arrays: GroundTruth(**values, **arrays),
    "masks": lambda values, arrays: Masks(**values, **arrays),
}


def explanation_parts(explanation: Any) -> Parts:
    """Return the JSON values and the arrays of an `Explanation`."""
    values, arrays = split_fields(explanation)
    del values["request"]
    for name in _NESTED_PARTS:
        if values[name] is not None:
            values[name], part_arrays = split_fields(values[name])
            arrays |= {f"{name}.{key}": array for key, array in part_arrays.items()}
    return {**values, "format": FORMAT}, arrays


def explanation_fields(values: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an explanation from its JSON values and arrays; raises `FormatError` for a newer format."""
    file_format = values.pop("format", None)
    if file_format not in READABLE_FORMATS:
        raise FormatError(
            f"The explanation has format {quote_value(file_format)}, but this version reads formats 1 to {FORMAT}.",
            "Update staa_widgets.",
        )
    if file_format != FORMAT:
        values, arrays = upgrade(values, arrays)
    nested_arrays = {name: arrays.pop(name) for name in [*arrays] if "." in name}
    for name, make_part in _NESTED_PARTS.items():
        if values.get(name) is not None:
            prefix = f"{name}."
            part_arrays = {
                key.removeprefix(prefix): array for key, array in nested_arrays.items() if key.startswith(prefix)
            }
            values[name] = make_part(values[name], part_arrays)
    return {**values, **arrays}
