"""`VideoModel`: a video classifier with everything that is needed to explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from staa_widgets.models.family import Family
from staa_widgets.models.recipes import Recipe
from staa_widgets.models.transform import Transform
from staa_widgets.records.problem import ProblemType
from staa_widgets.records.record import Geometry


@dataclass(frozen=True, eq=False)
class VideoModel:
    """A video classifier with everything that is needed to explain it.

    Parameters
    ----------
    module
        The classifier; it is never changed.
    geometry
        Layout of the model's tokens.
    transform
        Preprocessing that turns frames into the model's input.
    family
        How the model's attention is read.
    labels
        ``K`` names of the classes.
    id
        Name of the model: hub id, folder name or a name given by the user.
    device, dtype
        Device and data type that the model computes with.
    compile
        Whether passes whose attention is not captured run through `torch.compile`.
    recipe
        How the model was trained to sample a video; ``None`` if this is not known.
    problem_type
        What the logits mean: exclusive classes, independent labels, or values.
    splits_logit
        Whether the module has a single logit ``z`` for two exclusive classes. Their logits are ``-z / 2`` and
        ``z / 2``, so that the second one has the probability ``sigmoid(z)``.
    drawings_only
        Whether the model was trained on drawn actions only, as the bundled ones.
    """

    module: nn.Module
    geometry: Geometry
    transform: Transform
    family: Family
    labels: tuple[str, ...]
    id: str
    device: torch.device
    dtype: torch.dtype
    compile: bool = False
    recipe: Recipe | None = None
    problem_type: ProblemType = "single_label_classification"
    splits_logit: bool = False
    drawings_only: bool = False

    @cached_property
    def prediction_module(self) -> Callable[..., Any]:
        """The module for passes whose attention is not captured, compiled if `compile` is set."""
        return torch.compile(self.module) if self.compile else self.module

    def pixels(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return RGB frames, uint8 ``(T, H, W, 3)``, as the model's input, float32 ``(T, 3, H', W')`` on the CPU."""
        return torch.from_numpy(self.transform(frames))
