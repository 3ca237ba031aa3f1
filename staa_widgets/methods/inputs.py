"""`MethodInputs`: pixels, record and model of a window, for methods that must run the model again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from staa_widgets.records.problem import ProblemType
from staa_widgets.records.target import Target, target_values

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from staa_widgets.records.geometry import Geometry
    from staa_widgets.records.record import Record


class Checkpoint(Protocol):
    """Where a method of many steps saves its state if it is interrupted, to continue from there at the next call."""

    def load(self) -> Mapping[str, NDArray[Any]] | None:
        """Return the saved arrays; ``None`` if there are none."""

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Save arrays in place of those saved before."""


@dataclass(frozen=True, eq=False)
class MethodInputs:
    """Pixels of a window, the record of the window's first pass, and the model as a function.

    Parameters
    ----------
    record
        Record of the first pass, with all arrays that the method needs.
    target
        Target to explain: a class, the difference of two classes, or a function of the logits.
    pixels
        float32 ``(T, 3, H, W)`` on the CPU, the model's input.
    forward
        Function from ``(n, T, 3, H, W)`` to float32 logits ``(n, K)``, in evaluation mode; differentiable with respect
        to its input if gradients are enabled. The model's parameters receive no gradients.
    layers
        Modules of the model's layers, first to last.
    seed
        Seed of methods that use random numbers, derived from the clip's content and the window.
    batch_size
        Number of inputs to pass to `forward` at once.
    report
        ``report(done, total)``, to be called between batches; it raises `CancelledError` if the user has cancelled.
    last_layer_order
        Order of the last layer's input tokens, if it differs from ``Geometry.order``.
    other_clip_maps
        Function that returns the maps of `staa` for another clip, a synthetic clip that `seed` determines; takes one
        forward pass.
    device
        Device on which the model computes. `forward` takes inputs on any device.
    checkpoint
        Where to save the state of an interrupted run; ``None`` if nothing is to be kept.
    problem_type
        What the logits mean: exclusive classes, independent labels, or values.
    layers_give_features
        Whether the outputs of `layers` are feature maps, as in a wrapped convolution net, instead of tokens.
    net
        Convolution net whose last feature map is to be found, if `layers` is empty.
    """

    record: Record
    target: Target
    pixels: Tensor
    forward: Callable[[Tensor], Tensor]
    layers: tuple[nn.Module, ...]
    seed: int
    batch_size: int
    report: Callable[[int, int], object]
    last_layer_order: Literal["patch_major"] | None = None
    other_clip_maps: Callable[[], NDArray[np.float32]] | None = None
    device: torch.device | str = "cpu"
    checkpoint: Checkpoint | None = None
    problem_type: ProblemType = "single_label_classification"
    layers_give_features: bool = False
    net: nn.Module | None = None

    @property
    def geometry(self) -> Geometry:
        """The layout of the model's tokens."""
        return self.record.geometry

    @property
    def clip_logit(self) -> float:
        """Logit of the target for the clip itself, from the record."""
        return float(target_values(self.record.logits[None], self.target)[0])

    def target_logits(self, pixels: Tensor) -> Tensor:
        """Return the target's logit, difference of logits or function of the logits for each clip: float32 ``(n,)``."""
        return target_values(self.forward(pixels), self.target)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(S, h, w)``, the shape of the maps."""
        return self.geometry.slices, self.geometry.height, self.geometry.width
