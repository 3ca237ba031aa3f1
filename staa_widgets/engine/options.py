"""`RequestOptions`: the keywords of `explain`, checked before a video is opened or a model is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.records.target import TargetLike
from staa_widgets.storage import cache as storage_cache
from staa_widgets.utils.text import quote_value

if TYPE_CHECKING:
    from staa_widgets.methods.registry import Method


@dataclass(frozen=True, eq=False)
class RequestOptions:
    """The checked keywords of a request, without the video; see `resolve_options`.

    Parameters
    ----------
    model
        A `VideoModel`, or anything that `load_model` takes.
    method, params
        Name of the method, and all its parameters.
    target, start, end, window, stride, cache, batch_size, preview, attention, pad
        As for `explain`.
    """

    model: Any
    method: str
    params: Mapping[str, Any]
    target: Any
    start: float | None
    end: float | None
    window: float | str | None
    stride: float | None
    cache: bool
    batch_size: int | None
    preview: bool
    attention: bool
    pad: str | None


_SHARED_KEYWORDS = (
    *("model", "target", "start", "end", "window", "stride", "cache", "batch_size"),
    *("preview", "attention", "pad", "progress"),
)
KEYWORDS = {
    "explain": ("video", "method", *_SHARED_KEYWORDS),
    "stream": ("video", "method", *_SHARED_KEYWORDS),
    "explain_many": ("videos", "method", "keep_records", *_SHARED_KEYWORDS),
    "compare": ("video", "methods", *_SHARED_KEYWORDS),
}
"""By name of a function, its keywords that are not parameters of a method."""


def default_method(model: Any) -> str:
    """Return the method that is used if none is named: ``"staa"``, or ``"occlusion"`` for a wrapped model."""
    family = getattr(model, "family", None)
    return "occlusion" if family is not None and not getattr(family, "attends", True) else "staa"


def default_methods(model: Any) -> tuple[str, ...]:
    """Return the methods of `compare` if none are named, the default first: only those that the model supports."""
    if default_method(model) == "staa":
        return "staa", "staa_logit", "motion_energy"
    from staa_widgets.models.feature_layers import has_layers

    return "occlusion", *(("grad_cam",) if has_layers(model) else ()), "motion_energy"


def resolve_options(
    model: Any,
    method: str | None,
    caller: str = "explain",
    /,
    *,
    target: TargetLike | None = None,
    start: float | None = None,
    end: float | None = None,
    window: float | str | None = None,
    stride: float | None = None,
    cache: bool = True,
    batch_size: int | None = None,
    preview: bool = True,
    attention: bool = True,
    pad: str | None = None,
    **params: Any,
) -> RequestOptions:
    """Check the keywords of `explain` and fill in the method's parameters; no video is opened, no model loaded.

    Parameters
    ----------
    model, method, target, start, end, window, stride, cache, batch_size, preview, attention, pad
        As for `explain`.
    caller
        Name in `KEYWORDS` of the function that was called.
    **params
        Parameters of the method.

    Raises
    ------
    StaaError
        If a keyword is wrong for every video.
    """
    from staa_widgets.methods.registry import get_method
    from staa_widgets.video.windows import check_window

    is_whole_number = isinstance(batch_size, Integral) and not isinstance(batch_size, bool)
    if batch_size is not None and not (is_whole_number and batch_size >= 1):
        raise ParameterError(f"batch_size is {batch_size!r}.", "Use a whole number of at least 1, or None.")
    if pad not in (None, "last"):
        raise ParameterError(f"pad is {pad!r}.", "Use 'last' to repeat the last frame of a short clip, or None.")
    entry = get_method(default_method(model) if method is None else method)
    entry.check_keywords(caller, KEYWORDS[caller], params)
    all_params = entry.complete(params)
    if isinstance(target, tuple | list) or callable(target):
        _check_difference(entry, all_params, target, caller)
    check_window(window, stride)
    for name, value in (("start", start), ("end", end)):
        _check_seconds(name, value)
    if cache:
        # Raise an error if `STAA_CACHE_LIMIT` is not a size, or `STAA_CACHE` is in nobody's home folder.
        storage_cache.limit()
        storage_cache.folder()
    return RequestOptions(
        model=model,
        method=entry.name,
        params=all_params,
        target=target,
        start=start,
        end=end,
        window=window,
        stride=stride,
        cache=cache,
        batch_size=batch_size,
        preview=preview,
        attention=attention,
        pad=pad,
    )


def _check_difference(method: Method, params: Mapping[str, Any], target: Any, caller: str) -> None:
    """Raise an error if a method cannot explain a difference of classes or a function of the logits.

    A comparison may also hold methods that do not depend on the class.
    """
    method.check_target(target)
    if caller != "compare" and not method.depends_on_class(params):
        raise UnsupportedRequestError(
            f"Method {method.name!r} does not depend on the class, so it cannot explain a difference of classes or a "
            "function of the logits.",
            "Use a class-specific method, such as 'staa_logit', 'occlusion' or 'integrated_gradients'.",
        )


def _check_seconds(name: str, value: Any) -> None:
    try:
        number = 0.0 if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str | bool) or math.isnan(number):
        raise ParameterError(f"{name} is {quote_value(value)}.", "Give seconds, or None.")
