"""Describe a module in words: its parts with their attributes, hooks, classes and code, value by value."""

from __future__ import annotations

import copyreg
import dis
import hashlib
import sys
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property, lru_cache
from types import CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig

from staa_widgets.models.fingerprint.installed import ATOMS, IGNORED_CLASS_ATTRIBUTES, describe_installed
from staa_widgets.models.fingerprint.packages import package_version
from staa_widgets.models.fingerprint.tensors import is_readable
from staa_widgets.models.fingerprint.unreadable import name_unreadable
from staa_widgets.models.wrap import WrappedModel

IGNORED_SETTINGS = frozenset(
    {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version", "_commit_hash"}
)
"""Settings of a configuration that do not change the result."""

_MAX_DEPTH = 120
HOOK_GROUPS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
"""Attributes of a module that hold its hooks by number."""

_HOOK_SETTINGS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs", "_forward_hooks_always_called")
_MODULE_STATE = frozenset(vars(nn.Module()))
# Attributes of modules that do not affect the output: names, reports, settings of loading and saving.
_IGNORED_ATTRIBUTES = frozenset(
    {
        "all_tied_weights_keys",
        "generation_config",
        "gradient_checkpointing",
        "name_or_path",
        "warnings_issued",
        "_is_hf_initialized",
        "_keys_to_ignore_on_load_missing",
        "_keys_to_ignore_on_load_unexpected",
        "_keys_to_ignore_on_save",
    }
)


class Description:
    """Words that describe values: where the words and the contents of the tensors are equal, so are the values.

    Attributes
    ----------
    words
        Description so far. A tensor stands in it as its number in `tensors`.
    tensors
        All tensors, each once.
    """

    def __init__(self) -> None:
        self.words: list[str] = []
        self.tensors: list[Tensor] = []
        # Values by address; a value that is referenced here cannot be freed, so that no address is used twice.
        self._visited: dict[int, tuple[int, Any]] = {}
        self._namespaces: set[str] = set()
        self._depth = 0

    def add(self, value: Any) -> None:
        """Add the description of a value, with all that it references."""
        kind = type(value)
        if kind in ATOMS:
            self.words.append(f"{kind.__name__} {value!r}")
        elif kind is bytes:
            self.words.append(f"bytes {hashlib.sha256(value).hexdigest()}")
        elif kind is tuple:
            self._add_items(kind, value)
        elif id(value) in self._visited:
            self.words.append(f"visited {self._visited[id(value)][0]}")
        else:
            self._visited[id(value)] = len(self._visited), value
            self._add_or_name(kind, value)

    def _add_or_name(self, kind: type, value: Any) -> None:
        length = len(self.words)
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise RecursionError
            self._add_new(kind, value)
        except Exception:  # Pickling hooks of arbitrary objects may raise anything.
            del self.words[length:]
            self.words.append(name_unreadable(value))
        finally:
            self._depth -= 1

    def _add_new(self, kind: type, value: Any) -> None:
        if isinstance(value, nn.Module):
            self._add_module(kind, value)
        elif isinstance(value, Tensor):
            if not is_readable(value):
                raise TypeError
            self.words.append(f"tensor {len(self.tensors)} {kind.__module__}.{kind.__qualname__}")
            self.tensors.append(value)
        elif isinstance(value, PreTrainedConfig):
            self._add_config(kind, value)
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
            version = package_version(value.__name__)
            self.words.append(f"package {value.__name__} {version or name_unreadable(value)}")
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
        self.words.append(f"{kind.__name__} {len(values)}")
        for value in values:
            self.add(value)

    def _add_module(self, kind: type, module: nn.Module) -> None:
        self.words.append("module")
        self.add(kind)
        state = vars(module)
        for group in ("_parameters", "_buffers"):
            for name in sorted(state[group]):
                self.words.append(name)
                self.add(state[group][name])
        for name, part in state["_modules"].items():  # In their order, which counts in `nn.Sequential`.
            self.words.append(name)
            self.add(part)
        self.add_hooks(state)
        for name in _attribute_names(tuple(state)):
            value = state[name]
            if name == "_active_adapter":  # PEFT names one adapter by its name, or by a list that holds the name.
                value = (value,) if isinstance(value, str) else tuple(value)
            self.words.append(name)
            self.add(value)
        if isinstance(module, WrappedModel) and not isinstance(module.inner, nn.Module):
            # Functions call code that cannot be followed, so that only this wrapped model is equal to itself.
            self.words.append(name_unreadable(module))

    def add_hooks(self, state: Mapping[str, Any]) -> None:
        """Add hooks in their order; their numbers count all hooks of the process and are left out.

        Parameters
        ----------
        state
            Attributes of a module, among them dictionaries of hooks by number.
        """
        for group in HOOK_GROUPS:
            if not state[group]:
                continue
            for number, hook in state[group].items():
                settings = [name for name in _HOOK_SETTINGS if number in state.get(name, ())]
                self.words.append(f"{group} {settings}")
                self.add(hook)

    def _add_config(self, kind: type, config: PreTrainedConfig) -> None:
        self.add(kind)
        for name in sorted(vars(config).keys() - IGNORED_SETTINGS):
            self.words.append(name)
            self.add(vars(config)[name])
        implementation = config._attn_implementation
        if implementation in AttentionInterface():
            self.add(AttentionInterface()[implementation])

    def _add_object(self, kind: type, value: Any) -> None:
        """Add the pickled form of an object, which is all of its state; raise if it cannot be pickled."""
        reduce = copyreg.dispatch_table.get(kind)
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(2)
        if isinstance(reduced, str):
            module_name = getattr(value, "__module__", None) or kind.__module__
            version = package_version(module_name) or name_unreadable(value)
            self.words.append(f"object {module_name}.{reduced} {version}")
        else:
            callable_, args, state, items, pairs = (*reduced[:5], None, None, None)[:5]
            self.add((kind, callable_, args, state, list(items or ()), list(pairs or ())))

    def _add_class(self, kind: type) -> None:
        version = package_version(kind.__module__)
        self.words.append(f"class {kind.__module__}.{kind.__qualname__} {version}")
        if kind.__module__ == "builtins":
            return
        if version is None:
            # A class that was changed keeps its name, above all in a notebook.
            attributes = {name: value for name, value in vars(kind).items() if name not in IGNORED_CLASS_ATTRIBUTES}
            self._add_items(dict, attributes.items())
        else:
            self._add_installed(kind)
            if issubclass(kind, nn.Module):
                self.add_namespace(kind.__module__)
        for base in kind.__bases__:
            self.add(base)

    def _add_installed(self, code: type | ModuleType) -> None:
        installed = describe_installed(code)
        self.words.append(installed.words)
        self._add_items(dict, installed.own.items())

    def add_namespace(self, module_name: str) -> None:
        """Add the names of a package's module, with every function that somebody replaced."""
        if module_name not in self._namespaces:
            self._namespaces.add(module_name)
            self._add_installed(sys.modules[module_name])

    def _add_function(self, function: FunctionType) -> None:
        module_name = function.__globals__.get("__name__")
        version = package_version(module_name)
        self.words.append(f"function {module_name}.{function.__qualname__} {version}")
        self.add((function.__defaults__, function.__kwdefaults__, function.__closure__, vars(function)))
        if version is None:
            self._add_code(function.__code__, function.__globals__)

    def _add_code(self, code: CodeType, scope: Mapping[str, Any]) -> None:
        self.words.append(f"code {code.co_code!r} {code.co_names} {code.co_exceptiontable!r} {code.co_flags}")
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_code(constant, scope)
            else:
                self.add(constant)
        names, imports = _read_globals(code)
        for name in names:
            if name in scope:
                self.words.append(f"global {name}")
                self.add(scope[name])
        if imports:
            self.words.append(name_unreadable(code))


@lru_cache(maxsize=1000)
def _attribute_names(names: tuple[str, ...]) -> list[str]:
    """Return the names of a module's attributes that are described, in order."""
    return sorted(set(names) - _MODULE_STATE - _IGNORED_ATTRIBUTES)


@lru_cache(maxsize=1000)
def _read_globals(code: CodeType) -> tuple[list[str], bool]:
    """Return the names of the globals that code reads, and whether it imports something."""
    instructions = [(step.opname, step.argval) for step in dis.get_instructions(code)]
    names = {name for operation, name in instructions if operation in ("LOAD_GLOBAL", "LOAD_NAME")}
    return sorted(names), any(operation == "IMPORT_NAME" for operation, _ in instructions)
