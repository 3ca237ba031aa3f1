"""`Record`: what one forward pass leaves behind, and `Needs`: what a method wants to find in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError

AttentionType = Literal["divided", "joint", "space_only"]

Patch = tuple[int, int, int]
"""Slice, row and column of the token grid, each counted from 0."""


@dataclass(frozen=True)
class Geometry:
    """How a model lays a clip out in tokens; the only place that knows token order.

    Parameters
    ----------
    frames
        ``T``, sampled frames the model takes.
    tubelet
        ``k``, frames a token spans.
    height, width
        ``h w``, the token grid.
    order
        ``"patch_major"`` (time fastest), ``"time_major"`` or ``"per_frame"`` (each frame is a sequence of its own).
    prefix
        Tokens before the patches, such as CLS.
    input_size
        ``(height, width)`` in pixels of the model's input.
    input_name
        Keyword of the model's forward.
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
        """``S``, units of time in which the model has one map."""
        return self.frames // self.tubelet

    def to_grid(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        """Bring values of patch tokens (prefix removed), ``(…, S·h·w)`` in token order, to ``(…, S, h, w)``."""
        lead = row.shape[:-1]
        if self.order == "patch_major":
            cube = row.reshape(*lead, self.height, self.width, self.slices)
            return np.moveaxis(cube, -1, -3)
        return row.reshape(*lead, self.slices, self.height, self.width)

    def resolve_patch(self, patch: Patch | Literal["middle"], slices: int | None = None) -> Patch:
        """Find a patch of a clip of so many slices, by default those of one window.

        Raises
        ------
        ParameterError
            If the grid has no such patch.
        """
        grid = self.slices if slices is None else slices, self.height, self.width
        if patch == "middle":
            return grid[0] // 2, grid[1] // 2, grid[2] // 2
        at, row, column = patch
        if not (at < grid[0] and row < grid[1] and column < grid[2]):
            raise ParameterError(
                f"The patch {at, row, column} is outside the grid of {grid[0]} slices of {grid[1]}x{grid[2]} patches.",
                f"Give a slice from 0 to {grid[0] - 1}, a row to {grid[1] - 1} and a column to {grid[2] - 1}.",
            )
        return at, row, column

    def token_index(self, patch: Patch) -> int:
        """Say which token a patch is, where all of a clip stand in one sequence behind the prefix."""
        at, row, column = patch
        place = row * self.width + column
        if self.order == "patch_major":
            return self.prefix + place * self.slices + at
        return self.prefix + at * self.height * self.width + place


@dataclass(frozen=True)
class Needs:
    """What a method reads from a `Record`; the engine joins the needs of all methods asked for.

    Parameters
    ----------
    rows
        The readout's attention row of each layer and head.
    temporal
        Temporal attention of divided models.
    spatial
        Whole head-mean attention within frames, for rollout; for joint attention the rollout itself.
    values
        Attention weighted by the norm of what it moves.
    contributions
        What each token adds to the target's logit.
    gradients
        Attention times its gradient; costs one backward pass.
    relevance
        The readout carried back through attention times its gradient; costs one backward pass.
    exact
        Every query of joint attention is read, where otherwise some would stand for all.
    patch
        The attention of this patch, in each layer and head.
    """

    rows: bool = False
    temporal: bool = False
    spatial: bool = False
    values: bool = False
    contributions: bool = False
    gradients: bool = False
    relevance: bool = False
    exact: bool = False
    patch: Patch | Literal["middle"] | None = None

    def __or__(self, other: Needs) -> Needs:
        return Needs(**{name: getattr(self, name) or getattr(other, name) for name in self.__dataclass_fields__})

    @property
    def class_specific(self) -> bool:
        """Whether the record depends on the class asked for."""
        return self.contributions or self.backward

    @property
    def backward(self) -> bool:
        """Whether the record takes a backward pass."""
        return self.gradients or self.relevance


@dataclass(frozen=True)
class Record:
    """What one forward pass of one window leaves behind.

    Arrays that were not needed are ``None``. ``P = h·w`` patches of a slice, row by row.

    Parameters
    ----------
    geometry
        Layout of the tokens.
    attention_type
        ``"divided"``, ``"joint"`` or ``"space_only"``.
    logits
        float32 ``(K,)``.
    target
        Class that `contributions` and gradients speak of.
    cls
        float32 ``(L, H, S)``, attention that the readout keeps on itself (for joint attention divided evenly over the
        slices; zero where there is no CLS).
    rows
        float32 ``(L, H, S, P)``, attention from the readout to each patch; `cls` is the rest of the row. Where the
        readout is the mean of all tokens, the mean of their rows.
    temporal
        float32 ``(L, P, T, T)``, head-mean temporal attention ``[layer, patch, from, to]``.
    spatial
        float16 ``(L, T, 1 + P, 1 + P)``, head-mean attention within each frame.
    value_rows, value_temporal
        float32, shaped as head-mean `rows` ``(L, S, P)`` and `temporal`, weighted by the norm of the moved value.
    contributions
        float32 ``(L, H, S, P)``, what each patch adds to the target's logit.
    gradient_rows, gradient_temporal
        float32, head means of ``relu(a · dy/da)``, shaped ``(L, S, P)`` and as `temporal`.
    relevance
        float32 ``(S, P)``: the readout carried back through ``I + mean_h relu(a · dy/da)`` of all layers.
    rollout, value_rollout, gradient_rollout, contribution_rollout
        float32 ``(L + 1, S, P)``, for joint attention, whose whole matrices are too large to keep: the readout,
        `value_rows`, `gradient_rows` and the positive `contributions`, carried back through plain attention of all
        layers. Summed over ``n`` with ``a ** n`` they are what arrives where attention has the share ``a`` and the
        residual the rest.
    patch_rows
        float32 ``(L, H, S, P)``, attention from the patch asked for to each patch; what CLS gets of it is left out. Of
        all layers in which patches attend to each other, which for models with a pooler are others than those of
        `rows`. Divided attention: its head's spatial row times head-mean temporal attention of what that attends to.
    sampling_errors
        By array that was estimated from sampled queries: its standard error as a share of its mass. The mean over
        layers of `rows`, what arrives of a rollout. Nothing where every query was read.
    """

    geometry: Geometry
    attention_type: AttentionType
    logits: NDArray[np.float32]
    target: int = -1
    cls: NDArray[np.float32] | None = None
    rows: NDArray[np.float32] | None = None
    temporal: NDArray[np.float32] | None = None
    spatial: NDArray[np.float16] | None = None
    value_rows: NDArray[np.float32] | None = None
    value_temporal: NDArray[np.float32] | None = None
    contributions: NDArray[np.float32] | None = None
    gradient_rows: NDArray[np.float32] | None = None
    gradient_temporal: NDArray[np.float32] | None = None
    relevance: NDArray[np.float32] | None = None
    rollout: NDArray[np.float32] | None = None
    value_rollout: NDArray[np.float32] | None = None
    gradient_rollout: NDArray[np.float32] | None = None
    contribution_rollout: NDArray[np.float32] | None = None
    patch_rows: NDArray[np.float32] | None = None
    sampling_errors: Mapping[str, float] = field(default_factory=dict)
