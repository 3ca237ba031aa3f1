"""Export explanations as a CSV table: one row per time slice, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from staa_widgets.render.heat import compute_heat, map_name
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.utils.files import export_bytes

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

CSV_COLUMNS = ("method", "slice", "start_s", "end_s", "share", "signed_share", "frames_seen")


def to_csv(
    explanation: Explanation | Mapping[str, Explanation], path: str | os.PathLike[str], style: HeatStyle = DEFAULT_STYLE
) -> Path:
    """Write the attribution over time as CSV (UTF-8, comma-separated), one row per slice.

    Columns are ``method``, the name of the method, such as ``own maps: gaze`` for maps of another tool, or the layer
    and head whose attention is written; ``slice`` (from 1); ``start_s`` and ``end_s`` in seconds; ``share``, the
    slice's part of the sum of all magnitudes (0 … 1); ``signed_share``, the sum of the slice's values over that sum,
    empty if no value is negative; and ``frames_seen``, the source frames separated by spaces. The table of a comparison
    lists the rows of one explanation after the other, and has a first column ``name``. A name that a spreadsheet would
    compute as a formula begins with an apostrophe.

    Parameters
    ----------
    explanation
        An explanation, or a comparison.
    path
        File to write; replaced in one step.
    style
        Its layer and head select the maps: the maps of all layers, or the attention of a layer or head.

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
    return export_bytes(path, csv_text(explanation, style).encode(), "table")


def csv_text(explanation: Explanation | Mapping[str, Explanation], style: HeatStyle = DEFAULT_STYLE) -> str:
    """Return the text that `to_csv` writes."""
    several = isinstance(explanation, Mapping)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["name", *CSV_COLUMNS] if several else CSV_COLUMNS)
    for name, e in explanation.items() if several else [("", explanation)]:
        heat, method = compute_heat(e, style), as_text_cell(map_name(e, style))
        for s, (start, end) in enumerate(e.spans):
            signed = "" if heat.temporal_signed is None else f"{heat.temporal_signed[s]:.6f}"
            frames = " ".join(map(str, e.sampled_frames[s]))
            row = [method, s + 1, f"{start:.6f}", f"{end:.6f}", f"{heat.temporal[s]:.6f}", signed, frames]
            writer.writerow([as_text_cell(name), *row] if several else row)
    return stream.getvalue()


def as_text_cell(text: str) -> str:
    """Return a text for a cell of a table, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if re.match(r"\s*[=+\-@＝＋－＠]", text) else text
