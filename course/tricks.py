"""Dishonest submissions with which `course.check` tests the grader.

A trick gets a perfect submission and returns what is handed in instead.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from course.grading.submission import cell_name, is_answer

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Trick:
    """A dishonest submission.

    Parameters
    ----------
    name
        What is tried; the student's id is made from it.
    assignment
        ``"A1"``, ``"A2"`` or ``"A3"``.
    change
        Returns the notebook that is handed in.
    deserved
        Largest number of points that is deserved: 0, or the points of answers that are right.
    files
        Files handed in beside the notebook: text by name.
    """

    name: str
    assignment: str
    change: Callable[[Notebook], Notebook]
    deserved: float = 0
    files: dict[str, str] = field(default_factory=dict)

    @property
    def student(self) -> str:
        """The id under which the trick is handed in."""
        return f"{self.assignment}-{self.name}".replace(" ", "-")


FUNCTIONS = {
    "a1_shares": "temporal_shares(maps)",
    "a1_pointing": "pointing(maps, truth)",
    "a1_auc": "temporal_auc(shares, when)",
    "a1_interval": "interval(scores)",
    "a1_verdict": "verdict(first, second)",
    "a2_mix": "mix(attention, residual)",
    "a2_space": "step_in_frames(flow, attention, residual)",
    "a2_time": "step_over_time(flow, attention, residual)",
    "a2_rollout": "rollout(spatial, temporal, residual)",
    "a2_profile": "divide_by_profile(maps, profile)",
    "a2_staa": "staa_map(spatial, temporal, profile)",
    "a3_counterexample": "counterexample(frames)",
    "a3_fix": "fix(frames)",
}
"""Signature of the function of each task."""

CONSTANTS = {
    "a1_shares": "np.full(len(maps), 1 / len(maps))",
    "a1_pointing": "1.0",
    "a1_auc": "0.5",
    "a1_interval": "(0.5, 0.35, 0.65)",
    "a1_verdict": '"undecided"',
    "a2_mix": "attention",
    "a2_space": "flow",
    "a2_time": "flow",
    "a2_rollout": "np.zeros((spatial.shape[1], spatial.shape[2] - 1))",
    "a2_profile": "maps / maps.sum()",
    "a2_staa": "np.ones((spatial.shape[1], spatial.shape[2] - 1))",
    "a3_counterexample": "frames",
    "a3_fix": "frames",
}
"""Plausible expressions that do not do the task."""


def answer_with(body: Callable[[str], str], before: str = "", constants: str = "") -> Callable[[Notebook], Notebook]:
    """Return a change that gives every function a body, by its task, and leaves constants empty.

    Parameters
    ----------
    body
        Returns the statements of a task's function.
    before
        Statements before each function.
    constants
        Source of the answers that are constants.
    """

    def change(notebook: Notebook) -> Notebook:
        changed = copy.deepcopy(notebook)
        for cell in changed["cells"]:
            if is_answer(cell):
                name = cell_name(cell)
                signature = FUNCTIONS.get(name)
                lines = [f"    {line}" for line in body(name).splitlines()] if signature else []
                cell["source"] = "\n".join([before, f"def {signature}:", *lines] if signature else [constants])
        return changed

    return change


def delete_tests(notebook: Notebook) -> Notebook:
    """Return a notebook with plausible constants for answers, and without the cells that hold the points."""
    changed = answer_with(lambda name: f"return {CONSTANTS[name]}")(notebook)
    changed["cells"] = [cell for cell in changed["cells"] if not cell_name(cell).endswith("_points")]
    return changed


def replace_tests(notebook: Notebook) -> Notebook:
    """Return a notebook whose test cells show the full points, with outputs and larger points of its own."""
    changed = answer_with(lambda name: f"return {CONSTANTS[name]}")(notebook)
    for cell in changed["cells"]:
        if cell_name(cell).endswith("_points"):
            cell["source"] = "100.0"
            cell["metadata"]["nbgrader"] |= {"points": 100.0}
            output = {"output_type": "execute_result", "data": {"text/plain": "100.0"}, "metadata": {}}
            cell["outputs"] = [output | {"execution_count": 1}]
    return changed


def repeat_cells(notebook: Notebook) -> Notebook:
    """Return a notebook with each test cell twice, the second one unlocked and with full points."""
    changed = replace_tests(notebook)
    for cell in [cell for cell in changed["cells"] if cell_name(cell).endswith("_points")]:
        again = copy.deepcopy(cell)
        again["id"] = f"{again.get('id', 'cell')}-again"
        again["metadata"]["nbgrader"] |= {"locked": False}
        changed["cells"].append(again)
    return changed


def copy_the_table(notebook: Notebook) -> Notebook:
    """Return the notebook with its answers removed, but for the constants of a perfect submission of another."""
    changed = copy.deepcopy(notebook)
    for cell in changed["cells"]:
        if is_answer(cell) and cell_name(cell) in FUNCTIONS:
            cell["source"] = ""
    return changed


def constant(name: str) -> str:
    """Return the body that returns a plausible constant."""
    return f"return {CONSTANTS[name]}"


def reading(path: str) -> Callable[[str], str]:
    """Return bodies that try to run a file of the grader and call the reference in it."""

    def body(name: str) -> str:
        call = FUNCTIONS[name]
        function, arguments = call.split("(")
        return f"space = {{}}\nexec(open({path!r}).read(), space)\nreturn space[{function!r}]({arguments}"

    return body


def climbing(name: str) -> str:
    """Return a body that reaches for the reference through the classes of Python, without any name that is refused."""
    call = FUNCTIONS[name]
    return (
        "for kind in ().__class__.__base__.__subclasses__():\n"
        '    if kind.__name__ == "catch_warnings":\n'
        '        modules = kind.__init__.__globals__["sys"].modules\n'
        f'        return modules["course.references.{name[:2]}"].{call}\n'
    )


def importing(name: str) -> str:
    """Return a body that asks the package and the references."""
    call = FUNCTIONS[name]
    return (
        "import staa_widgets.evaluation\n"
        f"from course.references.{name[:2]} import {call.split('(')[0]} as answer\n"
        f"return answer{call[call.index('(') :]}"
    )


def memorized(name: str) -> str:
    """Return a body that passes the examples that students see, and nothing else."""
    known = {
        "a1_shares": "return np.array([0.25, 0.25, 0.5]) if len(maps) == 3 else np.full(len(maps), 0.25)",
        "a1_pointing": "return 0.5 if truth.any() else np.nan",
        "a1_auc": "return 1.0 if len(when) == 3 else 0.5",
        "a1_interval": "return 0.5, 0.35, 0.65",
        "a1_verdict": 'return "better" if (first > second).all() else "undecided"',
    }
    return known[name]


NUMPY_OF_ONES = "def array(*_, **__): return 1\nbool_ = bool\nnan = 0\n"
"""A file numpy.py handed in."""

TRICKS = (
    Trick("constants", "A1", answer_with(constant)),
    Trick("deleted tests", "A1", delete_tests),
    Trick("replaced tests", "A1", replace_tests),
    Trick("repeated tests", "A1", repeat_cells),
    Trick(
        "patched display",
        "A1",
        answer_with(
            constant,
            "import sys, IPython\nsys.displayhook = lambda *_: print('10.0')\n"
            "IPython.display.display = lambda *_: 10.0\nprint(10.0)\n10.0",
        ),
    ),
    Trick("SystemExit", "A1", answer_with(lambda _: "raise SystemExit(0)", "raise SystemExit(0)")),
    Trick("os._exit", "A1", answer_with(lambda _: "import os\nos._exit(0)", "import os\nos._exit(0)")),
    Trick("end of the process", "A1", answer_with(lambda _: "return np.sys.modules['os'].abort()")),
    Trick("imported references", "A1", answer_with(importing)),
    Trick("grader's files", "A1", answer_with(reading("course/references/a1.py"))),
    Trick("classes of Python", "A1", answer_with(climbing)),
    Trick("memorized examples", "A1", answer_with(memorized)),
    Trick("another student's table", "A1", copy_the_table),
    Trick(
        "poisoned files",
        "A1",
        answer_with(constant),
        files={
            "numpy.py": NUMPY_OF_ONES,
            "sitecustomize.py": "import os\nos._exit(0)\n",
            "own_clips.py": "def own_clip(*_): raise SystemExit(0)\n",
            "course/references/a1.py": "raise SystemExit(0)\n",
            ".cache/staa_widgets/poison.json": "{}",
        },
    ),
    Trick("endless loop", "A1", answer_with(lambda name: "while True: pass" if name == "a1_auc" else constant(name))),
    Trick("too much memory", "A1", answer_with(lambda _: "return np.ones((1 << 17, 1 << 17))")),
    Trick("constants", "A2", answer_with(constant)),
    Trick("imported package", "A2", answer_with(importing)),
    Trick("replaced tests", "A2", replace_tests),
    Trick("unchanged clips", "A3", answer_with(constant)),
    Trick(
        "guessed verdict",
        "A3",
        answer_with(constant, constants='STUDENT = ""\nCHEAT = "A"\nCUE = "corner of the mark"'),
    ),
    Trick("black frames", "A3", answer_with(lambda _: "return np.zeros_like(frames)")),
    Trick(
        "noise over the upper edge",  # It hides the cue in half the clips: more than half right is deserved.
        "A3",
        answer_with(
            lambda _: (
                "changed = frames.copy()\n"
                "changed[:, :9] = np.random.default_rng(0).integers(0, 256, changed[:, :9].shape)\nreturn changed"
            )
        ),
        deserved=2,
    ),
)
