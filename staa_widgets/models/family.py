"""`VideoModel`, a classifier ready to be explained, and `Family`, how one architecture is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from staa_widgets.models.transform import Transform
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record

Submodule = TypeVar("Submodule", bound=nn.Module)


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
    compile
        Whether methods that ask the model again ask a compiled one.
    """

    module: nn.Module
    geometry: Geometry
    transform: Transform
    family: str
    labels: tuple[str, ...]
    id: str
    device: torch.device
    dtype: torch.dtype
    compile: bool = False

    @cached_property
    def prediction_module(self) -> Callable[..., Any]:
        """The module for passes in which nobody listens, compiled where that was asked for."""
        return torch.compile(self.module) if self.compile else self.module

    @property
    def attends(self) -> bool:
        """Whether there is attention to read; otherwise methods that need it are refused."""
        from staa_widgets.models.registry import FAMILIES

        return FAMILIES[self.family].attends

    def pixels(self, frames: NDArray[np.uint8]) -> Tensor:
        """Turn frames, uint8 ``(T, H, W, 3)`` RGB, into the model's input, float32 ``(T, 3, H', W')`` on the CPU."""
        return torch.from_numpy(self.transform(frames))


CaptureCallback = Callable[[Tensor, Tensor, Tensor, Any, float], Tensor | None]
"""Called with queries, keys and values ``(n, H, N, d)``, the output ``(n, N, H, d)`` and the scale of the scores.

A family's own `attention_forward` may call it without an output, and takes what it gives for one.
"""


class AttentionReader(Protocol):
    """One forward pass being read: `models.capture` installs it, runs the model and asks for the records."""

    @property
    def captures(self) -> Mapping[nn.Module, CaptureCallback]:
        """What to hand that which passes through each attention module."""
        ...

    @property
    def norm(self) -> nn.Module | None:
        """The last norm before the classifier, whose input `capture_readout` gets; ``None`` where there is none."""
        ...

    def capture_readout(self, hidden: Tensor) -> None:
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
        ``model_type`` of its configuration; ``"generic"`` has none.
    architecture
        Class of the classifier.
    geometry
        From configuration to `Geometry`.
    read
        Called with module, geometry and needs before each pass.
    layers
        From a classifier to its transformer blocks, first to last.
    mean, std
        Of the channels as its published checkpoints were trained, for models that come without a processor.
    attention_forward
        ``(attention module, take, hidden, …)``: stands in for the forward of attention modules that do not go through
        transformers' `AttentionInterface`.
    replacements
        From a classifier and its reading to methods of the model's parts, ``(part, name)``, and what stands in for each
        during the pass; to the last bit the same.
    attends
        Whether there is attention to read; otherwise it answers methods that need nothing of a record but logits.
    last_layer_order
        As ``Geometry.order``, of the tokens that the last block takes, where it differs.
    """

    name: str
    architecture: type[nn.Module]
    geometry: Callable[[Any], Geometry]
    read: Callable[[Any, Geometry, Needs], AttentionReader]
    layers: Callable[[nn.Module], tuple[nn.Module, ...]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    attention_forward: Callable[..., Any] | None = None
    replacements: Callable[[nn.Module, Any], Mapping[tuple[nn.Module, str], Callable[..., Any]]] = lambda *_: {}
    attends: bool = True
    last_layer_order: Literal["patch_major"] | None = None


def attention_and_projection(block: nn.Module) -> tuple[nn.Module, Tensor]:
    """Give the part of an attention block that calls transformers' `AttentionInterface`, and the weight that follows.

    Releases differ in how they divide a block, but the part that attends always holds the scale of its scores, and the
    projection of what it gives is the block's last linear layer.
    """
    attending = next(part for part in block.modules() if hasattr(part, "scaling"))
    return attending, submodules_of(block, nn.Linear)[-1].weight


def submodules_of(module: nn.Module, kind: type[Submodule]) -> tuple[Submodule, ...]:
    """Give all parts of a class, in the order in which they were made."""
    return tuple(part for part in module.modules() if isinstance(part, kind))
