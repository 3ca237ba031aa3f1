"""Steps of nbgrader: `GradeAnswers` gives the points, in place of the step that runs a student's notebook."""
# pyright: reportMissingImports=false

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from course.grading.seeds import SALT_VARIABLE, read_salt

GRADE = Path(__file__).resolve().parent.parent / "grade.py"
PYTHON_VARIABLE = "STAA_COURSE_PYTHON"
"""Environment variable with the Python that has staa_widgets, if nbgrader runs in another environment."""
SECONDS = 600
"""Longest time of a notebook."""


class GradeAnswers(NbGraderPreprocessor):
    """Write the points and the feedback of each task as outputs of the cell that holds its points."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the notebook with the outputs from which nbgrader reads the points."""
        results = grade(nb, resources["nbgrader"]["student"])
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            flags = cell.metadata.get("nbgrader", {})
            if flags.get("grade") and not flags.get("solution"):
                result = results.get(str(flags.get("grade_id")).removesuffix("_points"))
                points, text = (result["points"], result["text"]) if result else (0, "there is no such task")
                cell.outputs = [
                    nbformat.v4.new_output("stream", name="stdout", text=f"{text}\n"),
                    nbformat.v4.new_output("execute_result", {"text/plain": f"{float(points)}"}, execution_count=1),
                ]
        return nb, resources


class DropEmptyMetadata(NbGraderPreprocessor):
    """Remove nbgrader's metadata from cells where they are empty.

    nbgrader empties them in the first of two cells with the same id. It would then refuse the notebook as one of an old
    version, and would not grade the notebooks after it.
    """

    def preprocess_cell(self, cell: Any, resources: dict[str, Any], cell_index: int) -> tuple[Any, dict[str, Any]]:  # noqa: ARG002
        """Return the cell without empty metadata."""
        if "nbgrader" in cell.metadata and not cell.metadata["nbgrader"]:
            del cell.metadata["nbgrader"]
        return cell, resources


def grade(notebook: Any, student: str) -> dict[str, dict[str, Any]]:
    """Return points and feedback by task, as `course/grade.py` prints them in a process of its own.

    Raises
    ------
    FileNotFoundError
        If there is no salt.
    RuntimeError
        If the notebook cannot be graded.
    """
    read_salt()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notebook.ipynb"
        path.write_text(nbformat.writes(notebook), "utf-8")
        command = [os.environ.get(PYTHON_VARIABLE, sys.executable), "-P", str(GRADE), str(path), "--json"]
        command += ["--student", student, "--salt-file", os.environ[SALT_VARIABLE]]
        # In an empty folder, so that no file of the submission lies beside the grader.
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(f"course/grade.py ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])
