"""Refinements of maps: pure, deterministic functions on arrays ``(S, h, w)``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def contrast(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Take away what is always there: ``relu(M(s, p) - median_s M(·, p))``, for sinks of attention and the ground.

    Parameters
    ----------
    maps
        ``(S, h, w)``.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative.
    """
    return np.maximum(maps - np.median(maps, axis=0), 0).astype(np.float32)
