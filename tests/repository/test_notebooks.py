"""The notebooks run from top to bottom, offline and within Binder's memory, and are saved without outputs."""

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
"""Limit of a kernel in bytes: Binder has 2 GB, of which JupyterLab's server takes about 200 MB."""

OFFLINE = """
import os, socket

def offline(call):
    def connect(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "localhost", "::1")):
            with open(os.environ["CONNECTIONS_FILE"], "a") as file:
                file.write(f"{address}\\n")
            raise OSError("no network in this test")
        return call(self, address)
    return connect

socket.socket.connect, socket.socket.connect_ex = offline(socket.socket.connect), offline(socket.socket.connect_ex)
"""
MEMORY_WATCH = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]]).returncode
print("PEAK", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
SAVED_SIZE = 4_000_000
"""Limit of the quickstart in bytes when it is saved with its outputs."""
PLOTLY = "application/vnd.plotly.v1+json"
VIEW = "application/vnd.jupyter.widget-view+json"


def use_two_cores() -> None:
    """Limit a child process to two cores, as on Binder."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def test_there_is_a_quickstart():
    assert [path.name for path in NOTEBOOKS] == ["01_quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_saved_without_outputs(path: Path):
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"]] == []
    assert [cell["id"] for cell in code if cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"]] == []
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cells by id, peak memory and folder of a copy of the quickstart after nbmake ran it."""
    folder = tmp_path_factory.mktemp("notebooks")
    copy = shutil.copy(ROOT / "notebooks" / "01_quickstart.ipynb", folder)
    (folder / "path").mkdir()
    (folder / "path" / "sitecustomize.py").write_text(OFFLINE)
    process = subprocess.run(
        [sys.executable, "-c", MEMORY_WATCH, "-p", "no:cacheprovider", "--nbmake", "--overwrite", str(copy)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder / "path"), str(ROOT)]),
            "STAA_CACHE": str(folder / "cache"),
            "CONNECTIONS_FILE": str(folder / "connections"),
        },
        preexec_fn=use_two_cores,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    assert "1 passed" in process.stdout
    peak_memory = int(re.findall(r"PEAK (\d+)", process.stdout)[0]) * (1 if sys.platform == "darwin" else 1024)
    cells = {cell["id"]: cell for cell in nbformat.read(copy, as_version=4).cells}
    return {
        "cells": cells,
        "memory": peak_memory,
        "connections": folder / "connections",
        "folder": folder,
        "size": Path(copy).stat().st_size,
    }


def printed_text(quickstart: dict[str, Any], cell: str) -> str:
    return "".join(
        output["text"] for output in quickstart["cells"][cell]["outputs"] if output["output_type"] == "stream"
    )


def test_the_quickstart_opens_no_connection(quickstart: dict[str, Any]):
    assert not quickstart["connections"].exists()


def test_the_quickstart_fits_into_two_gigabytes(quickstart: dict[str, Any]):
    assert 50_000_000 < quickstart["memory"] < MEMORY


def test_players_and_figures_are_shown(quickstart: dict[str, Any]):
    data = [
        (name, output.get("data", {}))
        for name, cell in quickstart["cells"].items()
        for output in cell.get("outputs", [])
    ]
    # On a slow machine a progress bar is shown, which is a widget too.
    assert {name for name, contents in data if VIEW in contents} >= {"explain", "own-player"}
    # Plotly's figures are no widgets: they are shown without a kernel and on slow machines.
    figures = {name: contents[PLOTLY]["data"] for name, contents in data if PLOTLY in contents}
    assert list(figures) == ["beside", "bars"]
    assert all(figures.values())
    assert [name for name, contents in data if "staa-fallback" in contents.get("text/html", "")] == [
        "explain",
        "own-player",
    ]


def test_the_saved_quickstart_is_small(quickstart: dict[str, Any]):
    assert quickstart["size"] <= SAVED_SIZE


def test_nothing_is_printed_to_stderr(quickstart: dict[str, Any]):
    streams = [
        o for cell in quickstart["cells"].values() for o in cell.get("outputs", []) if o["output_type"] == "stream"
    ]
    assert [o["text"] for o in streams if o["name"] == "stderr"] == []


def test_the_verdict_matches_the_scores(quickstart: dict[str, Any]):
    """The printed verdict follows from the printed numbers, whatever the bundled model is."""
    text = printed_text(quickstart, "table")
    (header, *rows), verdicts = (part.splitlines() for part in text.split("\n\n"))
    means = {row[:16].strip(): [float(n) for n in re.findall(r"([\d.]+) \[", row)] for row in rows}
    assert set(means) == {"explanation", "motion", "center", "noise"}
    assert all(len(values) == 3 for values in means.values()), header
    for column, words in enumerate(verdicts[1:]):
        best = max(values[column] for name, values in means.items() if name != "explanation")
        better = means["explanation"][column] - best
        assert abs(better) <= 0.01 or ("is better than" in words) == (better > 0), text


def test_from_file_to_player_in_five_cells(quickstart: dict[str, Any]):
    cells = list(quickstart["cells"].values())
    start = next(n for n, cell in enumerate(cells) if cell["source"].startswith("## 2. A video of your own"))
    code = [cell for cell in cells[start:] if cell["cell_type"] == "code"]
    assert len(code) == 5
    assert code[0]["source"].startswith("VIDEO = ")
    assert (quickstart["folder"] / "drawn.mp4").stat().st_size > 1000
    assert VIEW in code[-1]["outputs"][0]["data"]
