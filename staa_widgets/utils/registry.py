"""What the registries of methods, metrics and fillers share: parameters from a signature, and names that are known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from staa_widgets.errors import ParameterError, StaaError, nearest

Entry = TypeVar("Entry")


def parameters(run: Callable[..., Any]) -> Mapping[str, Any]:
    """Read parameters and their defaults from a function's signature; its first argument is none of them."""
    return MappingProxyType({p.name: p.default for p in list(inspect.signature(run).parameters.values())[1:]})


def summary(run: Callable[..., Any]) -> str:
    """Read the first line of a function's docstring."""
    return (run.__doc__ or "").strip().split("\n")[0]


def complete(what: str, defaults: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults.

    Parameters
    ----------
    what
        Whose parameters they are, such as ``"method 'staa'"``.
    defaults, params
        All parameters with their defaults, and those that are given.

    Raises
    ------
    ParameterError
        If a name is unknown; it names the nearest.
    """
    for name in params:
        if name not in defaults:
            raise ParameterError(
                f"The {what} has no parameter {name!r}.",
                nearest(name, defaults, f"It has {', '.join(defaults) or 'none'}."),
            )
    return {**defaults, **params}


def look_up(
    what: str, name: str, registry: Mapping[str, Entry], error: Callable[[str, str], StaaError] = ParameterError
) -> Entry:
    """Look an entry up by name.

    Parameters
    ----------
    what
        What it is, such as ``"method"``.
    name, registry
        The name, and entries by name.
    error
        What is raised if there is none; it names the nearest.
    """
    if not isinstance(name, str) or name not in registry:
        raise error(
            f"There is no {what} {name!r}.", nearest(str(name), registry, f"There are {', '.join(sorted(registry))}.")
        )
    return registry[name]
