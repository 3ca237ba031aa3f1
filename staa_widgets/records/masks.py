"""`Masks`: parts of a clip that suffice for a prediction, found by an optimization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staa_widgets.utils.frozen import freeze, require

SUFFICIENT_SHARE = 0.5
"""A mask keeps the class if the class keeps at least this share of the probability that it has for the clip."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Masks of several areas, each optimized so that the model still predicts the class from what it shows.

    Arrays are copied and made read-only.

    Parameters
    ----------
    values
        float16 ``(A, S, h, w)``, the visible share of each cell in each of the ``A`` masks: 0 hidden, 1 visible.
    areas
        float64 ``(A,)``, increasing: the requested share of the clip, with a margin around its frames.
    frame_areas
        float64 ``(W, A)``: the share of each window's frames that the mask covers, margin excluded.
    probabilities
        float64 ``(W, A)``, the probability of the class if only the mask's part of the window is visible.
    clip_probabilities
        float64 ``(W,)``, the probability of the class for the whole window.

    Raises
    ------
    ParameterError
        If an array has the wrong shape.
    """

    values: NDArray[np.float16]
    areas: NDArray[np.float64]
    frame_areas: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    clip_probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        freeze(self, "values", np.float16, (None, None, None, None))
        freeze(self, "areas", np.float64, (len(self.values),))
        freeze(self, "clip_probabilities", np.float64, (None,))
        shape = (len(self.clip_probabilities), len(self.areas))
        freeze(self, "frame_areas", np.float64, shape)
        freeze(self, "probabilities", np.float64, shape)
        require(bool((np.diff(self.areas) > 0).all()), "Masks.areas must increase.")

    @property
    def smallest_sufficient(self) -> int | None:
        """Index of the smallest mask that keeps the class; ``None`` if no mask does.

        A mask keeps the class if the probability of the class, averaged over windows, is at least half of that for the
        whole clip.
        """
        enough = self.probabilities.mean(0) >= SUFFICIENT_SHARE * self.clip_probabilities.mean()
        return int(enough.argmax()) if enough.any() else None
