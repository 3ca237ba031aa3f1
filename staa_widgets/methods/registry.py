"""`Method`: an attribution method with its metadata, and the registry of all methods.

A method registers itself when its module is imported. To add one, write a module beside this one and import it in the
package's `__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import UnknownMethodError, UnsupportedRequestError
from staa_widgets.methods.result import MethodResult
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs
from staa_widgets.records.target import is_class
from staa_widgets.utils import registry

Group = Literal["attention", "gradient", "perturbation", "control"]

METHODS: dict[str, Method] = {}
"""All registered methods by name."""

_NO_NEEDS = Needs()


class Cost(NamedTuple):
    """Passes through the model for one window, including the recorded pass."""

    forwards: int
    backwards: int = 0


_ONE_PASS = Cost(1)


@dataclass(frozen=True)
class Method:
    """An attribution method: a function with its metadata.

    Parameters
    ----------
    name
        Name of the method in `METHODS`.
    title
        Name of the method in menus, headings and sentences, such as ``"Grad-CAM"``.
    run
        ``(record, **params)`` to float32 ``(S, h, w)`` or a `MethodResult`; ``(inputs, **params)`` if the method must
        run the model again.
    needs_model
        Whether `run` takes `staa_widgets.methods.inputs.MethodInputs` in place of a `Record`.
    group
        Kind of method: attention, gradients, perturbation, or a control.
    reads_attention
        Whether the method reads attention inside the model; a wrapped model does not expose attention.
    reads_layers
        Whether the method reads the output of layers: of a transformer's blocks, or feature maps of a convolution net.
    explains_probability
        Whether the method explains the probability of a class. Other class-specific methods explain the logit, and can
        also explain a difference of logits, or a function of the logits.
    find_needs
        Function from complete parameters to the `Needs` of the record; raises `ParameterError` if a value is invalid.
    find_cost
        Function from geometry and complete parameters to `Cost`.
    class_specific
        Whether the maps depend on the class, with default parameters; for other parameters see `depends_on_class`.
    signed
        Whether the maps may be negative.
    exploratory
        Whether the maps are for exploration only and explain no decision; benchmarks skip such a method unless its name
        is given.
    version
        Number that increases whenever the result changes, so that outdated cached maps are not used.
    defaults
        Parameters of the method, with their defaults.
    summary
        First line of the function's docstring.
    """

    name: str
    title: str
    run: Callable[..., NDArray[np.float32] | MethodResult]
    needs_model: bool
    group: Group
    reads_attention: bool
    reads_layers: bool
    explains_probability: bool
    find_needs: Callable[..., Needs]
    find_cost: Callable[..., Cost]
    class_specific: bool
    signed: bool
    exploratory: bool
    version: int
    defaults: Mapping[str, Any]
    summary: str

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters: the given values, and defaults for the rest.

        Raises
        ------
        ParameterError
            If a name or a value is unknown.
        """
        values = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in params.items()}
        complete = registry.fill_defaults(f"method {self.name!r}", self.defaults, values)
        self.find_needs(**complete)
        return complete

    def check_keywords(self, call: str, keywords: Sequence[str], params: Mapping[str, Any]) -> None:
        """Refuse unknown extra keywords of a function that takes parameters as keywords.

        Parameters
        ----------
        call, keywords
            Name of the function, such as ``"explain"``, and the function's own keywords.
        params
            Extra keywords of the call.

        Raises
        ------
        ParameterError
            If a keyword is no parameter; the message suggests the most similar keyword or parameter.
        """
        registry.refuse_unknown_keywords(call, keywords, f"method {self.name!r}", self.defaults, params)

    def needs(self, params: Mapping[str, Any] = MappingProxyType({})) -> Needs:
        """Return the `Needs` of a record for these parameters."""
        return self.find_needs(**self.complete(params))

    def cost(self, geometry: Geometry, params: Mapping[str, Any] = MappingProxyType({})) -> Cost:
        """Return the number of passes through a model of this geometry that one window takes."""
        return self.find_cost(geometry, **self.complete(params))

    def depends_on_class(self, params: Mapping[str, Any] = MappingProxyType({})) -> bool:
        """Return whether the maps depend on the class, with these parameters."""
        return self.class_specific if self.needs_model else self.needs(params).class_specific

    def check_target(self, target: Any) -> None:
        """Raise `UnsupportedRequestError` if the method cannot explain a difference of classes or a function."""
        if self.explains_probability and not is_class(target):
            raise UnsupportedRequestError(
                f"Method {self.name!r} explains the probability of one class, not a difference or another function of "
                "logits.",
                "Give one class, or use 'staa_logit', 'occlusion', 'rise' or 'integrated_gradients'.",
            )

    def __call__(self, source: Any, **params: Any) -> NDArray[np.float32]:
        """Compute maps, float32 ``(S, h, w)``, from a `Record`, or from `MethodInputs` if `needs_model`."""
        return self.compute(source, **params).maps

    def compute(self, source: Any, **params: Any) -> MethodResult:
        """Compute maps and the method's further results; `source` as for a call."""
        result = self.run(source, **self.complete(params))
        return result if isinstance(result, MethodResult) else MethodResult(result)


