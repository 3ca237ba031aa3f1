"""Grade a notebook of the course without nbgrader: `python course/grade.py notebook.ipynb`.

Without a salt the tests are the public ones, the same for everybody. With ``--student`` and ``--salt-file`` they are
the hidden ones, as nbgrader runs them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course.grading.notebook import TaskResult, answer_sources, assignment_tasks, find_assignment, grade_notebook
from course.grading.seeds import PUBLIC_SALT, read_salt
from course.grading.source_check import RefusedSourceError, read_constants

REPORT_POINTS = {"A3": 4}
"""Points by assignment that a person gives."""


def main(arguments: list[str] | None = None) -> int:
    """Print the points of a notebook; return 0 if they are all that can be had, 1 if not, 2 if it cannot be graded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--student", help="the student's id; default: the one that the notebook names")
    parser.add_argument("--salt-file", type=Path, help="file with the term's salt, for the hidden tests")
    parser.add_argument("--json", action="store_true", help="print JSON: points and feedback by task")
    options = parser.parse_args(arguments)
    try:
        notebook = json.loads(options.notebook.read_text("utf-8"))
        assignment = find_assignment(notebook)
        salt = read_salt(options.salt_file) if options.salt_file else PUBLIC_SALT
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"{options.notebook} cannot be graded: {error}", file=sys.stderr)
        return 2
    student = options.student or named_student(notebook)
    results = grade_notebook(notebook, assignment, student, salt)
    if options.json:
        print(json.dumps({result.task: {"points": result.points, "text": result.text()} for result in results}))
        return 0
    tests = "hidden tests" if options.salt_file else "PUBLIC tests: others decide the grade"
    print(f"{assignment}, student {student}, {tests}")
    return print_results(assignment, results)


def print_results(assignment: str, results: list[TaskResult]) -> int:
    """Print points and feedback of all tasks; return 0 if the points are all that can be had, else 1."""
    for result in results:
        print(f"\n{result.task}: {result.points:g} of {result.maximum:g}")
        print("  " + result.text().replace("\n", "\n  "))
    points = sum(result.points for result in results)
    maximum = sum(task.points for task in assignment_tasks(assignment)[0])
    report = REPORT_POINTS.get(assignment)
    print(f"\n{points:g} of {maximum:g} points" + (f", and {report} by the rubric of the report" if report else ""))
    return int(points < maximum)


def named_student(notebook: dict[str, object]) -> str:
    """Return the id that an answer of constants names, or ``"nobody"``."""
    for source in answer_sources(notebook).values():
        try:
            name = read_constants(source).get("STUDENT")
        except RefusedSourceError:
            continue
        if isinstance(name, str) and name:
            return name
    return "nobody"


if __name__ == "__main__":
    sys.exit(main())
