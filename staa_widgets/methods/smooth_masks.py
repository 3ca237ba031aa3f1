"""Make smooth masks of frames from a coarse grid of cells with values from 0 to 1.

Each pixel is a soft maximum over the cells near it, weighted by their distance, so that a mask has smooth edges (Fong,
Patrick & Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks", arXiv 1910.08485). Masks
are made on a *canvas*, the frame with a margin on every side, so that a cell at the edge of the frame takes as much
area as any other cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

SHARPNESS = 20.0
"""Factor of the values in the exponent of the soft maximum; greater factors come closer to the maximum."""


class _Axis(NamedTuple):
    """How the blocks of ``cell`` pixels of the canvas lie along one axis.

    Parameters
    ----------
    blocks
        Number of blocks that the canvas touches.
    first_cell
        Index of the first cell that the first block sees.
    skipped
        Number of pixels of the first block that lie before the canvas.
    distances
        ``cell`` rows of ``window`` numbers: pixels from each pixel of a block to the center of each cell that the block
        sees.
    """

    blocks: int
    first_cell: int
    skipped: int
    distances: list[list[float]]


@dataclass(frozen=True)
class MaskGenerator:
    """Makes smooth masks of frames from grids of cells.

    Parameters
    ----------
    frame_size
        Height and width of a frame in pixels.
    cell
        Side of a cell in pixels; the last cells of a row or column may reach beyond the frame.
    sigma
        Width of the smoothing in pixels. A cell has its full weight up to half of it, then the weight falls.
    layout
        ``"centered"``: the center of a cell is the middle of its pixels, and each pixel sees equally many cells on both
        sides. ``"published"``: as in the code that the authors of STEP published. There the center of a cell is its
        upper left pixel, and a pixel sees more cells on one side than on the other.
    """

    frame_size: tuple[int, int]
    cell: int
    sigma: float
    layout: Literal["centered", "published"] = "centered"

    @property
    def grid(self) -> tuple[int, int]:
        """Number of rows and columns of cells."""
        height, width = self.frame_size
        return ceil(height / self.cell), ceil(width / self.cell)

    @property
    def margin(self) -> int:
        """Width in pixels of the margin of the canvas around the frame."""
        return round(self.sigma)

    @property
    def window(self) -> int:
        """Number of cells that a pixel sees along each axis."""
        return 2 * self._reach + 1

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        height, width = self.frame_size
        return height + 2 * self.margin, width + 2 * self.margin

    @property
    def _reach(self) -> int:
        return 1 + ceil(self.sigma / self.cell)

    def masks(self, cells: Tensor) -> Tensor:
        """Return masks on the canvas, ``(n, height, width)``, from cells ``(n, rows, columns)``; differentiable."""
        vertical, horizontal = self._axes
        paddings: list[int] = []
        for axis, count in ((horizontal, cells.shape[2]), (vertical, cells.shape[1])):
            paddings += [-axis.first_cell, axis.blocks - 1 + axis.first_cell + self.window - count]
        # Cells beyond the grid have the value 0; they take part in the soft maximum.
        neighbors = unfold(pad(cells[:, None], paddings), self.window)
        neighbors = neighbors.reshape(len(cells), -1, vertical.blocks, horizontal.blocks, 1, 1)
        by_block: Any = _WeightedSoftMaximum.apply(neighbors, self._weights(cells))
        masks = by_block.clamp(0, 1).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        height, width = self.canvas_size
        return masks[:, vertical.skipped : vertical.skipped + height, horizontal.skipped : horizontal.skipped + width]

    def crop(self, canvas: Tensor) -> Tensor:
        """Return the part of masks ``(…, height, width)`` on the canvas that lies within the frame."""
        height, width = self.frame_size
        return canvas[..., self.margin : self.margin + height, self.margin : self.margin + width]

    def _weights(self, like: Tensor) -> Tensor:
        """Return the weight of each cell for each pixel of a block: ``(window², cell, cell)``."""
        vertical, horizontal = (like.new_tensor(axis.distances) for axis in self._axes)
        distance = (vertical.T[:, None, :, None].square() + horizontal.T[None, :, None, :].square()).sqrt()
        weights = (-2 * (distance / self.sigma - 0.5).clamp(min=0).square()).exp()
        return weights.flatten(0, 1)

    @cached_property
    def _axes(self) -> tuple[_Axis, _Axis]:
        height, width = self.frame_size
        return self._lay_out(height), self._lay_out(width)

    def _lay_out(self, length: int) -> _Axis:
        cell, margin = self.cell, self.margin
        if self.layout == "published":
            # Blocks begin at the edge of the canvas, not of the frame.
            first_block_start, center = -margin, 0.0
            first_cell = -1 - ceil(2 * self.sigma / cell)
        else:
            first_block_start, center = -cell * ceil(margin / cell), (cell - 1) / 2
            first_cell = first_block_start // cell - self._reach
        skipped = -margin - first_block_start
        blocks = ceil((skipped + length + 2 * margin) / cell)
        positions = range(first_block_start, first_block_start + cell)
        centers = [cell * (first_cell + number) + center for number in range(self.window)]
        return _Axis(blocks, first_cell, skipped, [[x - c for c in centers] for x in positions])


class _WeightedSoftMaximum(torch.autograd.Function):
    """Sum of weighted values ``v``, each multiplied by its share ``exp(20 v) / Σ exp(20 v)``.

    Cells are taken one after the other and computed again in the backward pass: an array of all pixels times all cells
    would be about fifty times as large as the masks.
    """

    @staticmethod
    def forward(ctx: Any, cells: Tensor, weights: Tensor) -> Tensor:
        """Return soft maxima, ``(n, rows, columns, cell, cell)``.

        Parameters
        ----------
        ctx
            Context of autograd.
        cells
            ``(n, window², rows, columns, 1, 1)``, the cells that the pixels of each block see.
        weights
            ``(window², cell, cell)``, for each pixel of a block.
        """
        total = cells.new_zeros(len(cells), *cells.shape[2:4], *weights.shape[1:])
        weighted_total = torch.zeros_like(total)
        for column, weight in zip(cells.unbind(1), weights, strict=True):
            exponents = (column * weight).mul_(SHARPNESS)
            powers = exponents.exp()
            total += powers
            weighted_total.addcmul_(powers, exponents)
        result = weighted_total.div_(total).div_(SHARPNESS)
        ctx.save_for_backward(cells, weights, result, total)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient with respect to the cells: that of each value is ``share (1 + 20 (v - result))``."""
        cells, weights, result, total = ctx.saved_tensors
        scale, shift = gradients[0] / total, SHARPNESS * result - 1
        by_cell: list[Tensor] = []
        for column, weight in zip(cells.unbind(1), weights, strict=True):
            exponents = (column * weight).mul_(SHARPNESS)
            terms = exponents.exp().mul_(exponents.sub_(shift)).mul_(scale)
            by_cell.append(terms.flatten(-2) @ weight.flatten())
        return torch.stack(by_cell, 1)[..., None, None], None
