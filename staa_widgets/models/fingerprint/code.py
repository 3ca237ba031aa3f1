"""What a module computes besides its weights: its settings and code, told value by value."""

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
# What is said elsewhere, or says nothing.
_OF_CLASSES = {
    "__dict__",
    "__weakref__",
    "__doc__",
    "__module__",
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
}
_OF_CLASSES |= {"__annotations_cache__", "__firstlineno__", "__static_attributes__", "_abc_impl"}
_STANDARD = Path(sysconfig.get_path("stdlib"))


def told(module: nn.Module, weights: Mapping[str, Tensor], token: str) -> str:
    """Digest what decides what a module computes, but for its weights.

    Those are its parts, their attributes, their classes, their code, and whatever functions hold in closures, defaults
    and globals. Packages that are installed count by name and version.

    Parameters
    ----------
    module
        A module; ``training`` does not count.
    weights
        Tensors that count elsewhere, by name.
    token
        What stands for values that cannot be told.

    Returns
    -------
    str
        sha256, in hexadecimal.
    """
    teller = _Teller(weights, token)
    teller.tell(module)
    return teller.said.hexdigest()


class _Teller:
    def __init__(self, weights: Mapping[str, Tensor], token: str) -> None:
        self.said = hashlib.sha256()
        self.token = token
        # By address; values are held, so that no address is taken twice.
        self.seen: dict[int, tuple[str, Any]] = {id(tensor): (name, tensor) for name, tensor in weights.items()}

    def say(self, *words: object) -> None:
        self.said.update(f"{words!r}\n".encode())

    def tell(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS:
            self.say(kind.__name__, value)
        elif kind is bytes:
            self.say("bytes", hashlib.sha256(value).hexdigest())
        elif kind is tuple:
            self._tell_all(kind, value)
        elif id(value) in self.seen:
            self.say("seen", self.seen[id(value)][0])
        else:
            self.seen[id(value)] = f"{len(self.seen)}", value
            try:
                self._tell_new(kind, value)
            except Exception:  # objects of any kind are asked for their state, and may answer anyhow
                self.say("untold", self.token)

    def _tell_new(self, kind: type, value: Any) -> None:
        if isinstance(value, nn.Module):
            self.say("module")
            self.tell((kind, {name: held for name, held in vars(value).items() if name != "training"}))
        elif kind in (Tensor, nn.Parameter):
            content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            self.say("tensor", str(value.dtype), tuple(value.shape), hashlib.sha256(content).hexdigest())
        elif kind is list:
            self._tell_all(kind, value)
        elif kind in (dict, OrderedDict, MappingProxyType):
            self._tell_all(kind, value.items())
        elif kind in (set, frozenset):
            self._tell_all(kind, sorted(value, key=repr))
        elif isinstance(value, FunctionType):
            self._tell_function(value)
        elif isinstance(value, type):
            self._tell_class(value)
        elif isinstance(value, ModuleType):
            version = _version(value.__name__)
            self.say("package", value.__name__, self.token if version is None else version)
        elif isinstance(value, MethodType):
            self._tell_all(kind, (value.__func__, value.__self__))
        elif isinstance(value, staticmethod | classmethod):
            self._tell_all(kind, (value.__func__,))
        elif isinstance(value, property):
            self._tell_all(kind, (value.fget, value.fset))
        elif isinstance(value, cached_property):
            self._tell_all(kind, (value.func,))
        elif isinstance(value, CellType):
            self._tell_all(kind, (value.cell_contents,))
        else:
            self._tell_object(kind, value)

    def _tell_all(self, kind: type, values: Any) -> None:
        self.say(kind.__name__, len(values))
        for value in values:
            self.tell(value)

    def _tell_object(self, kind: type, value: Any) -> None:
        """Tell what an object would be pickled as, which is all of its state, or raise."""
        reduce = copyreg.dispatch_table.get(kind)
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(2)
        if isinstance(reduced, str):
            home = getattr(value, "__module__", None) or kind.__module__
            version = _version(home)
            self.say("named", home, reduced, self.token if version is None else version)
        else:
            callable_, args, state, items, pairs = (*reduced[:5], None, None, None)[:5]
            self.tell((kind, callable_, args, state, list(items or ()), list(pairs or ())))

    def _tell_class(self, kind: type) -> None:
        version = _version(kind.__module__)
        self.say("class", kind.__module__, kind.__qualname__, version)
        # A class whose code is changed keeps its name, above all in a notebook; and others' classes are patched there.
        held = {name: value for name, value in vars(kind).items() if version is None or _is_foreign(value)}
        self.tell((kind.__bases__, {name: value for name, value in held.items() if name not in _OF_CLASSES}))

    def _tell_function(self, function: FunctionType) -> None:
        home = function.__globals__.get("__name__")
        version = _version(home)
        self.say("function", home, function.__qualname__, version)
        self.tell((function.__defaults__, function.__kwdefaults__, function.__closure__, vars(function)))
        if version is None:
            self._tell_code(function.__code__, function.__globals__)

    def _tell_code(self, code: CodeType, scope: Mapping[str, Any]) -> None:
        self.say("code", code.co_code, code.co_names, code.co_exceptiontable, code.co_flags)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._tell_code(constant, scope)
            else:
                self.tell(constant)
        steps = [(step.opname, step.argval) for step in dis.get_instructions(code)]
        for name in sorted({name for does, name in steps if does in ("LOAD_GLOBAL", "LOAD_NAME") and name in scope}):
            self.say("global", name)
            self.tell(scope[name])
        if any(does == "IMPORT_NAME" for does, _ in steps):
            self.say("untold", self.token)


def _is_foreign(value: Any) -> bool:
    return isinstance(value, FunctionType) and _version(value.__globals__.get("__name__")) is None


def _version(name: str | None) -> str | None:
    """Give the version of the installed package that a Python module belongs to; ``None`` for the user's own files."""
    root = (name or "").partition(".")[0]
    package = sys.modules.get(root)
    file = getattr(package, "__file__", None)
    parts = Path(file).parts if file else ()
    if "site-packages" in parts or "dist-packages" in parts:
        return getattr(package, "__version__", None)
    standard = root in sys.stdlib_module_names and (not file or _STANDARD in Path(file).parents)
    return sys.version if standard else None
