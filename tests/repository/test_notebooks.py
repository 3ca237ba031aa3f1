"""The notebooks run from top to bottom offline on a small machine, and are kept without what they print."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.helpers.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MEMORY = 1_600_000_000
"""Bytes that a kernel may take of Binder's two gigabytes; JupyterLab's server wants some 200 MB of the rest."""

OFFLINE = """
import os, socket

def offline(call):
    def connect(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "localhost", "::1")):
            with open(os.environ["ASKED"], "a") as told:
                told.write(f"{address}\\n")
            raise OSError("no network in this test")
        return call(self, address)
    return connect

socket.socket.connect, socket.socket.connect_ex = offline(socket.socket.connect), offline(socket.socket.connect_ex)
"""
MEMORY_WATCH = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]]).returncode
print("MOST", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
VIEW = "application/vnd.jupyter.widget-view+json"


def two_cores() -> None:
    """Leave a child no more than Binder gives."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def test_there_is_a_quickstart():
    assert [path.name for path in NOTEBOOKS] == ["01_quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_a_run_leaves_is_kept(path: Path):
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"]] == []
    assert [cell["id"] for cell in code if cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"]] == []
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cells by id of the quickstart after nbmake ran a copy of it."""
    folder = tmp_path_factory.mktemp("notebooks")
    copy = shutil.copy(ROOT / "notebooks" / "01_quickstart.ipynb", folder)
    (folder / "path").mkdir()
    (folder / "path" / "sitecustomize.py").write_text(OFFLINE)
    run = subprocess.run(
        [sys.executable, "-c", MEMORY_WATCH, "-p", "no:cacheprovider", "--nbmake", "--overwrite", str(copy)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder / "path"), str(ROOT)]),
            "STAA_CACHE": str(folder / "cache"),
            "ASKED": str(folder / "asked"),
        },
        preexec_fn=two_cores,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "1 passed" in run.stdout
    most = int(re.findall(r"MOST (\d+)", run.stdout)[0]) * (1 if sys.platform == "darwin" else 1024)
    cells = {cell["id"]: cell for cell in nbformat.read(copy, as_version=4).cells}
    return {"cells": cells, "memory": most, "asked": folder / "asked", "folder": folder}


def printed_text(quickstart: dict[str, Any], cell: str) -> str:
    return "".join(
        output["text"] for output in quickstart["cells"][cell]["outputs"] if output["output_type"] == "stream"
    )


def test_it_asks_no_network(quickstart: dict[str, Any]):
    assert not quickstart["asked"].exists()


def test_it_fits_into_two_gigabytes(quickstart: dict[str, Any]):
    assert 50_000_000 < quickstart["memory"] < MEMORY


def test_players_and_figures_are_shown(quickstart: dict[str, Any]):
    data = [
        (name, output.get("data", {}))
        for name, cell in quickstart["cells"].items()
        for output in cell.get("outputs", [])
    ]
    # Where the machine is slow, a bar of progress is a widget too.
    assert {name for name, held in data if VIEW in held} >= {"explain", "beside", "link", "own-player"}
    assert [name for name, held in data if "staa-fallback" in held.get("text/html", "")] == ["explain", "own-player"]


def test_nothing_complains(quickstart: dict[str, Any]):
    streams = [
        o for cell in quickstart["cells"].values() for o in cell.get("outputs", []) if o["output_type"] == "stream"
    ]
    assert [o["text"] for o in streams if o["name"] == "stderr"] == []


def test_the_verdict_is_that_of_the_scores(quickstart: dict[str, Any]):
    """Whatever the bundled model has become, the words follow the numbers beside them."""
    told = printed_text(quickstart, "table")
    (header, *rows), verdicts = (part.splitlines() for part in told.split("\n\n"))
    means = {row[:16].strip(): [float(n) for n in re.findall(r"([\d.]+) \[", row)] for row in rows}
    assert set(means) == {"explanation", "motion", "center", "noise"}
    assert all(len(values) == 3 for values in means.values()), header
    for column, words in enumerate(verdicts[1:]):
        best = max(values[column] for name, values in means.items() if name != "explanation")
        better = means["explanation"][column] - best
        assert abs(better) <= 0.01 or ("is better than" in words) == (better > 0), told


def test_from_file_to_player_in_five_cells(quickstart: dict[str, Any]):
    cells = list(quickstart["cells"].values())
    start = next(n for n, cell in enumerate(cells) if cell["source"].startswith("## 2. A video of your own"))
    code = [cell for cell in cells[start:] if cell["cell_type"] == "code"]
    assert len(code) == 5
    assert code[0]["source"].startswith("VIDEO = ")
    assert (quickstart["folder"] / "drawn.mp4").stat().st_size > 1000
    assert VIEW in code[-1]["outputs"][0]["data"]
