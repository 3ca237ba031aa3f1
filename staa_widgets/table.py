"""The series of time as a table: one row a slice, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ExportError
from staa_widgets.files import write
from staa_widgets.look import USUAL, Look, heat_of

if TYPE_CHECKING:
    from staa_widgets.explanation import Explanation

FRAMES = "frames_seen"


def to_csv(shown: Explanation | Mapping[str, Explanation], path: str | os.PathLike[str], look: Look = USUAL) -> Path:
    """Write when a model looked as CSV (UTF-8, a comma between values), one row a slice.

    Columns are ``slice`` (from 1), ``start_s`` and ``end_s`` in seconds, ``share`` of the attribution (0 … 1),
    ``signed_share`` where maps may be negative, and ``frames_seen``, source frames with a space between them. A
    comparison whose slices agree has a column of shares for each explanation, ``share staa`` and so on; where they do
    not, its rows follow each other with the name in a first column.

    Parameters
    ----------
    shown
        An explanation, or a comparison.
    path
        File to write; replaced in one step.
    look
        Its layer and head choose what is written: the joint maps or a layer's attention.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written.
    ParameterError
        If there is no such layer or head.
    """
    text = to_text(shown, look)
    try:
        return write(path, text.encode())
    except OSError as error:
        raise ExportError(
            f"The table cannot be written to {path}: {error.strerror or error}.",
            "Give a file in a folder that exists and is writable.",
        ) from error


def to_text(shown: Explanation | Mapping[str, Explanation], look: Look = USUAL) -> str:
    """Return the text that `to_csv` writes."""
    if not isinstance(shown, Mapping):
        table = {**_slices(shown), **_shares(shown, look, ""), **_seen(shown)}
    else:
        (first, *others) = shown.values()
        if all(np.array_equal(e.spans, first.spans) and np.array_equal(e.sampled, first.sampled) for e in others):
            table = _slices(first)
            for name, e in shown.items():
                table |= _shares(e, look, f" {name}")
            table |= _seen(first)
        else:
            tables = [{**_slices(e), **_shares(e, look, ""), **_seen(e)} for e in shown.values()]
            columns = ["slice", "start_s", "end_s", "share", "signed_share", FRAMES]
            columns = [column for column in columns if any(column in each for each in tables)]
            table = {"name": [name for name, e in shown.items() for _ in e.spans]}
            for column in columns:
                table[column] = [v for t in tables for v in t.get(column, [""] * len(t["slice"]))]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return stream.getvalue()


def _slices(e: Explanation) -> dict[str, list[str]]:
    return {
        "slice": [str(s + 1) for s in range(len(e.spans))],
        "start_s": [f"{start:.6f}" for start in e.spans[:, 0]],
        "end_s": [f"{end:.6f}" for end in e.spans[:, 1]],
    }


def _shares(e: Explanation, look: Look, name: str) -> dict[str, list[str]]:
    heat = heat_of(e, look)
    found = {f"share{name}": [f"{share:.6f}" for share in heat.temporal]}
    if heat.temporal_signed is not None:
        found[f"signed_share{name}"] = [f"{share:.6f}" for share in heat.temporal_signed]
    return found


def _seen(e: Explanation) -> dict[str, list[str]]:
    return {FRAMES: [" ".join(map(str, frames)) for frames in e.sampled.tolist()]}
