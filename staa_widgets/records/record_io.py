"""Turn records into the content of a cache entry and back: `record_to_parts` and `record_from_parts`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.storage.format import Parts, refuse_damaged, split_fields
from staa_widgets.utils.frozen import require

# Axes of each array: S slices, P patches of a slice, Q = P + CLS, T frames, K classes; with divided attention L layers
# and the coefficients of rollout, n = 2 L + 1 or without time m = L + 1; "*" stands for any length.
_AXES = {
    "logits": "K",
    "cls": "**S",
    "rows": "L*SP",
    "mean_rows": "LSP",
    "heads": "L*SP",
    "temporal": "LPTT",
    "spatial": "LTQQ",
    "first_frame": "QQ",
    "value_rows": "LSP",
    "value_temporal": "LPTT",
    "contributions": "LSP",
    "gradient_rows": "LSP",
    "gradient_temporal": "LPTT",
    "relevance": "SP",
    **{
        f"{weighting}{name}": axes
        for name, axes in (("time_rows", "LSP"), ("rollout", "nSP"), ("frame_rollout", "mSP"))
        for weighting in ("", "value_", "gradient_", "contribution_")
    },
    "patch_rows": "**SP",
}


def record_to_parts(record_and_needs: tuple[Record, Needs]) -> Parts:
    """Return the values and arrays of a record and of the `Needs` that the record meets."""
    record, needs = record_and_needs
    values, arrays = split_fields(record)
    return {**values, "geometry": asdict(record.geometry), "needs": asdict(needs)}, arrays


def record_from_parts(values: dict[str, Any], arrays: dict[str, Any]) -> tuple[Record, Needs]:
    """Return the record and the `Needs` from the parts that `record_to_parts` made.

    Raises
    ------
    FormatError
        If a part is missing or wrong, or an array has the wrong shape or values that are not finite.
    """
    message = "This record is damaged, or was written by another version of staa_widgets:"
    with refuse_damaged(message, "Compute it again.", with_cause=True):
        needs, geometry = Needs(**values.pop("needs")), values.pop("geometry")
        geometry["input_size"] = tuple(geometry["input_size"])
        target = values.pop("target")
        pair = tuple(target) if isinstance(target, list) else target
        record = Record(geometry=Geometry(**geometry), target=pair, **values, **arrays)
        _check_arrays(record)
    return record, needs


def _check_arrays(record: Record) -> None:
    geometry = record.geometry
    patches = geometry.height * geometry.width
    lengths = {"S": geometry.slices, "P": patches, "Q": 1 + patches, "T": geometry.frames, "K": len(record.logits)}
    by_layer = [array for array in (record.mean_rows, record.rows, record.temporal) if array is not None]
    if record.attention_type == "divided" and by_layer:
        layers = len(by_layer[0])
        lengths |= {"L": layers, "n": 2 * layers + 1, "m": layers + 1}
    for name, axes in _AXES.items():
        array = getattr(record, name)
        if array is None:
            continue
        is_sound = isinstance(array, np.ndarray) and array.dtype in (np.float16, np.float32)
        require(is_sound, f"{name} is no array of float16 or float32.")
        expected = tuple(lengths.get(axis, length) for axis, length in zip(axes, array.shape, strict=True))
        require(array.shape == expected, f"{name} has shape {array.shape} instead of {expected}.")
        require(bool(np.isfinite(array).all()), f"{name} has values that are not finite.")
    require(_is_target(record.target, len(record.logits)), "The target is no class.")
    require(all(0 <= error < np.inf for error in record.sampling_errors.values()), "A sampling error is no number.")
    deviation = record.style_deviation
    require(deviation is None or 0 <= deviation < np.inf, "The deviation from the style of drawn actions is no number.")


def _is_target(target: Any, classes: int) -> bool:
    """Return whether a target is a class or a pair of classes, or ``None``."""
    indices = target if isinstance(target, tuple) and len(target) == 2 else (target,)
    return target is None or all(isinstance(index, int) and 0 <= index < classes for index in indices)
