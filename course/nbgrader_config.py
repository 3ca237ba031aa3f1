"""Configuration of nbgrader 0.9.6 for this course: run `nbgrader` in this folder.

Nothing that a student wrote is run by nbgrader: `GradeAnswers` takes the place of `Execute`.
"""
# pyright: reportMissingImports=false, reportUndefinedVariable=false

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from course.grading.nbgrader_step import DropEmptyMetadata, GradeAnswers
from course.write_notebooks import STUB

c = get_config()  # type: ignore # noqa: F821
c.CourseDirectory.course_id = "staa"
c.CourseDirectory.ignore = ["__pycache__", ".ipynb_checkpoints", "*.pyc"]
c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    DeduplicateIds,
    DropEmptyMetadata,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    GradeAnswers,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.ClearSolutions.code_stub = {"python": STUB}
c.ClearSolutions.text_stub = "Write your report here."
c.LimitOutput.max_lines = 200
