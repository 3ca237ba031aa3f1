"""The explanation of `barcodes` with ground truth: a ring that moves, in some of the frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.video.ground_truth import GroundTruth
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.ground_truth import LabeledFrames

WIDTH, HEIGHT, FRAMES = 320, 180, 48
WHEN = np.zeros(FRAMES, bool)
WHEN[10:20] = WHEN[30:34] = True


def disc_mask(frame: int) -> NDArray[np.bool_]:
    """Return the mask of what acts: a disc of 30 pixels around a point that moves, with a hole in it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = np.hypot(x - 120 - 3 * frame, y - 90)
    return (away < 30) & (away > 12)


def explanation_with_truth(**changes: Any) -> Explanation:
    """Return the explanation of `barcodes` with a disc that acts in some frames."""
    where = np.stack([disc_mask(frame) & WHEN[frame] for frame in range(FRAMES)])
    return barcode_explanation(ground_truth=GroundTruth.from_clip(LabeledFrames("</b><i>wave", where, WHEN)), **changes)
