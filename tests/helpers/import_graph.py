"""Imports between the files of a package, read from the source: lazy, relative and type-only imports too."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

Graph = Mapping[str, frozenset[str]]
"""Dotted names of the modules that each module imports."""


def module_name(file: Path, root: Path) -> str:
    """Return the dotted name of a file of the package ``root``."""
    parts = file.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path) -> Graph:
    """Return what each file of the package ``root`` imports from the package.

    Parameters
    ----------
    root
        Folder of the package.

    Returns
    -------
    Graph
        An import of a name counts as an import of the module that defines it, which may be an ``__init__``.
    """
    files = {module_name(file, root): file for file in sorted(root.rglob("*.py"))}
    return {
        name: frozenset(_imports(ast.parse(file.read_text("utf-8")), name, file.name == "__init__.py", files) - {name})
        for name, file in files.items()
    }


def arrows_up(graph: Graph, ranks: Sequence[Sequence[str]]) -> list[str]:
    """List imports from a package of a higher rank.

    Parameters
    ----------
    graph
        See `import_graph`.
    ranks
        Packages, and modules at the top, from low to high; those in one rank import each other freely.

    Returns
    -------
    list[str]
        ``"lower.module -> higher.module"``, in alphabetical order.
    """
    rank = {package: place for place, group in enumerate(ranks) for package in group}
    return sorted(
        f"{source} -> {target}"
        for source, targets in graph.items()
        if "." in source  # The package's own __init__ offers names of all layers.
        for target in targets
        if "." not in target or rank[target.split(".")[1]] > rank[source.split(".")[1]]
    )


def unranked_packages(graph: Graph, ranks: Sequence[Sequence[str]]) -> list[str]:
    """List the packages and modules directly in the root package that `ranks` leaves out, in alphabetical order."""
    known = {package for rank in ranks for package in rank}
    return sorted({name.split(".")[1] for name in graph if "." in name} - known)


def circles(graph: Graph) -> list[list[str]]:
    """List groups of files that import each other, directly or through others (Tarjan's strong components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in order:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], order[target])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return sorted(groups)


def _imports(tree: ast.AST, name: str, is_package: bool, files: Mapping[str, Path]) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name in files}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, is_package)
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                if submodule in files:
                    modules.add(submodule)
                elif base in files:
                    modules.add(base)
    return modules


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    above = parts[: len(parts) - node.level + is_package]
    if node.module:
        above.append(node.module)
    return ".".join(above)
