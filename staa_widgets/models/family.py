"""`Family`: how the attention of one architecture is read, and the helpers that family files share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from torch import Tensor, nn

from staa_widgets.models.attention.linear import linear_layers
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target

Submodule = TypeVar("Submodule", bound=nn.Module)

CaptureCallback = Callable[[Tensor, Tensor, Tensor, Any, float], Tensor | None]
"""Called with queries, keys and values ``(n, H, N, d)``, the output ``(n, N, H, d)`` and the scale of the scores.

`Family.attention_forward` may call it with ``None`` as the output; the callback may then return the output it computed.
"""


class AttentionReader(Protocol):
    """Reads the attention of one forward pass.

    `staa_widgets.models.capture` installs the reader's callbacks, runs the model and then calls `records`.
    """

    classifier: Any
    """The head, from the readout to the logits."""

    @property
    def captures(self) -> Mapping[nn.Module, CaptureCallback]:
        """The capture callback of each attention module."""
        ...

    @property
    def samples_queries(self) -> bool:
        """Whether attention is estimated from sampled queries, see `staa_widgets.models.attention.query_sampling`."""
        ...

    @property
    def norm(self) -> nn.Module | None:
        """The last norm before the classifier, or the classifier if it has none; `capture_readout` receives its input.

        ``None`` if nothing is to be captured.
        """
        ...

    def capture_readout(self, hidden: Tensor) -> None:
        """Receive the input of the last norm before the classifier, and store what `records` needs of it."""
        ...

    def records(self, logits: Tensor, targets: Sequence[Target | None]) -> list[Record]:
        """Make one record per clip from the captured tensors; `logits` are the model's output."""
        ...


@dataclass(frozen=True)
class Family:
    """Description of one architecture: its token layout and how its attention is read.

    Parameters
    ----------
    name
        ``model_type`` of the model's configuration; ``"generic"`` for models without a configuration.
    architecture
        Class of the classifier.
    geometry
        Function from a configuration to `Geometry`.
    make_reader
        Function from module, geometry and needs to the `AttentionReader` of one pass.
    layers
        Function from a classifier to its transformer blocks, first to last.
    mean, std
        Mean and standard deviation of the channels that the published checkpoints were trained with, for models that
        come without a processor.
    attention_forward
        ``(attention module, callback, hidden, …)``: replaces the forward of attention modules that do not go through
        transformers' `AttentionInterface`.
    replacements
        Function from a classifier and its reader to replacements of methods during a pass, by ``(submodule, method
        name)``. A replacement computes the same result to the last bit, but faster.
    attends
        Whether the model has attention that can be read. If not, only methods that need no attention can be used.
    last_layer_order
        Token order of the last block's input, as ``Geometry.order``, if it differs from the order in `geometry`.
    unused_weights
        Regular expressions of the names of weights that published checkpoints hold and the classifier does not use,
        such as those of a decoder. A checkpoint with any other unexpected weight is refused.
    renamed_weights
        Parts of the names of weights in published checkpoints, and what they are called where the classifier has no
        weight of the old name. Not every release of transformers knows the old names.
    zero_weights
        Regular expressions of the names of weights that are zero where a checkpoint lacks them: the classifiers of some
        releases of transformers have weights that the published ones do not have.
    outline
        Function from a configuration to one with weights of the same shapes, for a model that is quick to make.
    """

    name: str
    architecture: type[nn.Module]
    geometry: Callable[[Any], Geometry]
    make_reader: Callable[[Any, Geometry, Needs], AttentionReader]
    layers: Callable[[nn.Module], tuple[nn.Module, ...]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    attention_forward: Callable[..., Any] | None = None
    replacements: Callable[[nn.Module, Any], Mapping[tuple[nn.Module, str], Callable[..., Any]]] = lambda *_: {}
    attends: bool = True
    last_layer_order: Literal["patch_major"] | None = None
    unused_weights: tuple[str, ...] = ()
    renamed_weights: Mapping[str, str] = field(default_factory=dict)
    zero_weights: tuple[str, ...] = ()
    outline: Callable[[Any], Any] = lambda config: config


def attention_and_projection(block: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return the module of an attention block that calls `AttentionInterface`, and the output projection.

    Releases of transformers divide a block into modules in different ways, but the module that computes attention
    always holds the scale of the scores, and the output projection is always the block's last linear layer.
    """
    linear = linear_layers(block)
    inside_linear = {part for layer in linear for part in layer.modules()}
    candidates = (part for part in block.modules() if hasattr(part, "scaling") and part not in inside_linear)
    return next(candidates), linear[-1]


def release_captured(reader: AttentionReader) -> None:
    """Release everything that a reader holds, so that the captured tensors are freed now.

    A reader and its callbacks refer to each other, so that otherwise the tensors of a pass would stay in memory until
    Python's garbage collector runs, which may be many passes later.
    """
    vars(reader).clear()


def submodules_of(module: nn.Module, kind: type[Submodule]) -> tuple[Submodule, ...]:
    """Return all submodules of a class, in the order in which they were made."""
    return tuple(submodule for submodule in module.modules() if isinstance(submodule, kind))
