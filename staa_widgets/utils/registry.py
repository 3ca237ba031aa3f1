"""Helpers of the registries of methods, metrics and fillers: defaults from a signature, lookup by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from staa_widgets.errors import ParameterError, StaaError, suggest_name

Entry = TypeVar("Entry")


def parameter_defaults(run: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the defaults of a function's parameters by name, without the first parameter."""
    return MappingProxyType({p.name: p.default for p in list(inspect.signature(run).parameters.values())[1:]})


def docstring_summary(run: Callable[..., Any]) -> str:
    """Return the first line of a function's docstring."""
    return (run.__doc__ or "").strip().split("\n")[0]


def default_title(name: str) -> str:
    """Return the title of an entry made from its name, such as ``"Motion energy"`` for ``"motion_energy"``."""
    return name.replace("_", " ").capitalize()


def fill_defaults(owner: str, defaults: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters: the given values, and defaults for the rest.

    Parameters
    ----------
    owner
        Owner of the parameters, for error messages, such as ``"method 'staa'"``.
    defaults, params
        Defaults of all parameters, and the given values.

    Raises
    ------
    ParameterError
        If a name is unknown; the message suggests the most similar name.
    """
    for name in params:
        if name not in defaults:
            known = f"Its parameters are {', '.join(defaults)}." if defaults else "It has no parameters."
            raise ParameterError(f"The {owner} has no parameter {name!r}.", suggest_name(name, defaults, known))
    return {**defaults, **params}


def refuse_unknown_keywords(
    call: str, keywords: Sequence[str], owner: str, defaults: Mapping[str, Any], params: Mapping[str, Any]
) -> None:
    """Raise `ParameterError` for an extra keyword that is no parameter; the message suggests the most similar name.

    Parameters
    ----------
    call, keywords
        Name of the function that was called, such as ``"explain"``, and the function's own keywords.
    owner, defaults
        Owner of the extra keywords, such as ``"method 'staa'"``, and the defaults of all parameters.
    params
        Extra keywords of the call.

    Raises
    ------
    ParameterError
        If a name is unknown.
    """
    for name in params:
        if name in defaults:
            continue
        known = f"the parameters {', '.join(defaults)}" if defaults else "no parameters"
        hint = suggest_name(name, [*keywords, *defaults], f"The {owner} has {known}.")
        raise ParameterError(f"{call}() has no keyword {name!r}.", hint)


def look_up(
    kind: str, name: str, registry: Mapping[str, Entry], error: Callable[[str, str], StaaError] = ParameterError
) -> Entry:
    """Return the entry with a name; raise an error that suggests the most similar name if there is none.

    Parameters
    ----------
    kind
        Kind of the entry, such as ``"method"``.
    name, registry
        The name, and all entries by name.
    error
        Class of the error for an unknown name.
    """
    if not isinstance(name, str) or name not in registry:
        raise error(
            f"There is no {kind} {name!r}.",
            suggest_name(str(name), registry, f"Choose from {', '.join(sorted(registry))}."),
        )
    return registry[name]
