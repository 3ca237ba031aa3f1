"""`MethodResult`: maps of a method, with what else the method has found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from staa_widgets.records.masks import Masks


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
    """

    maps: NDArray[np.float32]
    masks: Masks | None = None
    standard_errors: Mapping[str, float] = field(default_factory=dict)
