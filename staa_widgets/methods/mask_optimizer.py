"""Optimize smooth masks of given areas under which a model still predicts a class: the problem of STEP and its kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staa_widgets.methods.blur_levels import show_through
from staa_widgets.methods.mask_losses import Core, area_loss
from staa_widgets.methods.smooth_masks import MaskGenerator
from staa_widgets.methods.step_settings import Schedule

MOMENTUM = 0.9
"""Share of the former velocity in each step; the gradient has the rest."""


@dataclass(frozen=True, eq=False)
class MaskState:
    """Masks being optimized.

    Parameters
    ----------
    cells
        ``(A, T, rows, columns)``, values from 0 to 1 of the cells that the ``A`` masks are made from.
    velocity
        The same shape.
    steps
        Number of steps taken so far.
    """

    cells: Tensor
    velocity: Tensor
    steps: int

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays, for `from_arrays`."""
        arrays = {"cells": self.cells.cpu().numpy(), "velocity": self.velocity.cpu().numpy()}
        return {**arrays, "steps": np.array(self.steps)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], device: Any) -> MaskState:
        """Return the state that `to_arrays` wrote."""
        cells, velocity = (torch.tensor(arrays[name], device=device) for name in ("cells", "velocity"))
        return cls(cells, velocity, int(arrays["steps"]))


@dataclass(frozen=True, eq=False)
class MaskProblem:
    """Masks of a clip to be optimized, one for each area, independent of each other.

    Parameters
    ----------
    levels
        Versions of the clip from hidden to original, ``(8, T, 3, H, W)``, see `staa_widgets.methods.blur_levels`.
    generator
        Makes masks from cells.
    areas
        Share of the canvas's voxels that each of the ``A`` masks should cover.
    schedule
        Step size and weights.
    core
        Body of the core loss; ``None`` for no core loss.
    log_probability
        Function from clips ``(n, T, 3, H, W)`` to the logarithm of the target's probability, ``(n,)``; differentiable.
    seed
        Seed of the order in which equal values are counted as covered; ``None``: in the order of the voxels.
    """

    levels: Tensor
    generator: MaskGenerator
    areas: tuple[float, ...]
    schedule: Schedule
    core: Core | None
    log_probability: Callable[[Tensor], Tensor]
    seed: int | None = None

    def start(self) -> MaskState:
        """Return the state before the first step: all cells are 1."""
        shape = (len(self.areas), self.levels.shape[1], *self.generator.grid)
        return MaskState(self.levels.new_ones(shape), self.levels.new_zeros(shape), 0)

    def canvas(self, cells: Tensor) -> Tensor:
        """Return masks on the canvas, ``(n, T, height, width)``, from cells ``(n, T, rows, columns)``."""
        return self.generator.masks(cells.flatten(0, 1)).unflatten(0, cells.shape[:2])

    def shown_clips(self, masks: Tensor) -> Tensor:
        """Return the clip as it is shown through masks within the frame, ``(n, T, H, W)``: ``(n, T, 3, H, W)``."""
        return show_through(self.levels, masks)

    def losses(self, cells: Tensor, first: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the losses of the masks of consecutive areas: two tensors ``(n,)`` that are minimized together.

        Parameters
        ----------
        cells
            ``(n, T, rows, columns)``.
        first
            Index of the area of the first mask.
        step
            Number of the step, from 0.

        Returns
        -------
        class_loss
            ``-log p`` of the target.
        shape_loss
            Weighted area loss plus weighted core loss.
        """
        schedule, canvas = self.schedule, self.canvas(cells)
        class_loss = -self.log_probability(self.shown_clips(self.generator.crop(canvas)))
        order = self._tie_order(canvas[0].numel(), step)
        shape_losses: list[Tensor] = []
        for masks, area in zip(canvas, self.areas[first : first + len(cells)], strict=True):
            loss = schedule.area_weight * schedule.area_growth**step * area_loss(masks, area, order)
            if self.core is not None and step >= schedule.core_start:
                loss = loss + schedule.core_weight * self.core.loss(masks, area)
            shape_losses.append(loss)
        return class_loss, torch.stack(shape_losses)

    def take_step(self, state: MaskState, batch_size: int, report: Callable[[int], object]) -> MaskState:
        """Return the state after one step; between batches, `report` is called with the number of masks done."""
        gradients: list[Tensor] = []
        done = 0
        for batch in state.cells.split(batch_size):
            if done:
                report(done)
            cells = batch.detach().requires_grad_()
            with torch.enable_grad():
                class_loss, shape_loss = self.losses(cells, done, state.steps)
                gradients += torch.autograd.grad((class_loss + shape_loss).sum(), cells)
            done += len(batch)
        gradient = torch.cat(gradients)
        # As in torch's SGD with momentum and dampening, the first gradient counts in full.
        velocity = gradient if state.steps == 0 else MOMENTUM * state.velocity + (1 - MOMENTUM) * gradient
        return MaskState((state.cells - self.schedule.rate * velocity).clamp(0, 1), velocity, state.steps + 1)

    def _tie_order(self, count: int, step: int) -> Tensor | None:
        if self.seed is None:
            return None
        step_seed = int(np.random.SeedSequence([self.seed, step]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(step_seed)
        return torch.randperm(count, generator=generator).to(self.levels.device)
