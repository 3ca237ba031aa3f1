"""LOCO, on models whose losses are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.methods import METHODS
from staa_widgets.methods.fillers import FILLERS
from tests.helpers.method_inputs import GRID, draw_pixels, linear_model, make_inputs, sum_over_cells

WEIGHTS = draw_pixels(7)
LOCO = METHODS["loco"]


def test_each_cell_of_a_segment_has_an_even_share_of_its_loss():
    inputs = make_inputs(linear_model(WEIGHTS))
    losses = sum_over_cells(WEIGHTS * (inputs.pixels - FILLERS["blur"](inputs.pixels)))
    maps = LOCO(inputs, segments=(2, 1, 3))
    for slice_index in range(2):
        for column in range(3):
            expected = losses[slice_index, :, column].mean()
            np.testing.assert_allclose(maps[slice_index, :, column], expected, atol=1e-4)


def test_segments_of_one_cell_are_those_of_occlusion():
    inputs = make_inputs(linear_model(WEIGHTS))
    np.testing.assert_allclose(LOCO(inputs), METHODS["occlusion"](inputs), atol=1e-5)


@pytest.mark.parametrize(("segments", "passes"), [((4, 4, 4), 12), ((2, 1, 1), 2), ([1, 2, 3], 6)])
def test_one_pass_for_each_segment(segments: Any, passes: int):
    reports = []
    LOCO(make_inputs(linear_model(WEIGHTS), report=lambda *step: reports.append(step)), segments=segments)
    assert reports[-1] == (passes, passes)
    assert LOCO.cost(GRID, {"segments": segments}) == (1 + passes, 0)


@pytest.mark.parametrize("params", [{"segments": (1, 1, 1)}, {"segments": 4}, {"filler": "fade"}], ids=str)
def test_wrong_parameters_are_refused(params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        LOCO.complete(params)
    assert caught.value.hint
