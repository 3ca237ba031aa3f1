"""`Geometry`: how a model divides a clip into tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError

Patch = tuple[int, int, int]
"""Slice, row and column of the token grid, each counted from 0."""


@dataclass(frozen=True)
class Geometry:
    """Layout of a model's tokens in space and time; converts between token order and the grid.

    Parameters
    ----------
    frames
        ``T``, the number of sampled frames that the model takes.
    tubelet
        ``k``, the number of frames that a token spans.
    height, width
        ``h``, ``w``: rows and columns of the token grid.
    order
        ``"patch_major"`` (time fastest), ``"time_major"`` or ``"per_frame"`` (each frame is a sequence of its own).
    prefix
        Number of tokens before the patches, such as CLS.
    input_size
        ``(height, width)`` in pixels of the model's input.
    input_name
        Keyword of the model's `forward` that takes the clip.
    """

    frames: int
    tubelet: int
    height: int
    width: int
    order: Literal["patch_major", "time_major", "per_frame"]
    prefix: int
    input_size: tuple[int, int]
    input_name: str = "pixel_values"

    @property
    def slices(self) -> int:
        """``S``, the number of time slices in the model's input."""
        return self.frames // self.tubelet

    def to_grid(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        """Reshape values of patch tokens, ``(…, S·h·w)`` in token order without prefix, to ``(…, S, h, w)``."""
        leading_shape = row.shape[:-1]
        if self.order == "patch_major":
            cube = row.reshape(*leading_shape, self.height, self.width, self.slices)
            return np.moveaxis(cube, -1, -3)
        return row.reshape(*leading_shape, self.slices, self.height, self.width)

    def resolve_patch(self, patch: Patch | Literal["middle"], slices: int | None = None) -> Patch:
        """Check a patch against a grid of ``slices`` slices and return it; ``"middle"`` stands for the middle patch.

        By default the grid has the slices of one window.

        Raises
        ------
        ParameterError
            If the grid has no such patch.
        """
        grid = self.slices if slices is None else slices, self.height, self.width
        if patch == "middle":
            return grid[0] // 2, grid[1] // 2, grid[2] // 2
        slice_index, row, column = patch
        if not (slice_index < grid[0] and row < grid[1] and column < grid[2]):
            raise ParameterError(
                f"The patch {slice_index, row, column} is outside the grid "
                f"of {grid[0]} slices of {grid[1]}x{grid[2]} patches.",
                f"Choose a slice from 0 to {grid[0] - 1}, a row from 0 to {grid[1] - 1} "
                f"and a column from 0 to {grid[2] - 1}.",
            )
        return slice_index, row, column

    def token_index(self, patch: Patch) -> int:
        """Return the index of a patch's token, for a model with all tokens of a clip in one sequence."""
        slice_index, row, column = patch
        index_in_slice = row * self.width + column
        if self.order == "patch_major":
            return self.prefix + index_in_slice * self.slices + slice_index
        return self.prefix + slice_index * self.height * self.width + index_in_slice
