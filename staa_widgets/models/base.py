"""`VideoModel`, a classifier ready to be explained, and `Family`, how one architecture is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from staa_widgets.models.transform import Transform
from staa_widgets.record import Geometry, Needs, Record


@dataclass(frozen=True, eq=False)
class VideoModel:
    """A video classifier with all that is needed to explain it.

    Parameters
    ----------
    module
        The classifier; it is never changed.
    geometry
        Layout of its tokens.
    transform
        From frames to its input.
    family
        Name of its `Family` in `staa_widgets.models.FAMILIES`.
    labels
        ``K`` names of the classes.
    id
        Where it came from: hub id, folder name or a name given by the user.
    device, dtype
        Where and how it computes.
    """

    module: nn.Module
    geometry: Geometry
    transform: Transform
    family: str
    labels: tuple[str, ...]
    id: str
    device: torch.device
    dtype: torch.dtype

    def pixels(self, frames: NDArray[np.uint8]) -> Tensor:
        """Turn frames, uint8 ``(T, H, W, 3)`` RGB, into the model's input, float32 ``(T, 3, H', W')`` on the CPU."""
        return torch.from_numpy(self.transform(frames))


class Reading(Protocol):
    """One forward pass being read: `staa_widgets.tap` installs it, runs the model and asks for the records."""

    @property
    def forwards(self) -> Mapping[nn.Module, Callable[..., Any]]:
        """What to put in place of the forward of each attention module."""
        ...

    @property
    def norm(self) -> nn.Module:
        """The last norm before the classifier; `take_readout` gets its input."""
        ...

    def take_readout(self, hidden: Tensor) -> None:
        """Keep what the classifier reads, before its last norm."""
        ...

    def records(self, logits: Tensor, targets: Sequence[int | None]) -> list[Record]:
        """Make one record a clip from what was taken; `logits` as the model gave them."""
        ...


@dataclass(frozen=True)
class Family:
    """How one architecture is read.

    Parameters
    ----------
    name
        ``model_type`` of its configuration.
    architecture
        Class of the classifier.
    geometry
        From configuration to `Geometry`.
    read
        Called with module, geometry and needs before each pass.
    mean, std
        Of the channels as its published checkpoints were trained, for models that come without a processor.
    """

    name: str
    architecture: type[PreTrainedModel]
    geometry: Callable[[Any], Geometry]
    read: Callable[[Any, Geometry, Needs], Reading]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
