"""Inputs of methods, for models that are small enough to explain by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staa_widgets.methods import MethodInputs
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Record

GRID = Geometry(frames=4, tubelet=2, height=2, width=3, order="time_major", prefix=1, input_size=(4, 6))
"""Two slices of two frames, 2 × 3 patches of 2 × 2 pixels."""


def draw_pixels(seed: int = 0, *, geometry: Geometry = GRID) -> Tensor:
    shape = (geometry.frames, 3, *geometry.input_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_inputs(
    logits: Callable[[Tensor], Tensor], pixels: Tensor | None = None, *, geometry: Geometry = GRID, **changes: Any
) -> MethodInputs:
    """Make inputs whose model is a function from ``(n, T, 3, H, W)`` to logits ``(n, K)``."""
    clip = draw_pixels(geometry=geometry) if pixels is None else pixels
    values = logits(clip[None])[0].detach().numpy().astype(np.float32)
    inputs = MethodInputs(
        record=Record(geometry=geometry, attention_type="joint", logits=values),
        target=1,
        pixels=clip,
        forward=logits,
        layers=(),
        seed=0,
        batch_size=5,
        report=lambda *_: None,
    )
    return replace(inputs, **changes)


def linear_model(weights: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a model whose logit 0 is 0.25 and whose logit 1 is the weighted sum of the pixels."""
    return lambda pixels: torch.stack([torch.full((len(pixels),), 0.25), (pixels * weights).sum((1, 2, 3, 4))], 1)


def sum_over_cells(values: Tensor, *, geometry: Geometry = GRID) -> np.ndarray:
    """Return the sums of pixels ``(T, 3, H, W)`` over cells, by loops."""
    sums = np.zeros((geometry.slices, geometry.height, geometry.width), np.float32)
    for (s, y, x), _ in np.ndenumerate(sums):
        k = geometry.tubelet
        sums[s, y, x] = values[s * k : (s + 1) * k, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].sum()
    return sums
