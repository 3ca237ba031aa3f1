"""Read explanations that were saved in formats 1 and 2, before fields and methods were renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from staa_widgets.records.old_names import rename_method, rename_parameters

_T = TypeVar("_T")

_FIELDS = {"sampled": "sampled_frames", "truth": "ground_truth", "duration": "end"}
"""Current field names, by the field names of formats 1 and 2."""


def upgrade(values: Mapping[str, Any], arrays: Mapping[str, _T]) -> tuple[dict[str, Any], dict[str, _T]]:
    """Return the values and arrays of a file of format 1 or 2 under their current names."""
    renamed = _rename_fields(values)
    renamed["params"] = rename_parameters(renamed["method"], renamed["params"])
    renamed["method"] = rename_method(renamed["method"])
    provenance = renamed.get("provenance", {})
    if isinstance(provenance.get("method"), Mapping):
        renamed["provenance"] = {**provenance, "method": _rename_method_entry(provenance["method"])}
    return renamed, _rename_fields(arrays)


def _rename_fields(items: Mapping[str, Any]) -> dict[str, Any]:
    """Rename fields; in a nested name such as ``truth.runs``, only the part before the dot is renamed."""
    renamed: dict[str, Any] = {}
    for name, item in items.items():
        field, dot, inner = name.partition(".")
        renamed[_FIELDS.get(field, field) + dot + inner] = item
    return renamed


def _rename_method_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the method and its parameters in the provenance."""
    name, params = entry.get("name", ""), entry.get("params", {})
    return {**entry, "name": rename_method(name), "params": rename_parameters(name, params)}
