"""Noise as a video of any length, and the geometry of a small model that watches it."""

from __future__ import annotations

from typing import Any

import numpy as np

from staa_widgets import open_clip
from staa_widgets.records.geometry import Geometry

GEOMETRY = Geometry(frames=4, tubelet=1, height=3, width=3, order="patch_major", prefix=1, input_size=(24, 24))


class NoiseVideo:
    """Noise with times, 8 frames a second, as `open_clip` takes it."""

    def __init__(self, seconds: float, seed: int = 0) -> None:
        count = round(seconds * 8)
        self.frames = np.random.default_rng(seed).integers(0, 256, (count, 24, 32, 3), np.uint8)
        self.times = np.arange(count) / 8


def noise_clip(seconds: float) -> Any:
    return open_clip(NoiseVideo(seconds))
