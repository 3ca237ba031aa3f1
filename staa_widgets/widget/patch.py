"""The patch whose attention a player shows, and what stood in its place before."""

from __future__ import annotations

from typing import Any, NamedTuple

from staa_widgets.engine.request import ExplainRequest
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.payload import same_clip

PATCH_METHOD = "patch_attention"
"""The method that shows where the attention of one patch goes."""

Patch = tuple[int, int, int]
"""Slice, row and column of the token grid, counted from 0."""


class PaneContent(NamedTuple):
    """What a pane showed before a patch was asked about."""

    explanation: Explanation
    request: ExplainRequest | None


def patch_of(explanation: Explanation) -> Patch | None:
    """Return the patch that an explanation is about; ``None`` where it is about none."""
    if explanation.method != PATCH_METHOD:
        return None
    asked = explanation.params.get("patch")
    if asked is None:
        slices, rows, columns = explanation.maps.shape
        return slices // 2, rows // 2, columns // 2
    at, row, column = (int(index) for index in asked)
    return at, row, column


def previous_content(
    current: PaneContent, previous: PaneContent | None, explanation: Explanation
) -> PaneContent | None:
    """Say what to go back to once `barcode_explanation` has taken the place of what is `slices`."""
    if patch_of(explanation) is None or not same_clip(current.explanation, explanation):
        return None
    return previous if patch_of(current.explanation) is not None else current


def compute_arguments(patch: Patch | None) -> dict[str, Any]:
    """Say what to compute to see a patch, or to see none where it is not known what was shown before."""
    return {"method": PATCH_METHOD, "params": {"patch": patch}} if patch else {"method": "staa", "params": {}}
