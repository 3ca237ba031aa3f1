"""Tell the code of installed packages, which a version identifies, from the user's own code."""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

from staa_widgets._version import __version__

_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
_versions: dict[str, tuple[ModuleType | None, str | None]] = {}


def package_version(name: str | None) -> str | None:
    """Return the version of the installed package that a Python module belongs to; ``None`` for the user's own files.

    Parameters
    ----------
    name
        Full name of the module, such as ``"torch.nn.functional"``.
    """
    root = (name or "").partition(".")[0]
    package = sys.modules.get(root)
    if root not in _versions or _versions[root][0] is not package:
        _versions[root] = package, _find_version(root, package)
    return _versions[root][1]


def is_own(value: Any) -> bool:
    """Return whether a function, class or wrapper of one comes from the user's own files, not from a package."""
    pending, visited = [value], set[int]()
    while pending:
        part = pending.pop()
        if id(part) in visited:
            continue
        visited.add(id(part))
        if isinstance(part, type):
            defining_module = part.__module__
        elif isinstance(part, FunctionType):
            defining_module = part.__globals__.get("__name__")
        else:
            defining_module = type(part).__module__
        if defining_module == "unittest.mock" or package_version(defining_module) is None:
            return True
        pending += _wrapped_parts(part)
    return False


def _wrapped_parts(value: Any) -> Iterator[Any]:
    """Yield the functions and objects that a function or a wrapper of functions calls."""
    if isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            with suppress(ValueError):  # The cell is empty.
                if callable(cell.cell_contents):
                    yield cell.cell_contents
        if "__wrapped__" in vars(value):
            yield vars(value)["__wrapped__"]
    elif isinstance(value, staticmethod | classmethod | MethodType):
        yield value.__func__
    elif isinstance(value, property):
        yield from (part for part in (value.fget, value.fset) if part is not None)
    elif isinstance(value, functools.cached_property | functools.partial | functools.partialmethod):
        yield value.func
    elif isinstance(value, functools._lru_cache_wrapper):
        yield value.__wrapped__


def _find_version(root: str, package: ModuleType | None) -> str | None:
    if root == "staa_widgets":
        return __version__
    file = getattr(package, "__file__", None)
    parts = Path(file).parts if file else ()
    if root != "__main__" and ("site-packages" in parts or "dist-packages" in parts):
        try:
            return getattr(package, "__version__", None) or version(root)
        except PackageNotFoundError:
            return None
    in_standard_library = root in sys.stdlib_module_names and (not file or _STANDARD_LIBRARY in Path(file).parents)
    return sys.version if in_standard_library else None
