"""Take the functions out of an answer's source, and refuse what a graded function may not contain."""

from __future__ import annotations

import ast

MODULES = ("numpy", "numpy.linalg", "math")
NAMES = frozenset(
    [
        "breakpoint",
        "compile",
        "delattr",
        "dir",
        "eval",
        "exec",
        "exit",
        "getattr",
        "globals",
        "hasattr",
        "help",
        "input",
        "locals",
        "memoryview",
        "object",
        "open",
        "quit",
        "setattr",
        "super",
        "type",
        "vars",
    ]
)
"""Built-in functions that reach beyond arrays."""

ATTRIBUTES = frozenset(
    [
        "core",
        "compat",
        "char",
        "ctypes",
        "ctypeslib",
        "distutils",
        "dump",
        "dumps",
        "f2py",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "fromfile",
        "fromregex",
        "genfromtxt",
        "gi_code",
        "gi_frame",
        "lib",
        "load",
        "loads",
        "loadtxt",
        "ma",
        "matlib",
        "memmap",
        "mro",
        "os",
        "polynomial",
        "rec",
        "save",
        "savetxt",
        "savez",
        "savez_compressed",
        "strings",
        "sys",
        "tb_frame",
        "tb_next",
        "test",
        "testing",
        "tofile",
        "typing",
        "with_traceback",
    ]
)
"""Attributes that lead to files, memory, frames or modules."""

MAX_LENGTH = 20_000


class RefusedSourceError(Exception):
    """An answer contains something that a graded function may not contain."""


def extract_functions(source: str) -> str:
    """Return the functions, imports and constants of a cell's source; all other statements are left out.

    Parameters
    ----------
    source
        Source of a notebook cell. Lines of IPython's own, such as ``%time``, are left out.

    Raises
    ------
    RefusedSourceError
        If the source is no Python, or a function in it reaches beyond arrays.
    """
    if len(source) > MAX_LENGTH:
        raise RefusedSourceError(f"the cell is longer than {MAX_LENGTH} characters")
    tree = parse(source)
    kept = [node for node in tree.body if _counts(node)]
    for node in kept:
        for part in ast.walk(node):
            _check(part)
    return ast.unparse(ast.Module(kept, []))


def parse(source: str) -> ast.Module:
    """Return the syntax tree of a cell, without lines of IPython's own."""
    lines = ["" if line.startswith(("%", "!", "?")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RefusedSourceError(f"the cell is no valid Python: {error}") from None


def read_constants(source: str) -> dict[str, object]:
    """Return the constants that a cell assigns: names with numbers, texts, lists and dicts. Nothing is run.

    ``np.float64(0.5)``, as numpy shows a number, is read as 0.5.
    """
    constants: dict[str, object] = {}
    for node in parse(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                constants[node.targets[0].id] = ast.literal_eval(_PlainNumbers().visit(node.value))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
    return constants


class _PlainNumbers(ast.NodeTransformer):
    """Replaces ``np.float64(number)`` by the number."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if ast.unparse(node.func) in ("np.float64", "float") and len(node.args) == 1 and not node.keywords:
            return node.args[0]
        return node


def _counts(node: ast.stmt) -> bool:
    """Return whether a statement of a cell is graded: functions, constants, and imports of numpy and math."""
    if isinstance(node, ast.FunctionDef):
        return True
    if isinstance(node, ast.Import):
        return all(name.name in MODULES for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in MODULES
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return False
        return True
    return False


def _check(node: ast.AST) -> None:
    """Raise if a node reaches beyond arrays."""
    if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Match):
        raise RefusedSourceError("write functions: no classes, no match and no async")
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
        names = [name.name for name in node.names] if isinstance(node, ast.ImportFrom) else []
        for name in modules:
            if name not in MODULES:
                raise RefusedSourceError(f"graded functions import numpy and math only, not {name}")
        for name in names:
            _check_attribute(name)
    if isinstance(node, ast.Attribute):
        _check_attribute(node.attr)
    if isinstance(node, ast.Name) and (node.id in NAMES or node.id.startswith("__")):
        raise RefusedSourceError(f"graded functions do not use {node.id}")


def _check_attribute(name: str) -> None:
    if name.startswith("_") or name in ATTRIBUTES or name == "*":
        raise RefusedSourceError(f"graded functions do not use .{name}")