def method(
    name: str,
    *,
    title: str = "",
    class_specific: bool,
    needs: Needs | Callable[..., Needs] = _NO_NEEDS,
    cost: Cost | Callable[..., Cost] = _ONE_PASS,
    group: Group = "attention",
    reads_attention: bool | None = None,
    reads_layers: bool = False,
    explains_probability: bool = False,
    needs_model: bool = False,
    signed: bool = False,
    exploratory: bool = False,
    version: int = 1,
) -> Callable[[Callable[..., NDArray[np.float32] | MethodResult]], Method]:
    """Return a decorator that registers a function as a method and replaces it by a `Method`.

    The function is ``(record, *, …) -> (S, h, w)``, or ``(inputs, *, …) -> (S, h, w)`` with `needs_model`; in place of
    the maps it may return a `MethodResult`. The function's keywords with their defaults are the method's parameters,
    and the first line of its docstring is the summary. The decorated name stands for the `Method`, which is called like
    the function: ``staa(record)`` computes maps, and ``staa.needs()`` returns the arrays that the method reads.

    Parameters
    ----------
    name, class_specific, group, reads_layers, explains_probability, needs_model, signed, exploratory, version
        As for `Method`.
    title
        As for `Method`; by default the name with spaces in place of underscores.
    reads_attention
        As for `Method`; by default true for the group ``"attention"``.
    needs, cost
        A constant, or a function of the complete parameters; the function for `cost` takes the geometry as first
        argument. A method with parameters has a function for `needs`, which raises `ParameterError` for invalid values.
    """
    find_needs: Callable[..., Needs] = (lambda **_: needs) if isinstance(needs, Needs) else needs
    find_cost: Callable[..., Cost] = (lambda _, **__: cost) if isinstance(cost, Cost) else cost

    def register(run: Callable[..., NDArray[np.float32] | MethodResult]) -> Method:
        METHODS[name] = Method(
            name=name,
            title=title or registry.default_title(name),
            run=run,
            needs_model=needs_model,
            group=group,
            reads_attention=group == "attention" if reads_attention is None else reads_attention,
            reads_layers=reads_layers,
            explains_probability=explains_probability,
            find_needs=find_needs,
            find_cost=find_cost,
            class_specific=class_specific,
            signed=signed,
            exploratory=exploratory,
            version=version,
            defaults=registry.parameter_defaults(run),
            summary=registry.docstring_summary(run),
        )
        return METHODS[name]

    return register


def get_method(name: str) -> Method:
    """Return the registered method of a name.

    Raises
    ------
    UnknownMethodError
        If there is no such method; the message suggests the most similar name.
    """
    return registry.look_up("method", name, METHODS, UnknownMethodError)


def method_title(name: str) -> str:
    """Return the title of a method for readers, such as ``"Grad-CAM"``; of an unknown method, its name with spaces."""
    return METHODS[name].title if name in METHODS else name.replace("_", " ")
