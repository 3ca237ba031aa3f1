"""The assignments' notebooks: as their texts say, and without solutions in what students get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from course.grading.notebook import ASSIGNMENTS, assignment_tasks
from course.grading.submission import cell_name, fill_in
from course.otter import HIDDEN, export
from course.write_notebooks import COURSE, make_notebook


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_notebooks_are_as_their_texts_say(assignment: str):
    saved = json.loads((COURSE / "source" / assignment / f"{assignment}.ipynb").read_text("utf-8"))
    assert saved == make_notebook(assignment), "run: python -m course.write_notebooks"


def test_points_of_cells_are_those_of_the_tasks():
    totals = {}
    for assignment in ASSIGNMENTS:
        flags = [cell["metadata"].get("nbgrader", {}) for cell in make_notebook(assignment)["cells"]]
        points = {f["grade_id"]: f["points"] for f in flags if f.get("grade") and not f.get("solution")}
        assert points == {f"{task.name}_points": task.points for task in assignment_tasks(assignment)[0]}
        totals[assignment] = sum(f["points"] for f in flags if f.get("grade"))
    assert totals == {"A1": 10, "A2": 15, "A3": 15}


@pytest.mark.parametrize(
    ("assignment", "secrets"),
    [
        ("A1", ("rng.integers(0, len(scores)", "maps == maps.max()")),
        ("A2", ("np.eye", "einsum")),
        ("A3", ("find_mark", "median", "opposite")),
    ],
)
def test_an_export_for_otter_holds_no_solutions_and_no_hidden_tests(
    assignment: str, secrets: tuple[str, ...], tmp_path: Path
):
    solved = json.dumps(make_notebook(assignment))
    export(assignment, tmp_path)
    files = [*tmp_path.glob("*.ipynb"), *tmp_path.glob("tests/*.py")]
    exported = "".join(path.read_text("utf-8") for path in files)
    for secret in secrets:
        assert secret in solved
        assert secret not in exported
    assert "SOLUTION" not in exported
    assert "HIDDEN" not in exported
    assert f'otter.Notebook(\\"{assignment}.ipynb\\")' in exported


def test_tests_for_otter_pass_for_right_functions_only(tmp_path: Path):
    """OK tests are doctests: a case passes if nothing is printed and nothing is raised."""
    from doctest import DocTestParser, DocTestRunner

    import numpy as np

    from course.references import a1

    export("A1", tmp_path)
    space: dict[str, object] = {}
    exec((tmp_path / "tests" / "a1_auc.py").read_text("utf-8"), space)
    (case,) = space["test"]["suites"][0]["cases"]  # type: ignore[index]
    failures = []
    for function in (a1.temporal_auc, lambda shares, when: (shares[when].max() >= shares[~when]).mean()):
        test = DocTestParser().get_doctest(case["code"], {"np": np, "temporal_auc": function}, "a1_auc", None, None)
        failures.append(DocTestRunner(verbose=False).run(test, out=lambda _: None).failed)
    assert failures == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_perfect_notebook_runs(assignment: str, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(COURSE.parent))
    source = make_notebook(assignment)
    notebook: Any = nbformat.from_dict(fill_in(source, source, assignment, "reference"))
    for cell in notebook.cells:
        cell.source = HIDDEN.sub("", cell.source)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": COURSE / "source" / assignment}}).execute()
    ran = [cell_name(cell) for cell in notebook.cells if cell.get("execution_count")]
    assert {f"{task.name}_points" for task in assignment_tasks(assignment)[0]} <= set(ran)
