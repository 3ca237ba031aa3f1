"""Read JSON files that other people wrote."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.checkpoint.source import SAVE_HINT

_MAX_JSON_BYTES = 16 * 2**20


def read_json(path: Path, hint: str = SAVE_HINT) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises
    ------
    ModelLoadError
        If the file is not valid JSON, holds something else or a number that is not finite, or is larger than 16 MB.
    """
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ModelLoadError(f"{path.name} is larger than {_MAX_JSON_BYTES // 2**20} MB.", hint)
    try:
        content = json.loads(path.read_text("utf-8"), parse_float=_parse_float, parse_constant=_parse_float)
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(f"{path.name} is not valid JSON: {error}", hint) from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path.name} holds no JSON object, but a {type(content).__name__}.", hint)
    return content


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number
