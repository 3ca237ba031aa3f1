"""Check the `methods` argument of `staa_widgets.compare`, and give each entry a unique name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.explanation.comparison import describe_differences, make_unique
from staa_widgets.methods import get_method
from staa_widgets.methods.registry import Method
from staa_widgets.utils.canonical import canonical_json

MethodsLike = Sequence[str | tuple[str, Mapping[str, Any]]] | Mapping[str, Mapping[str, Any]]
"""Type of the `methods` argument of `staa_widgets.compare`: names of methods, each alone or with its parameters."""

MethodChoice = tuple[Method, Mapping[str, Any]]
"""A method and the parameters passed for it."""


def name_methods(methods: MethodsLike) -> dict[str, MethodChoice]:
    """Return each method with its parameters under a unique name; duplicates are left out.

    Raises
    ------
    ParameterError
        If `methods` is no list of methods, or a parameter is unknown.
    UnknownMethodError
        If a method is unknown.
    """
    choices: dict[str, MethodChoice] = {}
    for name, params in _list_pairs(methods):
        method = get_method(name)
        choices.setdefault(canonical_json([method.name, method.complete(params)]), (method, params))
    names: list[str] = []
    for method, params in choices.values():
        params_of_same_method = [other.complete(values) for other, values in choices.values() if other is method]
        # A parameter that the caller did not pass is not part of the name.
        explicit_params = {key: value for key, value in method.complete(params).items() if key in params}
        names.append(f"{method.name} {describe_differences(explicit_params, params_of_same_method)}".strip())
    return dict(zip(make_unique(names), choices.values(), strict=True))


def _list_pairs(methods: MethodsLike) -> list[tuple[str, Mapping[str, Any]]]:
    """Return ``(name, parameters)`` of every entry."""
    error = ParameterError(
        f"methods is {methods!r}.", "Pass a list of names, or of (name, parameters) pairs: ['staa', ('staa', {…})]."
    )
    if isinstance(methods, str) or not isinstance(methods, Mapping | Sequence) or not methods:
        raise error
    entries: Iterable[Any] = methods.items() if isinstance(methods, Mapping) else methods
    pairs: list[tuple[str, Mapping[str, Any]]] = []
    for entry in entries:
        pair = (entry, {}) if isinstance(entry, str) else entry
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Mapping)):
            raise error
        pairs.append(pair)
    return pairs
