"""Write the assignments' notebooks in nbgrader's format: `python -m course.write_notebooks`.

The texts are in `course/assignments/`, the solutions in `course/references/`. A line ``=== kind …`` begins a cell:

- ``markdown`` and ``code``,
- ``answer ID FUNCTION …``: functions of the reference; their bodies are the solution that nbgrader takes out, helpers
  go with it,
- ``constants ID``: an answer that is read and not run,
- ``points ID N``: examples for the student, and the cell that holds the points,
- ``report ID N``: text that a person grades.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path
from typing import Any

COURSE = Path(__file__).parent
NOT_RUN = 'raise RuntimeError("This course is graded with course/nbgrader_config.py, which does not run this cell.")'

STUB = 'raise NotImplementedError("Write your answer, and delete this line.")'
"""Statement in the place of a solution in what students get."""
TO_FILL_IN = "### BEGIN SOLUTION\n# The values above are filled in.\n### END SOLUTION"
"""A solution for nbgrader to take out: without one it would take out the whole cell."""


def write_notebooks(folder: Path = COURSE / "source") -> list[Path]:
    """Write all notebooks into ``folder/NAME/NAME.ipynb`` and return their paths."""
    paths = []
    for text in sorted((COURSE / "assignments").glob("*.txt")):
        path = folder / text.stem / f"{text.stem}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make_notebook(text.stem), indent=1, ensure_ascii=False) + "\n", "utf-8")
        paths.append(path)
    return paths


def make_notebook(assignment: str) -> dict[str, Any]:
    """Return the notebook of an assignment as JSON."""
    text = (COURSE / "assignments" / f"{assignment}.txt").read_text("utf-8")
    reference = (COURSE / "references" / f"{assignment.lower()}.py").read_text("utf-8")
    parts = re.split(r"^=== (.+)\n", text, flags=re.MULTILINE)[1:]
    cells = [
        make_cell(number, head.split(), body.strip("\n"), reference)
        for number, (head, body) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def make_cell(number: int, head: list[str], body: str, reference: str) -> dict[str, Any]:
    """Return a cell with nbgrader's metadata."""
    kind, *words = head
    flags: dict[str, Any] = {"grade": False, "solution": False, "locked": False, "task": False}
    name = f"cell-{number}"
    if kind == "answer":
        name, flags["solution"] = words[0], True
        body = answer_source(reference, words[1:])
    elif kind == "constants":
        name, flags["solution"] = words[0], True
        body += f"\n{TO_FILL_IN}"
    elif kind == "points":
        name = f"{words[0]}_points"
        flags |= {"grade": True, "locked": True, "points": float(words[1])}
        body += f"\n### BEGIN HIDDEN TESTS\n{NOT_RUN}\n### END HIDDEN TESTS"
    elif kind == "report":
        name = words[0]
        flags |= {"grade": True, "solution": True, "points": float(words[1])}
    is_text = kind in ("markdown", "report")
    graded = kind in ("answer", "constants", "points", "report")
    metadata = {"nbgrader": {"schema_version": 3, "grade_id": name, **flags}} if graded else {}
    cell = {"cell_type": "markdown" if is_text else "code", "id": name.replace("_", "-"), "metadata": metadata}
    return cell | {"source": body} | ({} if is_text else {"outputs": [], "execution_count": None})


def answer_source(reference: str, functions: list[str]) -> str:
    """Return an answer's cell: the last function with its docstring, its body and all helpers as solution."""
    *helpers, name = functions
    nodes = {node.name: node for node in ast.parse(reference).body if isinstance(node, ast.FunctionDef)}
    lines = reference.splitlines()

    def source(node: ast.FunctionDef, first: int) -> str:
        return "\n".join(lines[first - 1 : node.end_lineno])

    node = nodes[name]
    docstring_end = node.body[0].end_lineno or node.lineno
    head = source(node, node.lineno).splitlines()[: docstring_end - node.lineno + 1]
    body = source(node, docstring_end + 1)
    inner = "\n\n".join(textwrap.indent(source(nodes[helper], nodes[helper].lineno), "    ") for helper in helpers)
    solution = f"{inner}\n\n{body}" if helpers else body
    return "\n".join([*head, "    ### BEGIN SOLUTION", solution, "    ### END SOLUTION"])


if __name__ == "__main__":
    for written in write_notebooks():
        print(written.relative_to(COURSE.parent))
