"""Grade the answers of a notebook. The notebook itself is never run: only functions of its answer cells are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from course.grading.sandbox import AnswerError, Sandbox
from course.grading.seeds import hidden_seed
from course.grading.source_check import RefusedSourceError, extract_functions, read_constants
from course.grading.task import Check, Context, Task

ASSIGNMENTS = ("A1", "A2", "A3")


@dataclass(frozen=True)
class CheckResult:
    """The points of a check, and what the student reads about it."""

    name: str
    points: float
    maximum: float
    message: str


@dataclass(frozen=True)
class TaskResult:
    """The results of a task's checks."""

    task: str
    checks: tuple[CheckResult, ...]

    @property
    def points(self) -> float:
        """Points of all checks."""
        return round(sum(check.points for check in self.checks), 3)

    @property
    def maximum(self) -> float:
        """Largest number of points."""
        return sum(check.maximum for check in self.checks)

    def text(self) -> str:
        """Return the feedback, one line for each check."""
        return "\n".join(
            f"{check.points:g} of {check.maximum:g}  {check.name}{': ' if check.message else ''}{check.message}"
            for check in self.checks
        )


def assignment_tasks(assignment: str) -> tuple[tuple[Task, ...], Mapping[str, Mapping[str, Callable[..., Any]]]]:
    """Return the tasks of an assignment, and the functions that stand in for failed ones."""
    module = import_module(f"course.grading.{assignment.lower()}")
    return module.TASKS, module.PROVIDED


def find_assignment(notebook: Mapping[str, Any]) -> str:
    """Return the assignment of a notebook, by the ids of its cells.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    names = answer_sources(notebook)
    for assignment in ASSIGNMENTS:
        if any(task.name in names for task in assignment_tasks(assignment)[0]):
            return assignment
    raise ValueError("This notebook has no answer cell of A1, A2 or A3.")


def answer_sources(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return the sources of code cells by nbgrader's id; of several with one id, the last, as nbgrader does."""
    sources: dict[str, str] = {}
    for cell in notebook["cells"]:
        name = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
        if cell["cell_type"] == "code" and isinstance(name, str):
            text = cell["source"]
            sources[name] = text if isinstance(text, str) else "".join(text)
    return sources


def grade_notebook(notebook: Mapping[str, Any], assignment: str, student: str, salt: str) -> list[TaskResult]:
    """Return the results of all tasks of an assignment.

    Parameters
    ----------
    notebook
        The notebook as JSON.
    assignment
        ``"A1"``, ``"A2"`` or ``"A3"``.
    student
        The student's id.
    salt
        The term's salt; with the student's id it makes the seeds.
    """
    tasks, provided = assignment_tasks(assignment)
    sources = answer_sources(notebook)
    results: dict[str, TaskResult] = {}
    for task in tasks:
        seed = hidden_seed(salt, student, task.name)
        results[task.name] = _grade_task(task, seed, student, sources, provided, results)
    return list(results.values())


def _grade_task(
    task: Task,
    seed: int,
    student: str,
    sources: Mapping[str, str],
    provided: Mapping[str, Mapping[str, Callable[..., Any]]],
    results: Mapping[str, TaskResult],
) -> TaskResult:
    earned = {name: result.points for name, result in results.items()}
    if task.name not in sources:
        return _fail(task, "the answer's cell is missing")
    if not task.functions:
        try:
            constants = read_constants(sources[task.name])
        except RefusedSourceError as error:
            return _fail(task, str(error))
        return _run_checks(task, Context(seed, student, None, constants, earned))
    stand_ins: dict[str, Callable[..., Any]] = {}
    cells = []
    try:
        for name in task.uses:
            if results[name].points >= results[name].maximum:
                cells.append(extract_functions(sources[name]))
            else:
                stand_ins |= provided[name]
        cells.append(extract_functions(sources[task.name]))
        with Sandbox(cells, stand_ins) as sandbox:
            return _run_checks(task, Context(seed, student, sandbox, {}, earned))
    except (RefusedSourceError, AnswerError) as error:
        return _fail(task, str(error))


def _run_checks(task: Task, context: Context) -> TaskResult:
    results: list[CheckResult] = []
    for check in task.checks:
        if results and results[0].points == 0:
            results.append(CheckResult(check.name, 0, check.points, "counts only with the first part"))
            continue
        results.append(_run_check(check, context))
    return TaskResult(task.name, tuple(results))


def _run_check(check: Check, context: Context) -> CheckResult:
    try:
        share = min(max(float(check.grade(context)), 0.0), 1.0)
        return CheckResult(check.name, share * check.points, check.points, "" if share == 1 else "partly right")
    except AnswerError as error:
        return CheckResult(check.name, 0, check.points, str(error))
    except (TypeError, ValueError, IndexError, OverflowError, ArithmeticError):
        return CheckResult(check.name, 0, check.points, "the result does not have the form that the task asks for")


def _fail(task: Task, message: str) -> TaskResult:
    return TaskResult(task.name, tuple(CheckResult(check.name, 0, check.points, message) for check in task.checks))
