"""Games: method inputs whose logit is a function of the visible ones among eight segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staa_widgets.methods.inputs import MethodInputs
from tests.helpers.method_inputs import draw_pixels, make_inputs

EIGHT = (2, 2, 2)
"""Divides the grid of `tests.helpers.method_inputs` into the segments of `GROUPS`."""

GROUPS = np.array([[[0, 0, 1], [2, 2, 3]], [[4, 4, 5], [6, 6, 7]]])
"""Eight segments of 2 × 2 × 3 cells: two slices, two rows, and columns in groups of two and one."""

ALL_COALITIONS = np.array(np.unravel_index(np.arange(256), (2,) * 8)).T.astype(bool)
"""All coalitions of eight players, ``(256, 8)``."""

Worth = Callable[[Tensor], Tensor]
"""From float64 coalitions ``(n, 8)``, 1 for every player in it, to their worth ``(n,)``."""


def game_inputs(worth: Worth, **changes: Any) -> MethodInputs:
    """Make inputs whose logit is the worth of the segments of `GROUPS` that are visible."""
    pixels = draw_pixels()
    pixel_groups = torch.from_numpy(GROUPS).repeat_interleave(2, 0).repeat_interleave(2, 1).repeat_interleave(2, 2)

    def forward(clips: Tensor) -> Tensor:
        same = (clips == pixels).all(2)
        visible = torch.stack([same[:, pixel_groups == group].all(1) for group in range(8)], 1)
        return torch.stack([torch.zeros(len(clips)), worth(visible.double()).float()], 1)

    return make_inputs(forward, pixels, **changes)


def random_game(seed: int) -> Worth:
    """Make a game in which every coalition has its own random worth."""
    table = torch.randn(256, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return lambda coalitions: table[(coalitions.long() << torch.arange(8)).sum(1)]


def segment_sums(maps: np.ndarray) -> np.ndarray:
    """Sum each segment of a map, ``(8,)``; the cells of a segment must be equal."""
    for group in range(8):
        assert np.ptp(maps[group == GROUPS]) == 0
    return np.bincount(GROUPS.ravel(), maps.ravel())
