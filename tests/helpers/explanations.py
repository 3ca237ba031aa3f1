"""Explanations made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from staa_widgets import Explanation
from staa_widgets.records.masks import Masks
from staa_widgets.video.ground_truth import GroundTruth
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.ground_truth import KNOWN, LabeledFrames

HOSTILE = "</script><script>window.pwned=1</script><!--<script><img src=x onerror=pwned=1>&amp;\u2028'\""


def make_explanation(**changes: Any) -> Explanation:
    """Return two slices of 2 x 3 patches over 4 frames of a 60 x 40 video; the model's crop is the middle 30 x 40."""
    maps = np.array([[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 3]]], np.float32)
    return Explanation(
        **{
            "maps": maps,
            "spans": [[1.0, 1.5], [1.5, 2.0]],
            "sampled_frames": [[20], [22]],
            "box": (15, 0, 45, 40),
            "frame_size": (60, 40),
            "times": [1.0, 1.25, 1.5, 1.75],
            "first_frame": 20,
            "end": 2.0,
            "logits": [0.0, np.log(3.0)],
            "labels": ("clap", "wave"),
            "target": 1,
            "method": "staa",
            "params": {"layers": "rollout"},
            "model_id": "tiny",
            "clip_sha256": "00" * 32,
            "clip_name": "clip.mp4",
            **changes,
        }
    )


def small_explanation() -> Explanation:
    """Return two slices of 2 x 2 signed cells with a hostile name and ground truth, without pictures."""
    return barcode_explanation(
        maps=np.array([[[0, 1], [-2, 0.5]], [[4, 0], [0.25, -1]]], np.float32),
        times=[2.0, 2.5, 3.0, 3.75],
        end=4.0,
        spans=[[2.0, 3.0], [3.0, 4.0]],
        sampled_frames=[[100], [103]],
        attention=np.arange(16, dtype=np.float16).reshape(2, 1, 2, 2, 2),
        preview=None,
        clip_name=HOSTILE,
        ground_truth=partial_ground_truth(),
        masks=two_masks(),
    )


def two_masks() -> Masks:
    """Return two masks on two slices of 2 x 2 cells; of two windows, the larger mask alone keeps the class."""
    small = np.zeros((2, 2, 2))
    small[1, 0, 0] = 1
    large = small.copy()
    large[0, 1] = 0.5, 0.25
    return Masks(
        values=np.stack([small, large]).astype(np.float16),
        areas=np.array([0.1, 0.25]),
        frame_areas=np.array([[0.1, 0.2], [0.1, 0.3]]),
        probabilities=np.array([[0.2, 0.5], [0.1, 0.7]]),
        clip_probabilities=np.array([0.8, 1.0]),
    )


def partial_ground_truth() -> GroundTruth:
    """Return ground truth in the last two of four frames; in the last, 100 x 60 pixels of the model's first cell."""
    where = np.zeros((4, 180, 320), bool)
    where[2, 10:12, 5:9] = where[3, :60, 80:180] = True
    return GroundTruth.from_clip(LabeledFrames("</script><b>jump", where, np.array([False, False, True, True])))


def explanation_with_ground_truth(**changes: Any) -> Explanation:
    """Return an explanation of four frames of 4 x 2 pixels, with their ground truth."""
    return make_explanation(
        **{"frame_size": (4, 2), "box": (0, 0, 4, 2), "ground_truth": GroundTruth.from_clip(KNOWN), **changes}
    )
