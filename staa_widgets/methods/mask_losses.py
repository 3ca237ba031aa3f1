"""Losses that make masks cover a given area, and cover it in one piece of space and time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv3d

ELLIPSOID_SHARE = 0.5236
"""Volume of an ellipsoid as a share of its box, π / 6."""


def area_loss(masks: Tensor, area: float, order: Tensor | None = None) -> Tensor:
    """Return how far a clip's masks are from covering exactly a share of it, all or nothing: a scalar.

    All values of the clip are sorted. The highest should be 1, the others 0; the loss is the mean squared difference.

    Parameters
    ----------
    masks
        Values from 0 to 1, of any shape.
    area
        Share of the values that should be 1.
    order
        Order in which equal values are counted, a permutation of all values; by default the first ones are lowest.
    """
    values = masks.flatten()
    if order is not None:
        values = values[order]
    values = torch.sort(values, stable=True).values
    hidden = int(len(values) * (1 - area))
    return (values[:hidden].square().sum() + (values[hidden:] - 1).square().sum()) / len(values)


@dataclass(frozen=True)
class Core:
    """A body in space and time, such as an ellipsoid, that fits into the parts that a mask should cover.

    Li et al., "Spatio-Temporal Perturbations for Video Attribution", arXiv 2109.00222.

    Parameters
    ----------
    frames
        Length of the body in frames.
    side
        Height and width of the body in pixels.
    shape
        ``"ellipsoid"`` or ``"cylinder"``, whose axis is time.
    """

    frames: int
    side: int
    shape: Literal["ellipsoid", "cylinder"] = "ellipsoid"

    @cached_property
    def kernel(self) -> Tensor:
        """Float32 ``(frames, side, side)``: 1 inside the body, 0 outside."""
        time, place = torch.linspace(-1, 1, self.frames), torch.linspace(-1, 1, self.side)
        radius = place[:, None].square() + place.square()
        if self.shape == "ellipsoid":
            radius = radius + time[:, None, None].square()
        return (radius.sqrt() <= 1).float().expand(self.frames, self.side, self.side)

    def count(self, voxels: int, area: float, positions: int) -> int:
        """Return how many of the positions of the body should be covered, so that a share of all voxels is covered.

        At least one, and not all if there are several.
        """
        wanted = ceil(area * voxels / max(1, int(self.frames * self.side**2 * ELLIPSOID_SHARE)))
        return max(1, min(wanted, positions - 1))

    def loss(self, masks: Tensor, area: float) -> Tensor:
        """Return how far masks ``(T, height, width)`` are from covering whole bodies and nothing else: a scalar.

        The body is moved over the masks: frame by frame in time, side by side in space. At the best positions it should
        be covered completely, at all others not at all.
        """
        kernel = self.kernel.to(masks)
        stride = (1, self.side, self.side)
        covered = conv3d(masks[None, None], kernel[None, None], stride=stride).flatten() / kernel.sum()
        covered = covered.sort(descending=True, stable=True).values
        count = self.count(masks.numel(), area, len(covered))
        loss = (covered[:count] - 1).square().mean()
        return loss + covered[count:].square().mean() if count < len(covered) else loss
