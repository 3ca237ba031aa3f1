"""A model that reads the texture of one box of a clip, so that the smallest part that keeps its class is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.records.geometry import Geometry
from tests.helpers.method_inputs import make_inputs

PATCH = 4
SIDE = 32


@dataclass(frozen=True, eq=False)
class BoxModel:
    """The logit of class 1 is 4 if the box shows its texture, and falls to -4 as the texture is blurred; class 0 has 0.

    The clip is noise everywhere, so that only the model says where the box is.

    Parameters
    ----------
    frames
        Number of frames.
    box
        bool ``(T, 8, 8)``, the cells of 4 x 4 pixels that the model reads.
    """

    frames: int
    box: NDArray[np.bool_]

    @property
    def geometry(self) -> Geometry:
        cells = SIDE // PATCH
        return Geometry(self.frames, 1, cells, cells, "time_major", 0, (SIDE, SIDE))

    @property
    def pixels(self) -> Tensor:
        signs = torch.randint(0, 2, (self.frames, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
        return 2.0 * signs - 1

    def __call__(self, clips: Tensor) -> Tensor:
        weights = torch.from_numpy(self.box.repeat(PATCH, 1).repeat(PATCH, 2)).float()[:, None]
        texture = (clips * self.pixels * weights).sum((1, 2, 3, 4)) / (3 * weights.sum())
        return torch.stack([torch.zeros_like(texture), 8 * texture - 4], 1)

    def inputs(self, **changes: Any) -> MethodInputs:
        return replace(make_inputs(self, self.pixels, geometry=self.geometry, batch_size=4), **changes)


def make_box_model(frames: int) -> BoxModel:
    """Return a model whose box covers a tenth of the clip: half of the frames, 3 x 4 of 8 x 8 cells."""
    box = np.zeros((frames, 8, 8), bool)
    box[frames // 4 : 3 * frames // 4, 2:5, 3:7] = True
    return BoxModel(frames, box)


def intersection_over_union(maps: NDArray[np.floating], box: NDArray[np.bool_]) -> float:
    """Return the overlap of the box and of as many cells of the highest values."""
    strongest = maps >= np.sort(maps.ravel())[-int(box.sum())]
    return float((strongest & box).sum() / (strongest | box).sum())
