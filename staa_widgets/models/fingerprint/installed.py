"""Describe classes and modules of installed packages in words: by their versions, and by what was replaced in them.

A class of a package keeps its name when somebody replaces one of its methods, and a module of a package keeps its name
when somebody replaces one of its functions. Descriptions are cached until an attribute is replaced.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from staa_widgets.models.fingerprint.packages import is_own

ATOMS = (type(None), bool, int, float, complex, str, type(...))
"""Types of values that do not change and are described by their `repr`."""

IGNORED_CLASS_ATTRIBUTES = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        # Written by transformers when it is first asked for another implementation, or for saving.
        "_auto_class",
        "_can_set_attn_implementation_cached_value",
        "_can_set_experts_implementation_cached_value",
    }
)
"""Attributes of classes that do not affect what their instances compute."""


@dataclass(frozen=True)
class InstalledCode:
    """Description of a class or module of an installed package, in addition to its version.

    Parameters
    ----------
    words
        Names of its functions, and its plain values.
    own
        Attributes that come from the user's own files, by name.
    """

    words: str
    own: dict[str, Any]


_cache: WeakKeyDictionary[type | ModuleType, tuple[tuple[str, ...], tuple[Any, ...], InstalledCode]] = (
    WeakKeyDictionary()
)


def describe_installed(code: type | ModuleType) -> InstalledCode:
    """Describe a class or module of an installed package."""
    # Copied in one step, because another thread may import something meanwhile.
    attributes = dict(vars(code))
    names, values = tuple(attributes), tuple(attributes.values())
    cached = _cache.get(code)
    if cached is not None and cached[0] == names and all(map(operator.is_, cached[1], values)):
        return cached[2]
    description = _describe_attributes(attributes, is_module=isinstance(code, ModuleType))
    _cache[code] = names, values, description
    return description


def _describe_attributes(attributes: dict[str, Any], *, is_module: bool) -> InstalledCode:
    words: list[str] = []
    own: dict[str, Any] = {}
    for name in sorted(attributes.keys() - IGNORED_CLASS_ATTRIBUTES):
        value = attributes[name]
        if isinstance(value, FunctionType):
            words.append(f"{name}={value.__module__}.{value.__qualname__}")
        elif type(value) in ATOMS and not is_module:
            words.append(f"{name}={value!r}")
        # Other plain values of a module, such as loggers and tables, are left to the package's version.
        if (callable(value) or not is_module) and is_own(value):
            own[name] = value
    return InstalledCode(" ".join(words), own)
