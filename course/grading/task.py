"""A task of an assignment: the checks of an answer, each with its points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course.grading.sandbox import AnswerError, Sandbox


@dataclass(frozen=True)
class Context:
    """What the checks of one answer know.

    Parameters
    ----------
    seed
        Seed of the tests, of this student and task.
    student
        The student's id.
    sandbox
        The process with the student's functions; ``None`` if the answer has none.
    constants
        Constants that the student's cell assigns.
    earned
        Points of the tasks graded so far, by name.
    """

    seed: int
    student: str
    sandbox: Sandbox | None
    constants: Mapping[str, object] = field(default_factory=dict)
    earned: Mapping[str, float] = field(default_factory=dict)

    def call(self, name: str, *args: Any) -> Any:
        """Return what a function of the student returns."""
        if self.sandbox is None:
            raise AnswerError(f"there is no function {name}")
        return self.sandbox.call(name, *args)


@dataclass(frozen=True)
class Check:
    """A part of a task.

    Parameters
    ----------
    name
        What is checked; the student reads it.
    points
        Points of the part.
    grade
        Returns the share of the points, 0 to 1. An `AnswerError` is worth nothing; its text goes to the student.
    """

    name: str
    points: float
    grade: Callable[[Context], float]


@dataclass(frozen=True)
class Task:
    """A graded answer.

    Parameters
    ----------
    name
        Id of the answer's cell; the cell with the points is ``name_points``.
    checks
        Parts of the task. Where the first earns nothing, the others earn nothing: they test special cases, which
        a constant could meet.
    functions
        Whether the answer is functions, which run in a process of their own; otherwise it is constants.
    uses
        Earlier tasks whose functions the answer may call. Where a student's own failed, a right one stands in.
    """

    name: str
    checks: tuple[Check, ...]
    functions: bool = True
    uses: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Points of all parts."""
        return sum(check.points for check in self.checks)


def equals(
    function: str, draw: Callable[[np.random.Generator], list[tuple[Any, ...]]], reference: Callable[..., Any]
) -> Callable[[Context], float]:
    """Return a check that a function returns what the reference returns, on all drawn arguments.

    Parameters
    ----------
    function
        Name of the student's function.
    draw
        Returns a list of arguments.
    reference
        The function to compare with.
    """

    def grade(context: Context) -> float:
        for args in draw(np.random.default_rng(context.seed)):
            expected = reference(*(arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args))
            answer = context.call(function, *args)
            if not same(answer, expected):
                raise AnswerError(f"{function} returns {show(answer)} where {show(expected)} is right")
        return 1.0

    return grade


def same(answer: Any, expected: Any, tolerance: float = 1e-5) -> bool:
    """Return whether an answer has the shape and the values that are expected; NaN equals NaN."""
    if isinstance(expected, str):
        return isinstance(answer, str) and answer == expected
    if isinstance(answer, str) or answer is None:
        return False
    try:
        values, right = np.asarray(answer, np.float64), np.asarray(expected, np.float64)
    except (TypeError, ValueError):
        return False
    if values.shape != right.shape:
        return False
    return bool(np.allclose(values, right, rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True))


def show(value: Any) -> str:
    """Return a short text of a value: its shape, if it is an array of more than one number."""
    if isinstance(value, np.ndarray) and value.size != 1:
        return f"an array of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"{len(value)} values"
    if isinstance(value, int | float | np.generic | np.ndarray):
        number = float(np.asarray(value).item())
        return f"{number:.4g}" if math.isfinite(number) else str(number)
    return repr(value)[:40] if isinstance(value, str) else type(value).__name__
