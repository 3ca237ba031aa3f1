"""Answers are graded by what they return, in a process that knows neither the references nor the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course.grading import a2
from course.grading.a1 import TASKS
from course.grading.notebook import TaskResult, grade_notebook
from course.grading.sandbox import AnswerError, Sandbox
from course.grading.seeds import hidden_seed, read_salt
from course.grading.source_check import RefusedSourceError, extract_functions, read_constants
from course.grading.submission import is_answer
from course.tricks import TRICKS, Trick
from course.write_notebooks import COURSE, make_notebook

SALT = "a salt for these tests only"
QUICK_TRICKS = [trick for trick in TRICKS if trick.assignment == "A1" and trick.name != "endless loop"]


def change_answers(assignment: str, **answers: str) -> dict[str, Any]:
    """Return an assignment's notebook with solutions, and with other answers by the ids of their cells."""
    notebook = make_notebook(assignment)
    for cell in notebook["cells"]:
        if is_answer(cell):
            cell["source"] = answers.get(cell["metadata"]["nbgrader"]["grade_id"], cell["source"])
    return notebook


def grade(assignment: str, **answers: str) -> dict[str, TaskResult]:
    """Return the results by task of a notebook with solutions, changed as `change_answers` does."""
    results = grade_notebook(change_answers(assignment, **answers), assignment, "student", SALT)
    return {result.task: result for result in results}


def test_reference_answers_get_all_points():
    points = {name: result.points for name, result in grade("A1").items()}
    # The notebook with solutions belongs to no student: its table is empty.
    assert points == {
        "a1_shares": 2, "a1_pointing": 2, "a1_auc": 3, "a1_interval": 1, "a1_verdict": 1, "a1_table": 0,
    }  # fmt: skip


def test_a_part_that_is_right_gets_its_points():
    ties_win = (
        "def temporal_auc(shares, when):\n"
        "    if when.all() or not when.any():\n        return np.nan\n"
        "    return (shares[when][:, None] >= shares[~when][None]).mean()"
    )
    result = grade("A1", a1_auc=ties_win)["a1_auc"]
    assert [check.points for check in result.checks] == [2, 0]
    assert "ties" in result.checks[1].name


def test_one_mistake_costs_once():
    """A wrong interval is replaced where the verdict calls it."""
    results = grade("A1", a1_interval="def interval(scores):\n    return 9.0, 9.0, 9.0")
    assert results["a1_interval"].points == 0
    assert results["a1_verdict"].points == 1


def test_special_cases_alone_earn_nothing():
    results = grade("A1", a1_shares="def temporal_shares(maps):\n    return np.full(len(maps), 1 / len(maps))")
    assert results["a1_shares"].points == 0


@pytest.mark.parametrize(
    "trick",
    [trick for trick in TRICKS if trick.assignment == "A1" and trick.name != "endless loop"],
    ids=lambda t: t.name,
)
def test_tricks_get_no_more_than_they_deserve(trick: Trick):
    notebook = trick.change(make_notebook("A1"))
    assert sum(result.points for result in grade_notebook(notebook, "A1", "student", SALT)) <= trick.deserved


# --- the process of an answer ---


def test_a_function_gets_and_returns_arrays():
    with Sandbox(["def double(values, by):\n    return values * by, 'yes', [1, 2.5]"]) as sandbox:
        doubled, text, numbers = sandbox.call("double", np.array([[1.5, -2.0]]), 2)
    np.testing.assert_array_equal(doubled, [[3.0, -4.0]])
    assert text == "yes"
    np.testing.assert_array_equal(numbers, [1, 2.5])


@pytest.mark.parametrize(
    "body",
    [
        "return open('/etc/hostname').read()",
        "import os\n    return os.getpid()",
        "return np.fromfile('/etc/hostname', np.uint8)",
        "return np.sys.modules['os'].listdir('/')",
        "return np.sys.modules['builtins'].open('/etc/hostname').read()",
        "import course",
        "raise SystemExit(0)",
        "return np.sys.modules['os']._exit(0)",
        "return {'a': object}",
        "return np.ones(3, object)",
        "return np.ones((1, 5000))",
        "return np.ones((1 << 16, 1 << 16))",
    ],
)
def test_the_process_alone_stops_what_leaves_it(body: str):
    """Without the check of the source, which refuses most of these before."""
    with Sandbox([f"def answer():\n    {body}"]) as sandbox, pytest.raises(AnswerError):
        sandbox.call("answer")


def test_an_endless_loop_ends():
    with (
        Sandbox(["def answer():\n    while True: pass"], seconds=0.5) as sandbox,
        pytest.raises(AnswerError, match=r"longer than 0\.5 s"),
    ):
        sandbox.call("answer")


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return open('x')",
        "def f():\n    return ().__class__",
        "def f():\n    import os",
        "def f():\n    return np.load('x')",
        "def f():\n    return getattr(np, 'lo' + 'ad')",
        "class Answer: pass\ndef f():\n    class Inner: pass",
        "def f(:",
    ],
)
def test_the_check_of_the_source_refuses_what_reaches_beyond_arrays(source: str):
    with pytest.raises(RefusedSourceError):
        extract_functions(source)


def test_only_functions_imports_and_constants_of_a_cell_count():
    source = "%time\nimport numpy as np\nLIMIT = 3\nprint(LIMIT)\nx = f(1)\ndef f(n):\n    return n"
    assert extract_functions(source) == "import numpy as np\nLIMIT = 3\n\ndef f(n):\n    return n"


def test_constants_are_read_and_not_run():
    source = "A = (np.float64(0.5), -1)\nB = open('x')\nC = 'text'\nraise SystemExit"
    assert read_constants(source) == {"A": (0.5, -1), "C": "text"}


# --- seeds, thresholds and the command ---


def test_seeds_differ_by_student_task_and_salt():
    seeds = {
        hidden_seed(salt, student, task.name)
        for salt in ("one salt of a term", "another salt of a term")
        for student in ("ada", "emmy")
        for task in TASKS
    }
    assert len(seeds) == 2 * 2 * len(TASKS)
    assert hidden_seed("one salt of a term", "ada", "a1_auc") == hidden_seed("one salt of a term", "ada", "a1_auc")


def test_a_salt_must_be_set_and_long(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("STAA_COURSE_SALT_FILE", raising=False)
    with pytest.raises(FileNotFoundError, match="outside the repository"):
        read_salt()
    (tmp_path / "salt").write_text("short")
    with pytest.raises(FileNotFoundError, match="16 characters"):
        read_salt(tmp_path / "salt")


def test_thresholds_are_means_less_three_standard_errors():
    saved = json.loads(a2.THRESHOLDS.read_text("utf-8"))
    for metric, threshold in saved["a2_staa"].items():
        measured = saved["measured"][metric]
        expected = measured["mean"] - 3 * measured["standard_deviation"] / a2.BEHAVIOR_CLIPS**0.5
        assert threshold == pytest.approx(expected, abs=2e-4)
    for scores in saved["without_rollout"].values():
        assert any(scores[metric] < threshold for metric, threshold in saved["a2_staa"].items())


def test_the_command_grades_with_public_tests_and_says_so(tmp_path: Path):
    path = tmp_path / "mine.ipynb"
    table = 'STUDENT = "ada"\nTABLE = {}'
    path.write_text(json.dumps(change_answers("A1", a1_table=table)), "utf-8")
    run = subprocess.run(
        [sys.executable, str(COURSE / "grade.py"), str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert run.returncode == 1, run.stderr
    assert run.stdout.startswith("A1, student ada, PUBLIC tests: others decide the grade")
    assert run.stdout.endswith("9 of 10 points\n")
