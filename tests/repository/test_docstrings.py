"""Docstrings name only parameters that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.paths import ROOT

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def documented_names(docstring: str) -> list[str]:
    """Return the names in the section "Parameters" of a docstring in numpy style."""
    section = re.search(r"^( *)Parameters\n *-{3,}\n((?:\1.*\n|\n)*)", docstring + "\n", re.MULTILINE)
    if not section:
        return []
    indent, names = section[1], []
    for line in section[2].splitlines():
        if re.match(r"\s*(Returns|Raises|Yields|Attributes|Notes|Warns)\s*$", line):
            break
        if line.startswith(indent) and line[len(indent) :][:1].strip():
            names += [name.strip().lstrip("*\\") for name in line.split(":")[0].split(",")]
    return names


def parameter_names(node: ast.AST) -> set[str]:
    """Return the parameters of a function, or the fields and the constructor's parameters of a class."""
    if isinstance(node, FUNCTIONS):
        args = node.args
        extra = [arg for arg in (args.vararg, args.kwarg) if arg]
        return {arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *extra)}
    names: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            names.add(child.target.id)
        elif isinstance(child, FUNCTIONS) and child.name in ("__init__", "__new__"):
            names |= parameter_names(child)
    return names


def wrong_names(file: Path, root: Path = ROOT) -> Iterator[str]:
    """Yield documented parameters that do not exist, as ``"path:line function: name"``."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for name in documented_names(ast.get_docstring(node, clean=False) or ""):
                if name not in parameter_names(node):
                    yield f"{file.relative_to(root)}:{node.lineno} {node.name}: {name}"


def test_parameters_in_docstrings_exist():
    files = sorted((ROOT / "staa_widgets").rglob("*.py"))
    assert [wrong for file in files for wrong in wrong_names(file)] == []


SOURCE = '''
def add(a, *rest, scale=1):
    """Add numbers.

    Parameters
    ----------
    a, b
        Numbers.
    *rest
        More numbers.

    Returns
    -------
    int
        The sum.
    """
'''


def test_a_wrong_name_is_reported(tmp_path: Path):
    file = tmp_path / "add.py"
    file.write_text(SOURCE)
    assert [*wrong_names(file, tmp_path)] == ["add.py:2 add: b"]
