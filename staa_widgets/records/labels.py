"""Find a class of a model by its label."""

from __future__ import annotations

import re
from difflib import get_close_matches

import numpy as np

from staa_widgets.errors import ParameterError


def target_index(target: int | str | None, labels: tuple[str, ...]) -> int | None:
    """Return the index of a class that is given by index or label; case, spaces, ``_`` and ``-`` in labels are ignored.

    Raises
    ------
    ParameterError
        If there is no such class; the message suggests the most similar label.
    """
    if target is None:
        return None
    if isinstance(target, tuple | list) or callable(target):
        raise ParameterError(
            "One class is needed here, not a difference of classes or a function of the logits.",
            "Give one class, by index or label; only explain, stream, compare and explain_many take the others.",
        )
    if isinstance(target, str):
        normalized = [_normalize_label(label) for label in labels]
        if _normalize_label(target) in normalized:
            return normalized.index(_normalize_label(target))
        matches = get_close_matches(_normalize_label(target), normalized, 1, cutoff=0.5)
        first_labels = ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")
        hint = f"Its classes are {first_labels}."
        if matches:
            hint = f"Did you mean {labels[normalized.index(matches[0])]!r}?"
        raise ParameterError(f"The model has no class {target!r}.", hint)
    if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < len(labels):
        raise ParameterError(
            f"The model has no class {target!r}.", f"Give a label, or an index from 0 to {len(labels) - 1}."
        )
    return int(target)


def _normalize_label(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()
