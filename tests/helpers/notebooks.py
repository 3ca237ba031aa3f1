"""Runs of the notebooks, which tests share: each runs at most once, and not again while nothing has changed."""

from __future__ import annotations

from functools import cache
from typing import Any

import nbformat

from benchmarks.notebooks import NOTEBOOKS, OUT, Run, read_run, run_notebook, write_report

QUICK = ("01_where_and_when", "02_attention", "03_motion_or_pose", "04_is_it_right")
"""Notebooks that `make test` runs; `make test-all` runs all."""

PATHS = {path.stem: path for path in NOTEBOOKS}


@cache
def run_once(name: str) -> Run:
    """Return the run of a notebook, whose outputs are in `OUT`."""
    run = read_run(PATHS[name])
    if run is None:
        run = run_notebook(PATHS[name])
        write_report([run])
    return run


def read_cells(name: str) -> dict[str, Any]:
    """Return the cells of a notebook by id, with the outputs of its run."""
    run_once(name)
    return {cell["id"]: cell for cell in nbformat.read(OUT / f"{name}.ipynb", as_version=4).cells}


def read_text(name: str, cell: str) -> str:
    """Return what a cell printed."""
    outputs = read_cells(name)[cell]["outputs"]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")
