"""Wrap any torch classifier, for methods that need no attention."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from staa_widgets.errors import ModelError, ParameterError, UnsupportedRequestError
from staa_widgets.models.attention.ops import make_records
from staa_widgets.models.family import Family
from staa_widgets.models.heads import check_problem, split_logit
from staa_widgets.models.module_checks import check_has_values
from staa_widgets.models.transform import Transform
from staa_widgets.models.video_model import VideoModel
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.problem import ProblemType
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target
from staa_widgets.utils.text import check_text

Layout = Literal["btchw", "bcthw"]
Size = int | tuple[int, int]

_DEFAULT_CELL = 16


class WrappedModel(nn.Module):
    """A callable with the interface of a transformers classifier.

    Parameters
    ----------
    inner
        Module or function from clips to logits.
    layout
        Order of the axes of the input.
    geometry
        Token grid of the maps.
    classes
        Number of classes, ``K``.
    output
        Key of the logits in the model's output, or a function that returns them; ``None`` to find them.
    layers
        Names of submodules of `inner` whose outputs are feature maps, for Grad-CAM.
    """

    def __init__(
        self,
        inner: Callable[..., Any],
        layout: Layout,
        geometry: Geometry,
        classes: int,
        output: str | Callable[[Any], Any] | None = None,
        layers: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.inner = inner
        self.layout = layout
        self.geometry = geometry
        self.classes = classes
        self.output = output
        self.layers = layers

    def forward(self, pixel_values: Tensor, **_: Any) -> SimpleNamespace:
        """Return an object with the `logits` ``(B, K)`` of clips ``(B, T, 3, H, W)``."""
        output = self.inner(pixel_values if self.layout == "btchw" else pixel_values.transpose(1, 2))
        return SimpleNamespace(logits=self._extract_logits(output, len(pixel_values)))

    def _extract_logits(self, output: Any, clips: int) -> Tensor:
        if self.output is not None:
            output = self._select_output(output)
        elif isinstance(output, Mapping) and "logits" in output:
            output = output["logits"]
        elif not isinstance(output, Tensor | Mapping) and hasattr(output, "logits"):
            output = output.logits
        elif isinstance(output, tuple | list) and output:
            output = output[0]
        if isinstance(output, Tensor) and output.shape == (clips,) and self.classes <= 2:
            output = output[:, None]
        if isinstance(output, Tensor) and output.shape == (clips, 1) and self.classes == 2:
            output = split_logit(output)
        if not isinstance(output, Tensor) or output.shape != (clips, self.classes):
            description = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
            raise ModelError(
                f"For {clips} clips the model returned {description}, not logits of shape ({clips}, {self.classes}).",
                "Wrap a function that returns one logit per clip and class, and check the number of labels.",
            )
        return output

    def _select_output(self, output: Any) -> Any:
        if callable(self.output):
            return self.output(output)
        name = str(self.output)
        if isinstance(output, Mapping) and name in output:
            return output[name]
        if isinstance(output, Mapping) or not hasattr(output, name):
            names = ", ".join(map(str, output)) if isinstance(output, Mapping) else f"a {type(output).__name__}"
            raise ModelError(f"The model's output has no {name!r}: it has {names}.", "Choose another output=.")
        return getattr(output, name)


class LogitsReader:
    """Reads nothing but logits, see `staa_widgets.models.family.AttentionReader`."""

    norm = None
    samples_queries = False
    captures: Mapping[nn.Module, Any] = {}
    classifier: nn.Module = nn.Identity()

    def __init__(self, _: nn.Module, geometry: Geometry, needs: Needs) -> None:
        if needs != Needs():
            raise UnsupportedRequestError(
                "This method reads attention inside the model, but a wrapped model gives access to its logits only.",
                "Use a gradient or perturbation method, such as 'integrated_gradients' or 'occlusion', or a control. "
                "For attention, load a supported architecture with load_model.",
            )
        self.geometry = geometry

    def capture_readout(self, hidden: Tensor) -> None:
        """Store nothing."""

    def records(self, logits: Tensor, targets: Sequence[Target | None]) -> list[Record]:
        """Make one record per clip."""
        return make_records(self.geometry, "joint", Needs(), logits, targets, lambda *_: {})


def wrap_model(
    model: Callable[..., Any],
    *,
    frames: int,
    size: Size,
    labels: Sequence[str] | int,
    layout: Layout = "btchw",
    output: str | Callable[[Any], Any] | None = None,
    layers: Sequence[str] = (),
    tubelet: int = 1,
    patch: Size | None = None,
    processor: Transform | Mapping[str, Any] | Any | None = None,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    problem_type: ProblemType | None = None,
    id: str | None = None,  # noqa: A002
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> VideoModel:
    """Make any video classifier ready to be explained by methods that need no attention.

    These are the gradient methods, the perturbation methods and the controls; other methods raise
    `UnsupportedRequestError`.

    Parameters
    ----------
    model
        Module or function from clips to logits ``(B, K)``: a tensor, an object or mapping with `logits`, or a tuple
        that begins with the logits. A module is not changed; it runs in evaluation mode. Modules that a function uses
        are left alone: put them into evaluation mode yourself. The cache recognizes a model by its digest, see
        `staa_widgets.models.model_digest`. If `model` is a function, or holds something that cannot be read, such as a
        Python module of your own or an open file, cached results are used only as long as the returned model exists;
        wrap a function again when something changes that it reads in another way than by a global or a closure.
    frames
        Number of frames that the model takes, ``T``.
    size
        Height and width of the model's input in pixels, or one number for a square input.
    labels
        Names of the ``K`` classes, or their number. Two names also fit a model with a single logit, which then belongs
        to the second class. One name is that of a value.
    layout
        ``"btchw"`` or ``"bcthw"``: the order of the axes of the model's input.
    output
        Key or attribute of the logits in the model's output, such as ``"scores"``, or a function from the output to the
        logits; by default they are found.
    layers
        Names of the model's submodules whose outputs are feature maps, ``(B, C, T', H', W')``, or ``(B·T', C, H', W')``
        for frames one by one; `grad_cam` reads the last one. For r3d_18 and r2plus1d_18, ``["layer4"]``; for s3d,
        ``["features"]``.
    tubelet
        Number of frames that one slice of the maps covers.
    patch
        Height and width in pixels of the cells of the maps; default: the divisors of height and width nearest to 16.
        Methods that hide cells one by one need more passes for smaller cells.
    processor
        A `Transform`, the contents of a processor's JSON, or a Hugging Face image processor. Default: frames are
        resized, cropped at the center to `size` and scaled to 0 to 1, then normalized by `mean` and `std`.
    mean, std
        Mean and standard deviation of the channels, used if no processor is given.
    problem_type
        ``"single_label_classification"`` for exclusive classes, ``"multi_label_classification"`` for independent
        labels, or ``"regression"`` for values; default: the first, or the last for a single label.
    id
        Name to show; default: the name of the model's class or function.
    device, dtype
        Device and data type of the input; default: those of the model's first parameter, or the CPU and float32.

    Raises
    ------
    ParameterError
        If a parameter is invalid, or parameters do not fit together.
    ModelLoadError
        If the processor makes inputs of another size.
    """
    if not callable(model):
        raise ParameterError(
            f"The model must be a module or a function, got {type(model).__name__}.",
            "To load a model by its name, use load_model.",
        )
    if layout not in get_args(Layout):
        raise ParameterError(f"There is no layout {layout!r}.", f"Choose from {', '.join(get_args(Layout))}.")
    frames, tubelet = _check_count("frames", frames), _check_count("tubelet", tubelet)
    height, width = _check_pair("size", size)
    if patch is None:
        patch_height, patch_width = _nearest_divisor(height), _nearest_divisor(width)
    else:
        patch_height, patch_width = _check_pair("patch", patch)
    divisions = (("frames", frames, tubelet), ("height", height, patch_height), ("width", width, patch_width))
    for name, length, divisor in divisions:
        if length % divisor:
            raise ParameterError(
                f"{name}={length} is not divisible by {divisor}.",
                "Choose another tubelet= for frames, or another patch= for height and width.",
            )
    try:
        classes = range(operator.index(labels)) if isinstance(labels, int | np.integer) else labels
        names = tuple(check_text(f"The label of class {index}", str(name)) for index, name in enumerate(classes))
    except TypeError:
        raise ParameterError(
            f"labels must be the names of the classes or their number, got {labels!r}.", "For example, labels=10."
        ) from None
    if not names:
        raise ParameterError("labels must not be empty.", "Give the names of the classes or their number.")
    if processor is None:
        processor = Transform(
            shortest_edge=min(height, width),
            crop=(height, width),
            mean=_check_three("mean", mean),
            std=_check_three("std", std),
        )
    name = check_text("id", id or getattr(model, "__name__", type(model).__name__))
    rows, columns = height // patch_height, width // patch_width
    geometry = Geometry(frames, tubelet, rows, columns, "time_major", 0, (height, width))
    wrapped = WrappedModel(model, layout, geometry, len(names), output, _check_layers(model, layers))
    check_has_values(wrapped)
    parameter = next(wrapped.parameters(), torch.empty(0))
    return VideoModel(
        module=wrapped,
        geometry=geometry,
        transform=Transform.from_processor(processor, (height, width)),
        family=GENERIC,
        labels=names,
        id=name,
        device=torch.device(device or parameter.device),
        dtype=dtype or parameter.dtype,
        problem_type=check_problem(problem_type, len(names)),
    )


def _check_layers(model: Callable[..., Any], layers: Sequence[str]) -> tuple[str, ...]:
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    known = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    for name in names:
        if name not in known or not name:
            children = ", ".join(dict(model.named_children())) if isinstance(model, nn.Module) else ""
            raise ParameterError(
                f"The model has no layer {name!r}.",
                f"Its parts are {children}." if children else "Only a module has layers; wrap the module itself.",
            )
    return names


def _check_pair(name: str, size: Size) -> tuple[int, int]:
    try:
        pair: tuple[Any, ...] = tuple(size)  # pyright: ignore[reportArgumentType]
    except TypeError:
        pair = size, size
    if len(pair) != 2:
        raise ParameterError(
            f"{name} must be (height, width) or one number, got {size!r}.", "Give it in pixels, such as 224."
        )
    return _check_count(name, pair[0]), _check_count(name, pair[1])


def _check_three(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    try:
        red, green, blue = map(float, values)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{name} must be three numbers, got {values!r}.", "Give one number per channel: red, green, blue."
        ) from None
    return red, green, blue


def _check_count(name: str, value: Any) -> int:
    """Return a positive integer of Python or numpy as an `int`."""
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ParameterError(f"{name} must be a whole number of at least 1, got {value!r}.", "Give 1 or more.")
    return count


def _nearest_divisor(length: int) -> int:
    """Return the divisor of a length that is nearest to the default cell size."""
    divisors = [number for number in range(1, length + 1) if length % number == 0]
    return min(divisors, key=lambda divisor: max(divisor / _DEFAULT_CELL, _DEFAULT_CELL / divisor))


def _feature_layers(wrapped: Any) -> tuple[nn.Module, ...]:
    return tuple(wrapped.inner.get_submodule(name) for name in wrapped.layers)


GENERIC = Family(
    name="generic",
    architecture=WrappedModel,
    geometry=lambda wrapped: wrapped.geometry,
    make_reader=LogitsReader,
    layers=_feature_layers,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    attends=False,
)
