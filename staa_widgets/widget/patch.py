"""The patch whose attention a player shows, and what stood in its place before."""

from __future__ import annotations

from typing import Any, NamedTuple

from staa_widgets.engine.request import Question
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.payload import same_clip

QUERY = "attention_query"
"""The method that shows where the attention of one patch goes."""

Patch = tuple[int, int, int]
"""Slice, row and column of the token grid, counted from 0."""


class Earlier(NamedTuple):
    """What a pane showed before a patch was asked about."""

    explanation: Explanation
    question: Question | None


def patch_of(explanation: Explanation) -> Patch | None:
    """Return the patch that an explanation is about; ``None`` where it is about none."""
    if explanation.method != QUERY:
        return None
    asked = explanation.params.get("query")
    if asked is None:
        slices, rows, columns = explanation.maps.shape
        return slices // 2, rows // 2, columns // 2
    at, row, column = (int(index) for index in asked)
    return at, row, column


def kept(shown: Earlier, earlier: Earlier | None, explanation: Explanation) -> Earlier | None:
    """Say what to go back to once `explanation` has taken the place of what is `shown`."""
    if patch_of(explanation) is None or not same_clip(shown.explanation, explanation):
        return None
    return earlier if patch_of(shown.explanation) is not None else shown


def asking(patch: Patch | None) -> dict[str, Any]:
    """Say what to compute to see a patch, or to see none where it is not known what was shown before."""
    return {"method": QUERY, "params": {"query": patch}} if patch else {"method": "staa", "params": {}}
