"""Check the provenance of an explanation: a file that somebody else wrote can hold anything there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from staa_widgets.utils.frozen import require
from staa_widgets.video.windows import WINDOW_NAMES

PARTS = ("model", "method", "sampling", "seconds")
"""Parts that other code reads; each is a mapping, or missing."""


def check_provenance(provenance: Mapping[str, Any]) -> None:
    """Raise `ParameterError` if a part of a provenance that other code reads has the wrong type.

    Parameters
    ----------
    provenance
        JSON values by name.
    """
    for part in PARTS:
        require(isinstance(provenance.get(part, {}), Mapping), f"Explanation.provenance has no mapping {part!r}.")
    for step, seconds in provenance.get("seconds", {}).items():
        require(_is_number(seconds), f"Explanation.provenance has no number of seconds for {step[:60]!r}.")
    sampling = provenance.get("sampling", {})
    for name, words in (("window", WINDOW_NAMES), ("stride", ())):
        value = sampling.get(name)
        is_known = value is None or _is_number(value) or (isinstance(value, str) and value in words)
        require(is_known, f"Explanation.provenance has a {name} that is no number.")
    windows = sampling.get("frames")
    require(
        windows is None or (isinstance(windows, list) and len(windows) > 0 and all(map(_is_window, windows))),
        "Explanation.provenance has no list of the frames of each window.",
    )


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of floating-point numbers
        return False


def _is_window(frames: Any) -> bool:
    return isinstance(frames, list) and len(frames) > 0 and all(isinstance(frame, int) for frame in frames)
