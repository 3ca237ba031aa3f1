"""`Method`: an attribution method as a value, and the registry of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, UnknownMethodError, nearest
from staa_widgets.record import Needs, Record

METHODS: dict[str, Method] = {}
"""All registered methods by name."""


@dataclass(frozen=True)
class Method:
    """A function from a `Record` to maps, with what a caller must know of it.

    Parameters
    ----------
    name
        Its name in `METHODS`.
    run
        ``(record, **params)`` to float32 ``(S, h, w)``.
    find_needs
        From complete parameters to what must be in the record; raises `ParameterError` on values it does not know.
    class_specific
        Whether the maps depend on the class, with default parameters; `needs` says so for others.
    signed
        Whether the maps may be negative.
    version
        Raised whenever the result changes, so that cached maps are not taken for new ones.
    defaults
        Its parameters and their defaults.
    summary
        One sentence.
    """

    name: str
    run: Callable[..., NDArray[np.float32]]
    find_needs: Callable[..., Needs]
    class_specific: bool
    signed: bool
    version: int
    defaults: Mapping[str, Any]
    summary: str

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the defaults.

        Raises
        ------
        ParameterError
            If a name or a value is unknown.
        """
        for name in params:
            if name not in self.defaults:
                raise ParameterError(
                    f"The method {self.name!r} has no parameter {name!r}.",
                    nearest(name, self.defaults, f"It has {', '.join(self.defaults) or 'none'}."),
                )
        whole = {**self.defaults, **params}
        self.find_needs(**whole)
        return whole

    def needs(self, params: Mapping[str, Any] = MappingProxyType({})) -> Needs:
        """Say what a record must hold for these parameters; `Needs.target` tells whether the class matters."""
        return self.find_needs(**self.complete(params))

    def __call__(self, record: Record, **params: Any) -> NDArray[np.float32]:
        """Compute maps, float32 ``(S, h, w)``."""
        return self.run(record, **self.complete(params))


def method(
    name: str, *, needs: Needs | Callable[..., Needs], class_specific: bool, signed: bool = False, version: int = 1
) -> Callable[[Callable[..., NDArray[np.float32]]], Method]:
    """Register a function ``(record, *, …) -> (S, h, w)``; its keywords with their defaults are the parameters."""
    find_needs: Callable[..., Needs] = (lambda **_: needs) if isinstance(needs, Needs) else needs

    def register(run: Callable[..., NDArray[np.float32]]) -> Method:
        parameters = list(inspect.signature(run).parameters.values())[1:]
        METHODS[name] = Method(
            name=name,
            run=run,
            find_needs=find_needs,
            class_specific=class_specific,
            signed=signed,
            version=version,
            defaults=MappingProxyType({p.name: p.default for p in parameters}),
            summary=(run.__doc__ or "").strip().split("\n")[0],
        )
        return METHODS[name]

    return register


def get_method(name: str) -> Method:
    """Look a method up by name.

    Raises
    ------
    UnknownMethodError
        If there is none; it names the nearest.
    """
    if name not in METHODS:
        raise UnknownMethodError(
            f"There is no method {name!r}.", nearest(name, METHODS, f"There are {', '.join(sorted(METHODS))}.")
        )
    return METHODS[name]
