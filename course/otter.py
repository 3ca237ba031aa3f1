"""Write an assignment for otter-grader: `python -m course.otter A1 --out FOLDER`.

The folder holds the notebook without solutions, the files beside it, and ``tests/`` in the OK format, with the examples
that students see. otter-grader runs tests in the notebook's own process, where a trick can pass them. Therefore hidden
tests are not exported, and the grade comes from `course/grade.py --salt-file`.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

from course.grading.notebook import ASSIGNMENTS
from course.write_notebooks import COURSE, STUB, make_notebook

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION", re.MULTILINE | re.DOTALL)
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n?", re.MULTILINE | re.DOTALL)


def export(assignment: str, out: Path) -> None:
    """Write the notebook, its files and its tests into a folder.

    Parameters
    ----------
    assignment
        ``"A1"``, ``"A2"`` or ``"A3"``.
    out
        Folder to write to; files of the same names are replaced.
    """
    shutil.copytree(
        COURSE / "source" / assignment,
        out,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.ipynb"),
    )
    (out / "tests").mkdir(exist_ok=True)
    notebook = make_notebook(assignment)
    cells = [make_code(f'import otter\n\ngrader = otter.Notebook("{assignment}.ipynb")', "otter")]
    for cell in notebook["cells"]:
        flags = cell["metadata"].get("nbgrader", {})
        cell["source"] = SOLUTION.sub(rf"\1{STUB}", cell["source"])
        if cell["cell_type"] == "code" and flags.get("grade"):
            name = flags["grade_id"].removesuffix("_points")
            test = make_test(name, flags["points"], HIDDEN.sub("", cell["source"]))
            (out / "tests" / f"{name}.py").write_text(test, "utf-8")
            cells.append(make_code(f'grader.check("{name}")', cell["id"]))
        else:
            cells.append(cell)
    text = json.dumps(notebook | {"cells": cells}, indent=1, ensure_ascii=False)
    (out / f"{assignment}.ipynb").write_text(text + "\n", "utf-8")


def make_code(source: str, name: str) -> dict[str, Any]:
    """Return a cell of code."""
    return {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def make_test(name: str, points: float, source: str) -> str:
    """Return a test file in the OK format, with statements as one doctest.

    Parameters
    ----------
    name
        Name of the test.
    points
        Points of the test.
    source
        Statements that print nothing, and raise if the answer is wrong.
    """
    lines: list[str] = []
    for node in ast.parse(source).body:
        first, *others = (ast.get_source_segment(source, node) or "").splitlines()
        lines += [f">>> {first}", *(f"... {line}" for line in others)]
    case = {"code": "\n".join(lines), "hidden": False, "locked": False}
    suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    return f"OK_FORMAT = True\n\ntest = { ({'name': name, 'points': points, 'suites': [suite]})!r}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", choices=ASSIGNMENTS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    export(options.assignment, options.out)
    print(options.out)
