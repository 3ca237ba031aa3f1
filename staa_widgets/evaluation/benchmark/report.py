"""Pages of a benchmark: one report for each set of clips; the report of the second set has the verdict."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from staa_widgets.evaluation.benchmark.ground_truth_mean import GROUND_TRUTH_MEAN
from staa_widgets.evaluation.benchmark.plan import MAX_PASSES
from staa_widgets.evaluation.benchmark.verdict import verdict
from staa_widgets.evaluation.report.page import to_html
from staa_widgets.utils.html import Markup, element, header_row, scrolling_table

if TYPE_CHECKING:
    from staa_widgets.evaluation.benchmark.results import Benchmark

READING_NOTE = (
    "Differences are paired by clip, with 95 % bootstrap intervals. A method is ahead or behind if the interval of the "
    f"mean difference excludes 0. {GROUND_TRUTH_MEAN!r} is the mean of the ground-truth metrics, each scaled from 0 "
    "(worst) to 1 (best). There is no correction for multiple comparisons: by chance alone, one comparison in forty is "
    "called ahead and one in forty behind."
)


def write_report(benchmark: Benchmark, folder: str | os.PathLike[str]) -> Path:
    """Write ``first.html``, and ``second.html`` with the verdict, to an existing folder; return the path of the latter.

    Raises
    ------
    ExportError
        If a file cannot be written.
    """
    folder_path = Path(folder)
    to_html(benchmark.first, folder_path / "first.html", "Benchmark: clips used to choose the defaults")
    return to_html(
        benchmark.second,
        folder_path / "second.html",
        "Benchmark: held-out clips",
        introduction=verdict_section(benchmark),
    )


def verdict_section(benchmark: Benchmark) -> Markup:
    """Return the verdict as a section of a report."""
    rows = []
    for question, lines in groupby(verdict(benchmark), lambda line: line.question):
        rows.append(element("tr", element("th", question, colspan="3", scope="rowgroup"), class_="group"))
        for line in lines:
            cells = element("td", line.answer), element("td", line.reason, class_="words")
            rows.append(element("tr", element("th", line.model or "all models", scope="row"), *cells))
    answers = scrolling_table(header_row("models", "answer", "reason"), rows, "verdict")
    return element(
        "section", element("h2", "Verdict"), element("p", READING_NOTE + left_out_sentence(benchmark)), answers
    )


def left_out_sentence(benchmark: Benchmark) -> str:
    """Return a sentence that names the methods left out because of their cost; empty if there are none."""
    passes_by_method = benchmark.second.settings.get("benchmark", {}).get("left_out", {})
    names = ", ".join(f"{name} ({passes})" for name, passes in passes_by_method.items())
    return f" Only a full run includes methods of more than {MAX_PASSES} passes per clip: {names}." if names else ""
