"""What the registries of methods, metrics and fillers share: parameters from a signature, and names that are known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from staa_widgets.errors import ParameterError, StaaError, suggest_name

Entry = TypeVar("Entry")


def parameter_defaults(run: Callable[..., Any]) -> Mapping[str, Any]:
    """Read parameters and their defaults from a function's signature; its first argument is none of them."""
    return MappingProxyType({p.name: p.default for p in list(inspect.signature(run).parameters.values())[1:]})


def docstring_summary(run: Callable[..., Any]) -> str:
    """Read the first line of a function's docstring."""
    return (run.__doc__ or "").strip().split("\n")[0]


def fill_defaults(owner: str, defaults: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults.

    Parameters
    ----------
    owner
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
                f"The {owner} has no parameter {name!r}.",
                suggest_name(name, defaults, f"It has {', '.join(defaults) or 'none'}."),
            )
    return {**defaults, **params}


def look_up(
    kind: str, name: str, registry: Mapping[str, Entry], error: Callable[[str, str], StaaError] = ParameterError
) -> Entry:
    """Look an entry up by name.

    Parameters
    ----------
    kind
        What it is, such as ``"method"``.
    name, registry
        The name, and entries by name.
    error
        What is raised if there is none; it names the nearest.
    """
    if not isinstance(name, str) or name not in registry:
        raise error(
            f"There is no {kind} {name!r}.",
            suggest_name(str(name), registry, f"There are {', '.join(sorted(registry))}."),
        )
    return registry[name]
