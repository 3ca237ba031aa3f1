"""The layers of the package: imports go down only, and no files import each other in a circle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helpers.import_graph import arrows_up, circles, import_graph, unranked_packages
from tests.helpers.paths import ROOT

RANKS = (
    ("errors", "_version"),
    ("utils",),
    ("storage",),
    ("records",),
    ("video",),
    ("datasets",),
    ("models",),
    ("methods",),
    ("explanation",),
    ("engine",),
    ("render",),
    ("figures",),
    ("export",),
    ("evaluation",),
    ("widget",),
    ("live_video",),
    ("language",),
    ("course",),
    ("cli", "__main__"),
)
"""Packages from low to high, as in pyproject.toml. `language` and `course` are reserved."""


def test_imports_go_down_only():
    graph = import_graph(ROOT / "staa_widgets")
    assert unranked_packages(graph, RANKS) == [], "give each new package a rank, here and in pyproject.toml"
    assert arrows_up(graph, RANKS) == []


def test_no_files_import_each_other_in_a_circle():
    assert circles(import_graph(ROOT / "staa_widgets")) == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package of two layers, `low` and `high`, with one import down."""
    root = tmp_path / "house"
    for name, text in {
        "__init__": "from house.high import roof",
        "low/__init__": "",
        "low/floor": "",
        "low/wall": "from . import floor",
        "high/__init__": "",
        "high/roof": "from house.low.floor import *",
    }.items():
        file = root / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


LOW_HIGH = (("low",), ("high",))


def test_imports_that_go_down_are_accepted(house: Path):
    graph = import_graph(house)
    assert graph["house.low.wall"] == {"house.low.floor"}
    assert arrows_up(graph, LOW_HIGH) == []
    assert circles(graph) == []


@pytest.mark.parametrize(
    ("text", "arrow"),
    [
        ("from house.high import roof", "house.high.roof"),
        ("from house.high.roof import anything", "house.high.roof"),
        ("import house.high.roof", "house.high.roof"),
        ("from ..high import roof", "house.high.roof"),
        ("from ..high.roof import anything", "house.high.roof"),
        ("def later():\n    from house.high import roof", "house.high.roof"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.high import roof", "house.high.roof"),
        ("import house", "house"),
        ("from house import roof", "house"),
    ],
)
def test_an_import_that_goes_up_is_reported(house: Path, text: str, arrow: str):
    (house / "low" / "floor.py").write_text(text)
    assert arrows_up(import_graph(house), LOW_HIGH) == [f"house.low.floor -> {arrow}"]


@pytest.mark.parametrize("text", ["from house.low.wall import x", "def later():\n    from . import wall"])
def test_a_circle_inside_a_package_is_reported(house: Path, text: str):
    (house / "low" / "floor.py").write_text(text)
    assert circles(import_graph(house)) == [["house.low.floor", "house.low.wall"]]


def test_a_circle_through_the_init_file_is_reported(house: Path):
    (house / "low" / "__init__.py").write_text("from house.low.floor import x")
    (house / "low" / "floor.py").write_text("from house.low import y")
    assert circles(import_graph(house)) == [["house.low", "house.low.floor"]]


def test_a_package_without_a_rank_is_reported(house: Path):
    (house / "attic").mkdir()
    (house / "attic" / "__init__.py").touch()
    assert unranked_packages(import_graph(house), LOW_HIGH) == ["attic"]


# --- import-linter, which `make lint` runs ---


def test_the_linter_has_the_same_ranks():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [tuple(layer.strip("()").split(" : ")) for layer in reversed(contract["layers"])]
    assert layers == [*RANKS]
    assert contract["exhaustive"]
    assert contract["containers"] == ["staa_widgets"]
    assert set(contract) == {"name", "type", "containers", "exhaustive", "layers"}, "no import is exempt"


@pytest.fixture
def linted_house(tmp_path: Path) -> Path:
    """An empty package for each rank that is not reserved, beside a copy of pyproject.toml."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    root = tmp_path / "staa_widgets"
    for name in ["__init__", *(package for rank in RANKS for package in rank)]:
        if name in ("language", "course"):
            continue
        is_module = name.startswith("_") or name == "errors"
        file = root / f"{name}.py" if is_module else root / name / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def lint(root: Path) -> tuple[int, str]:
    """Run import-linter as `make lint` does; return its exit code and its output on one line."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    process = subprocess.run(
        command,
        cwd=root.parent,
        env={**os.environ, "PYTHONPATH": str(root.parent)},
        capture_output=True,
        text=True,
    )
    return process.returncode, " ".join((process.stdout + process.stderr).split())


def test_the_linter_accepts_imports_that_go_down(linted_house: Path):
    (linted_house / "engine" / "__init__.py").write_text("from staa_widgets import models, records")
    code, output = lint(linted_house)
    assert code == 0, output
    assert "1 kept, 0 broken" in output


@pytest.mark.parametrize(
    "text",
    [
        "from staa_widgets import engine",
        "from ..engine import x",
        "def later():\n    import staa_widgets.engine",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from staa_widgets.engine import x",
    ],
    ids=["plain", "relative", "lazy", "type-only"],
)
def test_the_linter_fails_on_an_import_that_goes_up(linted_house: Path, text: str):
    (linted_house / "models" / "house.py").write_text(text)
    code, output = lint(linted_house)
    assert code == 1
    assert "staa_widgets.models.house -> staa_widgets.engine" in output


def test_the_linter_fails_on_a_package_without_a_rank(linted_house: Path):
    (linted_house / "attic").mkdir()
    (linted_house / "attic" / "__init__.py").touch()
    code, output = lint(linted_house)
    assert code == 1
    assert "staa_widgets.attic" in output
