"""Occlusion, on models whose losses are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.methods import METHODS
from staa_widgets.methods.fillers import FILLERS
from tests.helpers.method_inputs import GRID, draw_pixels, linear_model, make_inputs, sum_over_cells

WEIGHTS = draw_pixels(7)
OCCLUSION = METHODS["occlusion"]


@pytest.mark.parametrize("filler", ["blur", "median", "darkest"])
def test_maps_of_a_linear_model_are_its_losses(filler: str):
    inputs = make_inputs(linear_model(WEIGHTS))
    losses = WEIGHTS * (inputs.pixels - FILLERS[filler](inputs.pixels))
    np.testing.assert_allclose(OCCLUSION(inputs, filler=filler), sum_over_cells(losses), atol=1e-4)


def test_freeze_fills_with_the_frame_before_or_after():
    inputs = make_inputs(linear_model(WEIGHTS))
    frozen = inputs.pixels[[2, 2, 1, 1]]
    np.testing.assert_allclose(
        OCCLUSION(inputs, filler="freeze"), sum_over_cells(WEIGHTS * (inputs.pixels - frozen)), atol=1e-4
    )


def test_cells_hidden_together_share_their_loss():
    inputs = make_inputs(linear_model(WEIGHTS))
    alone = OCCLUSION(inputs, filler="median")
    together = OCCLUSION(inputs, filler="median", cells=(2, 1, 2))
    assert together.sum() == pytest.approx(alone.sum(), abs=1e-4)
    for row in range(2):
        np.testing.assert_allclose(together[:, row, :2], alone[:, row, :2].mean(), atol=1e-4)
        np.testing.assert_allclose(together[:, row, 2], alone[:, row, 2].mean(), atol=1e-4)


def test_the_target_class_is_explained():
    assert not OCCLUSION(make_inputs(linear_model(WEIGHTS), target=0)).any()
    assert OCCLUSION.depends_on_class()
    assert OCCLUSION.signed


def test_a_cell_that_lowers_the_logit_is_negative():
    pixels = torch.zeros(4, 3, 4, 6)
    pixels[0, :, 0, 0] = 1
    maps = OCCLUSION(make_inputs(linear_model(-torch.ones(4, 3, 4, 6)), pixels), filler="median")
    assert maps[0, 0, 0] == -3
    assert np.count_nonzero(maps) == 1


@pytest.mark.parametrize(("size", "passes"), [((1, 1, 1), 12), ((1, 2, 2), 4), ([2, 2, 3], 1), ((9, 9, 9), 1)])
def test_passes_are_bounded_counted_and_reported(size: Any, passes: int):
    batches, reports = [], []

    def count_batches(pixels: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        batches.append(len(pixels))
        return linear_model(WEIGHTS)(pixels)

    OCCLUSION(
        make_inputs(linear_model(WEIGHTS), forward=count_batches, report=lambda *step: reports.append(step)), cells=size
    )
    assert max(batches) <= 5
    assert sum(batches) == passes == OCCLUSION.cost(GRID, {"cells": size}).forwards - 1
    assert reports == [(n, passes) for n in dict.fromkeys([*range(0, passes, 5), passes])]


def test_cancelling_ends_the_passes():
    def cancel(done: int, total: int) -> None:
        if done >= 5:
            raise CancelledError(f"Stopped at {done} of {total}.")

    with pytest.raises(CancelledError, match="5 of 12"):
        OCCLUSION(make_inputs(linear_model(WEIGHTS), report=cancel))


@pytest.mark.parametrize(
    "params",
    [{"filler": "fade"}, {"filler": "gray"}, {"cells": 2}, {"cells": (1, 1)}, {"cells": (0, 1, 1)}, {"cells": "111"}],
    ids=str,
)
def test_wrong_parameters_are_refused(params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        OCCLUSION.complete(params)
    assert caught.value.hint
