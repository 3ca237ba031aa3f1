"""Find the patch whose attention a player shows, and the content that was shown before."""

from __future__ import annotations

from typing import Any

from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.widget.pane_content import PaneContent

PATCH_METHOD = "patch_attention"
"""Name of the method that shows where the attention of one patch goes."""

Patch = tuple[int, int, int]
"""Slice, row and column of the token grid, counted from 0."""


def patch_of(explanation: Explanation) -> Patch | None:
    """Return the patch whose attention an explanation shows; ``None`` if its method does not show a patch."""
    if explanation.method != PATCH_METHOD:
        return None
    patch = explanation.params.get("patch")
    if patch is None:
        slices, rows, columns = explanation.maps.shape
        return slices // 2, rows // 2, columns // 2
    slice_index, row, column = (int(index) for index in patch)
    return slice_index, row, column


def previous_content(
    current: PaneContent, previous: PaneContent | None, explanation: Explanation
) -> PaneContent | None:
    """Return the content to restore when the user closes the patch of `explanation`; ``None`` if there is none."""
    if patch_of(explanation) is None or not same_clip(current.explanation, explanation):
        return None
    return previous if patch_of(current.explanation) is not None else current


def compute_arguments(patch: Patch | None) -> dict[str, Any]:
    """Return the arguments of `compute` for a patch; for ``None``, the arguments of the default method."""
    return {"method": PATCH_METHOD, "params": {"patch": patch}} if patch else {"method": "staa", "params": {}}
