"""Masks by area, and which of them keeps the class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.records.masks import Masks


def make_masks(probabilities: Any, clip_probabilities: Any = (0.8,)) -> Masks:
    probabilities = np.array(probabilities)
    areas = 0.1 * np.arange(1, probabilities.shape[1] + 1)
    return Masks(
        values=np.zeros((len(areas), 2, 3, 3), np.float16),
        areas=areas,
        frame_areas=np.broadcast_to(areas, probabilities.shape),
        probabilities=probabilities,
        clip_probabilities=np.array(clip_probabilities),
    )


@pytest.mark.parametrize(
    ("probabilities", "clip_probabilities", "index"),
    [
        ([[0.5, 0.7]], [0.8], 0),
        ([[0.4, 0.3]], [0.8], 0),
        ([[0.3, 0.7]], [0.8], 1),
        ([[0.39, 0.1, 0.9]], [0.8], 2),
        ([[0.3, 0.2]], [0.8], None),
        ([[0.1, 0.5], [0.5, 0.9]], [0.6, 0.8], 1),  # means .3 and .7; half of the clip's mean is .35
    ],
)
def test_the_smallest_mask_that_keeps_half_of_the_probability(probabilities: Any, clip_probabilities: Any, index: Any):
    assert make_masks(probabilities, clip_probabilities).smallest_sufficient == index


@pytest.mark.parametrize(
    "changes",
    [
        {"values": np.zeros((3, 2, 3, 3))},
        {"areas": np.array([0.2, 0.1])},
        {"frame_areas": np.zeros((2, 2))},
        {"clip_probabilities": np.zeros(2)},
        {"probabilities": np.full((1, 2), np.nan)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_masks_that_do_not_fit_together_are_refused(changes: dict[str, Any]):
    with pytest.raises(ParameterError):
        replace(make_masks([[0.5, 0.7]]), **changes)
