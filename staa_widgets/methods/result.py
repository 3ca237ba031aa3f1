"""`MethodResult`: maps of a method, with what else the method has found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from staa_widgets.records.masks import Masks

MIN_DIFFERENCE = 0.01
"""Least difference in logits that a completeness gap is relative to: below it, rounding errors would count."""


@dataclass(frozen=True, eq=False)
class MethodResult:
    """Maps of one window, with optional further results.

    Parameters
    ----------
    maps
        float32 ``(S, h, w)``.
    masks
        Masks that the maps are made from.
    standard_errors
        Standard error of estimated maps, by a short name, as a share of the size of the maps.
    completeness_gap
        See `completeness_gap`; ``None`` for a method whose values need not add up to a difference in logits.
    """

    maps: NDArray[np.float32]
    masks: Masks | None = None
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    completeness_gap: float | None = None


def completeness_gap(maps: NDArray[np.float32], difference: float) -> float:
    """Return the completeness gap: how far the sum of the maps is from a difference in logits, relative to the latter.

    Parameters
    ----------
    maps
        ``(S, h, w)``, in logits.
    difference
        Logit of the clip minus the logit of the baseline or of the clip with everything hidden.
    """
    return abs(float(maps.sum(dtype=np.float64)) - difference) / max(abs(difference), MIN_DIFFERENCE)
