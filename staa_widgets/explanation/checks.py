"""Check the fields of an explanation against each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from staa_widgets.utils.frozen import require
from staa_widgets.utils.text import check_text

MAX_BOX_EDGE = 1_000_000
"""Largest distance of an edge of `Explanation.box` from the corner of the frame, in pixels."""

_NAMES = ("method", "model_id", "clip_sha256", "clip_name", "target_function")


def check_explanation(e: Any) -> None:
    """Raise `ParameterError` if the fields of an `Explanation`, whose types are right, do not fit each other."""
    classes = len(e.logits)
    require(e.maps.size > 0, "Explanation.maps is empty.")
    for name in _NAMES:
        check_text(f"Explanation.{name}", getattr(e, name))
    for index, label in enumerate(e.labels):
        check_text(f"The label of class {index}", label)
    require(bool(np.isfinite([*e.box, e.end]).all()), "Explanation.box and end must be finite numbers.")
    require(
        max(map(abs, e.box)) <= MAX_BOX_EDGE,
        f"Explanation.box {e.box} has an edge more than {MAX_BOX_EDGE:,} pixels from the frame's corner.",
    )
    require(
        len(e.times) > 0 and bool((np.diff(e.times) >= 0).all()),
        "Explanation.times must not be empty or decrease.",
    )
    starts, ends = e.spans.T
    require(bool((starts <= ends).all()), "Explanation.spans has an interval that ends before it starts.")
    require(np.array_equal(starts[1:], ends[:-1]), "Explanation.spans has gaps or overlaps.")
    inside = (e.sampled_frames >= e.first_frame) & (e.sampled_frames < e.first_frame + len(e.times))
    require(bool(inside.all()), "Explanation.sampled_frames has a frame outside the clip.")
    require(len(e.labels) == classes, f"Explanation.labels has {len(e.labels)} names for {classes} logits.")
    require(0 <= e.target < classes, f"Explanation.target is {e.target}, but the classes are 0 to {classes - 1}.")
    minus = e.target_minus
    require(
        minus is None or (isinstance(minus, int) and 0 <= minus < classes and minus != e.target),
        f"Explanation.target_minus is {minus!r}, but it must be another of the classes 0 to {classes - 1}.",
    )
    (x0, y0, x1, y1), (width, height) = e.box, e.frame_size
    # A crop larger than the frame is padded, so the box may reach beyond the frame, but it must overlap it.
    overlaps_frame = max(x0, 0) < min(x1, width) and max(y0, 0) < min(y1, height)
    require(overlaps_frame, f"Explanation.box {e.box} does not overlap the frame of {width} × {height}.")
    if e.masks is not None:
        require(
            e.masks.values.shape[1:] == e.maps.shape,
            f"Explanation.masks have shape {e.masks.values.shape}, but the maps {e.maps.shape}.",
        )
    if e.ground_truth is not None:
        same_size = (len(e.ground_truth.when), e.ground_truth.size) == (len(e.times), e.frame_size)
        require(same_size, f"Explanation.ground_truth does not have {len(e.times)} frames of {width} × {height}.")
