"""What an explanation is for: a class, the difference of two classes, or a function of the logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.records.labels import target_index
from staa_widgets.utils.text import check_text

FUNCTION_HINT = (
    "The function gets the logits of one window, a tensor (K,), and returns one number that torch can differentiate: "
    "target=lambda logits: logits[0] - logits[1:].max()."
)


@dataclass(frozen=True, eq=False)
class LogitFunction:
    """A function of the logits of one window, from a tensor ``(K,)`` to a tensor with one number.

    Parameters
    ----------
    function
        The function, which torch can differentiate.
    name
        Name to show.
    """

    function: Callable[[Any], Any]
    name: str

    def __call__(self, logits: Any) -> Any:
        """Return the value for each window, ``(n,)``, from a tensor of logits ``(n, K)``."""
        import torch

        return torch.stack([self._value(row) for row in logits]).to(logits.dtype)

    def _value(self, logits: Any) -> Any:
        import torch

        try:
            value = self.function(logits)
        except Exception as error:
            raise ParameterError(f"The target {self.name!r} failed: {error}", FUNCTION_HINT) from error
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            shape = f"a tensor {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
            raise ParameterError(f"The target {self.name!r} returned {shape}, not one number.", FUNCTION_HINT)
        return value.reshape(())


Target = int | tuple[int, int] | LogitFunction
"""Index of a class; two indices, for the logit of the first class minus that of the second; or a function."""

TargetLike = int | str | Sequence[int | str] | Callable[[Any], Any]
"""Type of `target` in `staa_widgets.explain`: a class by index or label, a pair of classes, or a function."""


def resolve_target(target: Any, labels: tuple[str, ...]) -> Target | None:
    """Return a target with indices in place of labels; a function is tried on logits that are all different.

    Raises
    ------
    ParameterError
        If there is no such class, a pair is no pair of two classes, or a function does not give one number that torch
        can differentiate.
    """
    if target is None or isinstance(target, LogitFunction):
        return target
    if isinstance(target, np.ndarray):
        target = target.tolist()
    if isinstance(target, tuple | list):
        return _resolve_pair(target, labels)
    if callable(target):
        return _check_function(LogitFunction(target, _function_name(target)), len(labels))
    return target_index(target, labels)


def is_class(target: Any) -> TypeGuard[int | None]:
    """Return whether a resolved target is a class, or ``None`` for the predicted class."""
    return target is None or isinstance(target, int)


def check_target(target: Target | None, classes: int) -> None:
    """Raise `ParameterError` if a resolved target names a class that is not among 0 to ``classes - 1``."""
    indices = target if isinstance(target, tuple) else (target,)
    for index in indices:
        if isinstance(index, int) and not 0 <= index < classes:
            raise ParameterError(f"The model has no class {index}.", f"Choose from 0 to {classes - 1}.")


def target_name(target: Target, labels: Sequence[str]) -> str:
    """Return the name to show: a label, ``"wave − clap"``, or the name of a function."""
    if isinstance(target, LogitFunction):
        return target.name
    if isinstance(target, tuple):
        return " − ".join(labels[index] for index in target)
    return labels[target]


def target_values(logits: Any, target: Target) -> Any:
    """Return the target's value for each window, ``(n,)``, from logits ``(n, K)``: arrays, or tensors with gradient."""
    if isinstance(target, tuple):
        first, second = target
        return logits[:, first] - logits[:, second]
    if isinstance(target, int):
        return logits[:, target]
    if not isinstance(logits, np.ndarray):
        return target(logits)
    import torch

    with torch.no_grad():
        return target(torch.from_numpy(logits.copy())).numpy()


def target_slopes(logits: NDArray[np.floating], target: Target) -> NDArray[np.float32]:
    """Return the derivatives of the target by the logits ``(n, K)``: those of a class are 1 for itself, else 0.

    Those of a function hold near these logits only.
    """
    if isinstance(target, LogitFunction):
        slopes = _function_slopes(target, logits)
        if not np.isfinite(slopes).all():
            raise ParameterError(
                f"The derivative of the target {target.name!r} is not finite for these logits.", FUNCTION_HINT
            )
        return slopes
    slopes = np.zeros(np.shape(logits), np.float32)
    first, *others = target if isinstance(target, tuple) else (target,)
    slopes[:, first] = 1
    slopes[:, others] = -1
    return slopes


def _function_slopes(target: LogitFunction, logits: NDArray[np.floating]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode(mode=False), torch.enable_grad():
        inputs = torch.from_numpy(np.array(logits, np.float32)).requires_grad_()
        values = target(inputs)
        slopes = None
        if values.requires_grad:
            (slopes,) = torch.autograd.grad(values.sum(), inputs, allow_unused=True)
    if slopes is None:
        raise ParameterError(
            f"The target {target.name!r} does not return a number that torch can differentiate.", FUNCTION_HINT
        )
    return slopes.numpy()


def _check_function(target: LogitFunction, classes: int) -> LogitFunction:
    """Return the function after a trial: an error of the function is found before a video is decoded."""
    _function_slopes(target, np.linspace(1, 2, classes, dtype=np.float32)[None])
    return target


def _resolve_pair(target: Sequence[Any], labels: tuple[str, ...]) -> tuple[int, int]:
    if len(target) != 2 or None in target:
        raise ParameterError(
            f"target has {len(target)} parts, not two classes.",
            "Give a class, a pair ('class a', 'class b') for a difference of logits, or a function of the logits.",
        )
    first, second = (target_index(label, labels) for label in target)
    assert first is not None
    assert second is not None
    if first == second:
        raise ParameterError(
            f"The difference of class {labels[first]!r} with itself is always zero.", "Give two different classes."
        )
    return first, second


def _function_name(function: Any) -> str:
    """Return the name of a function, without that of a lambda: ``"margin(logits)"``."""
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "function of the logits" if name == "<lambda>" else f"{check_text('The name of the target', name)}(logits)"
