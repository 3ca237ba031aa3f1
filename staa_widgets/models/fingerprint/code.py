"""Digest of a module's code and attributes, value by value, without its weights."""

from __future__ import annotations

import copyreg
import dis
import hashlib
import sys
import sysconfig
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import CellType, CodeType, EllipsisType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

_ATOMS = (type(None), bool, int, float, complex, str, EllipsisType)
# Attributes that are not digested here: they are digested elsewhere, or do not affect the computation.
_IGNORED_CLASS_ATTRIBUTES = {
    "__dict__",
    "__weakref__",
    "__doc__",
    "__module__",
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
}
_IGNORED_CLASS_ATTRIBUTES |= {"__annotations_cache__", "__firstlineno__", "__static_attributes__", "_abc_impl"}
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def code_digest(module: nn.Module, weights: Mapping[str, Tensor], token: str) -> str:
    """Compute a digest of everything except the weights that determines a module's output.

    The digest covers the submodules with their attributes, classes and code, and the closures, defaults and globals of
    functions. Installed packages are digested by name and version.

    Parameters
    ----------
    module
        A module; its attribute ``training`` is not digested.
    weights
        Tensors that are digested elsewhere, by name.
    token
        Text that is digested in place of values that cannot be digested.

    Returns
    -------
    str
        sha256, in hexadecimal.
    """
    values = _ValueDigest(weights, token)
    values.add(module)
    return values.digest.hexdigest()


class _ValueDigest:
    """Digest of Python values; `add` walks through a value and digests each part once."""

    def __init__(self, weights: Mapping[str, Tensor], token: str) -> None:
        self.digest = hashlib.sha256()
        self.token = token
        # Values by address; a value that is referenced here cannot be freed, so that no address is used twice.
        self.seen: dict[int, tuple[str, Any]] = {id(tensor): (name, tensor) for name, tensor in weights.items()}

    def add_words(self, *words: object) -> None:
        self.digest.update(f"{words!r}\n".encode())

    def add(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS:
            self.add_words(kind.__name__, value)
        elif kind is bytes:
            self.add_words("bytes", hashlib.sha256(value).hexdigest())
        elif kind is tuple:
            self._add_items(kind, value)
        elif id(value) in self.seen:
            self.add_words("seen", self.seen[id(value)][0])
        else:
            self.seen[id(value)] = f"{len(self.seen)}", value
            try:
                self._add_new(kind, value)
            except Exception:  # pickling hooks of arbitrary objects may raise anything
                self.add_words("untold", self.token)

    def _add_new(self, kind: type, value: Any) -> None:
        if isinstance(value, nn.Module):
            self.add_words("module")
            self.add((kind, {name: item for name, item in vars(value).items() if name != "training"}))
        elif kind in (Tensor, nn.Parameter):
            content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            self.add_words("tensor", str(value.dtype), tuple(value.shape), hashlib.sha256(content).hexdigest())
        elif kind is list:
            self._add_items(kind, value)
        elif kind in (dict, OrderedDict, MappingProxyType):
            self._add_items(kind, value.items())
        elif kind in (set, frozenset):
            self._add_items(kind, sorted(value, key=repr))
        elif isinstance(value, FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, ModuleType):
            version = _package_version(value.__name__)
            self.add_words("package", value.__name__, self.token if version is None else version)
        elif isinstance(value, MethodType):
            self._add_items(kind, (value.__func__, value.__self__))
        elif isinstance(value, staticmethod | classmethod):
            self._add_items(kind, (value.__func__,))
        elif isinstance(value, property):
            self._add_items(kind, (value.fget, value.fset))
        elif isinstance(value, cached_property):
            self._add_items(kind, (value.func,))
        elif isinstance(value, CellType):
            self._add_items(kind, (value.cell_contents,))
        else:
            self._add_object(kind, value)

    def _add_items(self, kind: type, values: Any) -> None:
        self.add_words(kind.__name__, len(values))
        for value in values:
            self.add(value)

    def _add_object(self, kind: type, value: Any) -> None:
        """Add the pickled form of an object, which is all of its state; raise if it cannot be pickled."""
        reduce = copyreg.dispatch_table.get(kind)
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(2)
        if isinstance(reduced, str):
            module_name = getattr(value, "__module__", None) or kind.__module__
            version = _package_version(module_name)
            self.add_words("named", module_name, reduced, self.token if version is None else version)
        else:
            callable_, args, state, items, pairs = (*reduced[:5], None, None, None)[:5]
            self.add((kind, callable_, args, state, list(items or ()), list(pairs or ())))

    def _add_class(self, kind: type) -> None:
        version = _package_version(kind.__module__)
        self.add_words("class", kind.__module__, kind.__qualname__, version)
        # A class that was changed keeps its name, above all in a notebook, where classes of packages may be patched
        # too.
        attributes = {name: value for name, value in vars(kind).items() if version is None or _is_foreign(value)}
        self.add(
            (
                kind.__bases__,
                {name: value for name, value in attributes.items() if name not in _IGNORED_CLASS_ATTRIBUTES},
            )
        )

    def _add_function(self, function: FunctionType) -> None:
        module_name = function.__globals__.get("__name__")
        version = _package_version(module_name)
        self.add_words("function", module_name, function.__qualname__, version)
        self.add((function.__defaults__, function.__kwdefaults__, function.__closure__, vars(function)))
        if version is None:
            self._add_code(function.__code__, function.__globals__)

    def _add_code(self, code: CodeType, scope: Mapping[str, Any]) -> None:
        self.add_words("code", code.co_code, code.co_names, code.co_exceptiontable, code.co_flags)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_code(constant, scope)
            else:
                self.add(constant)
        instructions = [(step.opname, step.argval) for step in dis.get_instructions(code)]
        loads = {name for operation, name in instructions if operation in ("LOAD_GLOBAL", "LOAD_NAME")}
        for name in sorted(name for name in loads if name in scope):
            self.add_words("global", name)
            self.add(scope[name])
        if any(operation == "IMPORT_NAME" for operation, _ in instructions):
            self.add_words("untold", self.token)


def _is_foreign(value: Any) -> bool:
    return isinstance(value, FunctionType) and _package_version(value.__globals__.get("__name__")) is None


def _package_version(name: str | None) -> str | None:
    """Return the version of the package that a Python module belongs to; ``None`` for the user's own files."""
    root = (name or "").partition(".")[0]
    package = sys.modules.get(root)
    file = getattr(package, "__file__", None)
    parts = Path(file).parts if file else ()
    if "site-packages" in parts or "dist-packages" in parts:
        return getattr(package, "__version__", None)
    in_standard_library = root in sys.stdlib_module_names and (not file or _STANDARD_LIBRARY in Path(file).parents)
    return sys.version if in_standard_library else None
