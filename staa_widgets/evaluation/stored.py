"""`Results` as one JSON file."""

from __future__ import annotations

import json
import math
from typing import Any

from staa_widgets.errors import FormatError
from staa_widgets.evaluation.results import Results
from staa_widgets.evaluation.rows import NOT_A_NUMBER, TABLES

KIND, FORMAT = "results", 1


def to_bytes(results: Results) -> bytes:
    """Write everything; NaN as null, which is what JSON has for it."""
    tables = {name: [_row_to_json(row) for row in getattr(results, name)] for name in TABLES}
    text = json.dumps(
        {"staa_widgets": KIND, "format": FORMAT, "settings": dict(results.settings), **tables},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    return text.encode()


def from_bytes(data: bytes, name: str) -> Results:
    """Read what `to_bytes` wrote.

    Parameters
    ----------
    data
        Content of the file.
    name
        Of the file, for messages.

    Raises
    ------
    FormatError
        If the file holds no results, is cut short or of another format.
    """
    try:
        held = json.loads(data)
        if held["staa_widgets"] != KIND:
            raise ValueError(held["staa_widgets"])
        if (found := held["format"]) != FORMAT:
            raise FormatError(f"{name} has format {found}; this version reads {FORMAT}.", "Evaluate again.")
        tables = {key: tuple(_row_from_json(kind, row) for row in held[key]) for key, kind in TABLES.items()}
        return Results(**tables, settings=held["settings"])
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"{name} holds no results of an evaluation.", "Write them with to_json.") from error


def _row_to_json(row: tuple[Any, ...]) -> list[Any]:
    return [None if isinstance(part, float) and not math.isfinite(part) else part for part in row]


def _row_from_json(kind: Any, row: list[Any]) -> Any:
    return kind(*(NOT_A_NUMBER if p is None else tuple(p) if isinstance(p, list) else p for p in row))
