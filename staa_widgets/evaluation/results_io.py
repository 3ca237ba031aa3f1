"""Write results to a JSON file, and read files of the current and of older formats."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from staa_widgets.errors import FormatError
from staa_widgets.evaluation.old_results import update_format_1
from staa_widgets.evaluation.rows import NOT_A_NUMBER, TABLES
from staa_widgets.storage.format import parse_object, refuse_damaged
from staa_widgets.utils.text import quote_value

KIND, FORMAT = "results", 2

_NUMBERS, _CURVES = ("value", "forwards", "backwards", "seconds"), ("shares", "values")

Tables = Mapping[str, tuple[Any, ...]]
"""Rows by the name of the field of `Results` that holds them."""


def encode_results(tables: Tables, settings: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file with results; NaN is written as null, because JSON has no NaN."""
    rows = {name: [_row_to_json(row) for row in tables[name]] for name in TABLES}
    text = json.dumps(
        {"staa_widgets": KIND, "format": FORMAT, "settings": dict(settings), **rows},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    return text.encode()


def decode_results(data: bytes, name: str) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """Return the tables and the settings of a JSON file; old names of format 1 are replaced by current names.

    Parameters
    ----------
    data
        Content of the file.
    name
        Name of the file, for messages.

    Raises
    ------
    FormatError
        If the file holds no results, is truncated or has another format.
    """
    with refuse_damaged(f"{name} does not contain evaluation results.", "Write them with Results.to_json."):
        content = parse_object(data)
        if content["staa_widgets"] != KIND:
            raise ValueError(content["staa_widgets"])
        file_format = content["format"]
        if file_format not in (1, FORMAT):
            raise FormatError(
                f"{name} has format {quote_value(file_format)}, but this version reads formats 1 to {FORMAT}.",
                "Update staa_widgets.",
            )
        content.setdefault("examples", [])  # Older files have none.
        tables = {key: tuple(_row_from_json(kind, row) for row in content[key]) for key, kind in TABLES.items()}
        settings = content["settings"]
        if not isinstance(settings, dict):
            raise TypeError("The settings are not a JSON object.")
        return update_format_1(tables, settings) if file_format == 1 else (tables, settings)


def _row_to_json(row: tuple[Any, ...]) -> list[Any]:
    return [None if isinstance(part, float) and not math.isfinite(part) else part for part in row]


def _row_from_json(kind: Any, row: list[Any]) -> Any:
    """Return a row of a table; raise an error if a field has the wrong type."""
    parts = [NOT_A_NUMBER if part is None else tuple(part) if isinstance(part, list) else part for part in row]
    for name, part in zip(kind._fields, parts, strict=True):
        items = part if isinstance(part, tuple) else (part,)
        item_type = int | float if name in _NUMBERS or name in _CURVES else str
        if isinstance(part, tuple) != (name in _CURVES) or not all(isinstance(item, item_type) for item in items):
            raise TypeError(f"{name} has a value of the wrong type.")
    return kind(*parts)
