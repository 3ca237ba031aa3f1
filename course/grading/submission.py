"""Fill in the reference answers of an assignment for one student: what a perfect submission looks like."""

from __future__ import annotations

import copy
from typing import Any

from course.grading.a1 import own_table
from course.grading.a3 import CHEAT
from course.references.a3 import CUE
from course.source.A3 import audit


def constants(assignment: str, student: str) -> dict[str, str]:
    """Return the right constants of a student's assignment as Python source, by the id of the answer's cell."""
    if assignment == "A1":
        table = {name: tuple(round(float(value), 3) for value in row) for name, row in own_table(student).items()}
        return {"a1_table": f"STUDENT = {student!r}\nTABLE = {table!r}\n"}
    if assignment == "A3":
        letter = next(letter for letter, name in audit.pair(student).items() if name == CHEAT)
        return {"a3_verdict": f"STUDENT = {student!r}\nCHEAT = {letter!r}\nCUE = {CUE!r}\n"}
    return {}


def fill_in(notebook: dict[str, Any], source: dict[str, Any], assignment: str, student: str) -> dict[str, Any]:
    """Return a released notebook with the answers of the source notebook and the student's constants.

    Parameters
    ----------
    notebook
        The notebook as released, without solutions.
    source
        The notebook with solutions.
    assignment
        ``"A1"``, ``"A2"`` or ``"A3"``.
    student
        The student's id.
    """
    filled = copy.deepcopy(notebook)
    answers = {cell_name(cell): cell["source"] for cell in source["cells"] if is_answer(cell)}
    answers |= constants(assignment, student)
    for cell in filled["cells"]:
        if is_answer(cell):
            cell["source"] = answers[cell_name(cell)]
    return filled


def cell_name(cell: dict[str, Any]) -> str:
    """Return nbgrader's id of a cell, or an empty text."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def is_answer(cell: dict[str, Any]) -> bool:
    """Return whether a cell is an answer in code."""
    return cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("solution", False)
