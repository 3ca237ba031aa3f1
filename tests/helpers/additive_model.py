"""A model with known logits: a weighted sum over the cells of a clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staa_widgets.evaluation.metric import Case
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Record

PATCH = 2


def make_geometry(slices: int, height: int, width: int, tubelet: int = 1) -> Geometry:
    size = (height * PATCH, width * PATCH)
    return Geometry(slices * tubelet, tubelet, height, width, "time_major", 0, size)


class AdditiveModel:
    """A model of two classes that counts its passes; the logit of the second class is 0.

    Half of the pixels of every cell are 1 and the others -1, so that the clip's mean color is 0. The model squares the
    pixels: filling a cell with ``fade`` lowers the logit by exactly the weight of the cell.
    """

    def __init__(self, weights: NDArray[np.float64], *, tubelet: int = 1) -> None:
        self.weights = torch.from_numpy(weights)
        self.geometry = make_geometry(*weights.shape, tubelet=tubelet)
        self.passes = 0
        height, width = self.geometry.input_size
        signs = torch.ones(height, width)
        signs[:, 1::2] = -1
        self.pixels = signs.expand(self.geometry.frames, 3, height, width).clone()

    def cells(self, pixels: Tensor) -> Tensor:
        """Return the share of each cell that is not filled: ``(n, S, h, w)``."""
        s, h, w = self.weights.shape
        return pixels.double().square().reshape(len(pixels), s, -1, h, PATCH, w, PATCH).mean((2, 4, 6))

    def __call__(self, pixels: Tensor) -> Tensor:
        self.passes += len(pixels)
        first = (self.cells(pixels) * self.weights).sum((1, 2, 3))
        return torch.stack([first, torch.zeros_like(first)], 1)

    def inputs(self, **changes: Any) -> MethodInputs:
        logits = self(self.pixels[None])[0].float().numpy()
        self.passes = 0
        settings: dict[str, Any] = {
            "record": Record(self.geometry, "joint", logits),
            "target": 0,
            "pixels": self.pixels,
            "forward": self,
            "layers": (),
            "seed": 0,
            "batch_size": 4,
            "report": lambda done, total: None,
        }
        return MethodInputs(**{**settings, **changes})

    def case(self, maps: NDArray[np.floating], attribute: Callable[..., Any] | None = None, **changes: Any) -> Case:
        return Case(np.asarray(maps, np.float32), inputs=self.inputs(**changes), attribute=attribute)


def random_weights(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float64]:
    """Return distinct weights of both signs, in random order."""
    return np.random.default_rng(seed).permutation(np.linspace(-1, 2, int(np.prod(shape)))).reshape(shape)
