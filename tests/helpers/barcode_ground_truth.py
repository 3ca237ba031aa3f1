"""The explanation of `barcodes` with ground truth: a moving ring in some of the frames."""

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


def ring_mask(frame: int) -> NDArray[np.bool_]:
    """Return the mask of a frame's action: a ring of 30 pixels radius around a moving point."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    distance = np.hypot(x - 120 - 3 * frame, y - 90)
    return (distance < 30) & (distance > 12)


def explanation_with_truth(**changes: Any) -> Explanation:
    """Return the explanation of `barcodes` with a ring as ground truth in some frames."""
    where = np.stack([ring_mask(frame) & WHEN[frame] for frame in range(FRAMES)])
    return barcode_explanation(ground_truth=GroundTruth.from_clip(LabeledFrames("</b><i>wave", where, WHEN)), **changes)
