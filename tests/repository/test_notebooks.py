"""The notebooks run from top to bottom, offline and within 1 GB; their claims hold; they are saved without outputs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

import staa_widgets as staa
from tests.helpers.notebooks import NOTEBOOKS, PATHS, QUICK, read_cells, read_text, run_once

MEMORY = 1_000_000_000
"""Limit of the largest process in bytes: Binder has 2 GB, of which JupyterLab's server takes about 200 MB."""
SAVED_SIZE = 4_000_000
"""Limit of a notebook in bytes when it is saved with its outputs."""
CODE_CELLS = 12
PLOTLY = "application/vnd.plotly.v1+json"
VIEW = "application/vnd.jupyter.widget-view+json"

EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
EACH_RUN = pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PATHS]
)


def read_sources(path: Path, kind: str) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def test_there_are_nine_notebooks():
    assert [name[:2] for name in PATHS] == [f"{number:02}" for number in range(1, 10)]
    assert set(QUICK) <= set(PATHS)


@EACH
def test_notebooks_are_saved_without_outputs(path: Path):
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"]] == []
    assert [cell["id"] for cell in code if cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"]] == []
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert len(code) <= CODE_CELLS


@EACH
def test_a_notebook_begins_with_a_claim_and_a_prediction_and_ends_with_three_exercises(path: Path):
    texts = read_sources(path, "markdown")
    title = texts[0]
    assert title.startswith(f"# {int(path.stem[:2])} · ")
    assert 0 < title.index("**The claim.**") < title.index("**Predict first.**")
    assert any(re.search(r"^MY_\w+", source, re.MULTILINE) for source in read_sources(path, "code")[:2])
    exercises = next(text for text in texts if "## Exercises" in text).partition("## Exercises")[2]
    assert re.findall(r"^(\d)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]


@EACH
def test_notebooks_use_the_public_names_only(path: Path):
    """The only import of this package is `import staa_widgets as staa`, and what follows `staa.` is public."""
    for source in read_sources(path, "code"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("staa_widgets")
            if isinstance(node, ast.Import):
                assert {name.name for name in node.names if name.name.startswith("staa")} <= {"staa_widgets"}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "staa":
                assert node.attr in staa.__all__
            assert not (isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr))


@EACH_RUN
def test_a_notebook_runs_offline_in_a_gigabyte(name: str):
    run = run_once(name)
    assert run.passed, run.log
    assert run.connections == ()
    assert 50_000_000 < run.peak_memory <= MEMORY
    assert run.size <= SAVED_SIZE


@EACH_RUN
def test_the_claim_holds(name: str):
    assert read_text(name, "verdict").splitlines()[-1].startswith("The claim holds")


@EACH_RUN
def test_nothing_is_printed_to_stderr(name: str):
    streams = [o for cell in read_cells(name).values() for o in cell.get("outputs", []) if o["output_type"] == "stream"]
    assert [o["text"] for o in streams if o["name"] == "stderr"] == []


@EACH_RUN
def test_no_output_is_empty(name: str):
    """Cells that end in a value show something: text, a picture, a table, a figure with traces, or a player."""
    for identity, cell in read_cells(name).items():
        shown = [output["data"] for output in cell.get("outputs", []) if "data" in output]
        # A progress bar that has gone leaves an output without content.
        shown = [data for data in shown if any(data.values())]
        if cell["cell_type"] == "code" and isinstance(ast.parse(cell["source"]).body[-1], ast.Expr):
            printed = any(output["output_type"] == "stream" and output["text"].strip() for output in cell["outputs"])
            assert shown or printed, identity
        for data in shown:
            assert len(str(data.get("text/plain", ""))) > 0 or len(data) > 1 or PLOTLY in data, identity
            assert PLOTLY not in data or all(trace for trace in data[PLOTLY]["data"]), identity
            assert PLOTLY not in data or data[PLOTLY]["data"], identity


def test_players_and_figures_of_the_first_notebook_are_shown():
    data = [
        (name, output.get("data", {}))
        for name, cell in read_cells(QUICK[0]).items()
        for output in cell.get("outputs", [])
    ]
    # On a slow machine a progress bar is shown, which is a widget too.
    assert {name for name, contents in data if VIEW in contents} >= {"explain", "own-player"}
    # Plotly's figures are no widgets: they are shown without a kernel and on slow machines.
    figures = {name: contents[PLOTLY]["data"] for name, contents in data if PLOTLY in contents}
    assert list(figures) == ["chart"]
    assert all(figures.values())
    assert [name for name, contents in data if "staa-fallback" in contents.get("text/html", "")] == [
        "explain",
        "own-player",
    ]


def test_the_first_verdict_matches_its_table():
    """The printed hits are those of the table, whatever the bundled model is."""
    table = next(o["data"]["text/html"] for o in read_cells(QUICK[0])["measure"]["outputs"] if "table" in str(o))
    means = {
        method: float(re.findall(r"<td[^>]*>\D*([\d.]+)", row)[0])
        for method, row in re.findall(r'<th scope="row"[^>]*>(\w+)</th>(.*?)</tr>', table)
    }
    hits, motion = re.findall(r"action in (\d+) of 12 clips, motion in (\d+)", read_text(QUICK[0], "verdict"))[0]
    assert means["staa"] == pytest.approx(int(hits) / 12, abs=0.05)
    assert means["motion_energy"] == pytest.approx(int(motion) / 12, abs=0.05)


def test_from_file_to_player_in_five_cells():
    cells: list[Any] = list(read_cells(QUICK[0]).values())
    start = next(n for n, cell in enumerate(cells) if "## A video of your own" in cell["source"])
    code = [cell for cell in cells[start:] if cell["cell_type"] == "code"]
    assert len(code) == 5
    assert code[0]["source"].startswith("VIDEO = ")
    assert VIEW in code[-1]["outputs"][0]["data"]
