"""Try the course as a lecturer runs it: `make course`.

Releases the assignments with nbgrader, hands in perfect submissions and tricks (`course.tricks`), autogrades all and
prints a table of points, the time, and the largest memory of all processes together. The exit status is 1 if a perfect
submission gets less than all points that tests give, a trick more than it deserves, or a limit is passed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from course.grading.notebook import ASSIGNMENTS, assignment_tasks
from course.grading.seeds import SALT_VARIABLE
from course.grading.submission import fill_in
from course.tricks import TRICKS

COURSE = Path(__file__).parent
REFERENCE = "reference"
SALT = "a salt for trying the course, never for a term"
SECONDS, GIGABYTES = 240, 2.0
"""Limits on the time and on the memory of all processes together."""


class MemoryWatch(threading.Thread):
    """Samples the memory of this process and its children, and keeps the largest sum."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample five times a second until `stop`."""
        me = psutil.Process()
        while not self._ended.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.largest = max(self.largest, total)

    def stop(self) -> float:
        """Return the largest sum in gigabytes."""
        self._ended.set()
        self.join()
        return self.largest / 1e9


class Nbgrader:
    """nbgrader in the folder of a course.

    Parameters
    ----------
    program
        Path of nbgrader.
    folder
        Folder of the course; it gets a copy of the assignments' sources.
    salt_file
        File with the salt.
    """

    def __init__(self, program: Path, folder: Path, salt_file: Path):
        self.program, self.folder = program.absolute(), folder
        shutil.copytree(COURSE / "source", folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
        path = f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = os.environ | {
            "PATH": path,
            SALT_VARIABLE: str(salt_file),
            "STAA_COURSE_PYTHON": sys.executable,
            "PYTHONPATH": "",
        }

    def run(self, *arguments: str) -> None:
        """Run a command of nbgrader, with the course's configuration.

        Raises
        ------
        RuntimeError
            If the command fails.
        """
        # nbgrader reads the configuration of the folder in which it is started.
        command = [str(self.program), *arguments, f"--CourseDirectory.root={self.folder}"]
        ended = subprocess.run(command, cwd=COURSE, env=self._environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(f"nbgrader {' '.join(arguments)}: {(ended.stdout + ended.stderr)[-4000:]}")

    def submit(self, student: str, assignment: str, notebook: dict[str, Any], files: dict[str, str]) -> None:
        """Put a notebook and files where nbgrader looks for submissions."""
        folder = self.folder / "submitted" / student / assignment
        for name, text in (files | {f"{assignment}.ipynb": json.dumps(notebook)}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def points(self) -> dict[tuple[str, str], float]:
        """Return the points by student and assignment, from nbgrader's own export."""
        target = self.folder / "grades.csv"
        self.run("export", f"--CsvExportPlugin.to={target}")
        with target.open(encoding="utf-8", newline="") as file:
            return {(row["student_id"], row["assignment"]): float(row["score"] or 0) for row in csv.DictReader(file)}


def read_notebook(folder: Path, assignment: str) -> dict[str, Any]:
    """Return the notebook of an assignment as JSON, its cells' sources as texts."""
    notebook = json.loads((folder / assignment / f"{assignment}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def check_release(released: dict[str, Any], assignment: str) -> None:
    """Raise ValueError if a released notebook holds solutions or hidden tests."""
    text = json.dumps(released)
    for secret in ("BEGIN SOLUTION", "HIDDEN TESTS", "find_mark", "median", "np.eye", "integers(0, len(scores)"):
        if secret in text:
            raise ValueError(f"The released {assignment} holds {secret!r}.")


def grade_all(nbgrader: Nbgrader) -> dict[tuple[str, str], float]:
    """Return the points of all perfect submissions and tricks, by student and assignment."""
    for assignment in ASSIGNMENTS:
        nbgrader.run("generate_assignment", assignment, "--create")
        released = read_notebook(nbgrader.folder / "release", assignment)
        check_release(released, assignment)
        source = read_notebook(COURSE / "source", assignment)
        perfect = fill_in(released, source, assignment, REFERENCE)
        nbgrader.submit(REFERENCE, assignment, perfect, {})
        for trick in TRICKS:
            if trick.assignment == assignment:
                nbgrader.submit(trick.student, assignment, trick.change(perfect), trick.files)
        nbgrader.run("autograde", assignment)
        nbgrader.run("generate_feedback", assignment, f"--student={REFERENCE}")
    return nbgrader.points()


def table(points: dict[tuple[str, str], float]) -> tuple[list[str], bool]:
    """Return the lines of a table of points, and whether all are as they should be."""
    lines, good = [f"{'submission':<34}{'points':>8}{'of':>6}{'deserved':>10}"], True
    rows: list[tuple[str, str, str, float | None]] = [(REFERENCE, a, REFERENCE, None) for a in ASSIGNMENTS]
    rows += [(trick.student, trick.assignment, trick.name, trick.deserved) for trick in TRICKS]
    for student, assignment, name, deserved in sorted(rows, key=lambda row: row[1]):
        maximum = sum(task.points for task in assignment_tasks(assignment)[0])
        score = points.get((student, assignment), 0.0)
        right = score == maximum if deserved is None else score <= deserved
        expected = maximum if deserved is None else deserved
        flag = "" if right else "  WRONG"
        lines.append(f"{assignment} {name:<31}{score:>8g}{maximum:>6g}{expected:>10g}{flag}")
        good &= right
    return lines, good


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 0 if all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nbgrader", type=Path, required=True, help="path of the program nbgrader, version 0.9.6")
    parser.add_argument("--out", type=Path, default=Path("out/course"), help="folder, made anew")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    watch, began = MemoryWatch(), time.perf_counter()
    watch.start()
    with tempfile.TemporaryDirectory() as folder:
        salt_file = Path(folder) / "salt"
        salt_file.write_text(SALT, "utf-8")
        points = grade_all(Nbgrader(options.nbgrader, options.out.absolute(), salt_file))
    lines, good = table(points)
    seconds, gigabytes = time.perf_counter() - began, watch.stop()
    print("\n".join(lines))
    print(f"\n{seconds:.0f} s of {SECONDS} s, {gigabytes:.2f} GB of {GIGABYTES:g} GB in all processes together")
    return int(not good or seconds > SECONDS or gigabytes > GIGABYTES)


if __name__ == "__main__":
    sys.exit(main())
