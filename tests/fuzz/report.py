"""Write the figures of a run: a table for people, JSON, and the table in the documentation."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.run import Tally

BEGIN = "<!-- written by make fuzz: begin -->"
END = "<!-- written by make fuzz: end -->"


def table(tallies: Sequence[Tally], seed: int) -> str:
    """Return the figures as a table in Markdown, and under it what the run was."""
    rows = [
        "| driver | cases | answers | typed errors | failures | longest case | most memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for tally in tallies:
        answers, refusals = sum(tally.answers.values()), sum(tally.refusals.values())
        rows.append(
            f"| {tally.driver.name}: {tally.driver.content} | {tally.cases:,} | {answers:,} | {refusals:,} "
            f"| {len(tally.failures)} | {tally.worst_seconds:.1f} s | {tally.peak_bytes / 1e6:,.0f} MB |"
        )
    cases, failures = sum(tally.cases for tally in tallies), sum(len(tally.failures) for tally in tallies)
    seconds = sum(tally.seconds for tally in tallies)
    summary = (
        f"{cases:,} cases, {failures} failures, seed {seed}, {seconds / 60:.0f} minutes of processes on Python "
        f"{platform.python_version()}, {platform.system()}. Memory is that beyond the start of the driver."
    )
    return "\n".join([*rows, "", summary])


def figures(tallies: Sequence[Tally], seed: int) -> str:
    """Return the figures as JSON."""
    rows = {
        tally.driver.name: {
            "content": tally.driver.content,
            "cases": tally.cases,
            "answers": tally.answers,
            "refusals": tally.refusals,
            "failures": [{"case": result.number, "notes": result.notes} for result in tally.failures],
            "worst_seconds": round(tally.worst_seconds, 2),
            "peak_megabytes": round(tally.peak_bytes / 1e6),
            "seconds": round(tally.seconds, 1),
        }
        for tally in tallies
    }
    return json.dumps({"seed": seed, "drivers": rows}, indent=1) + "\n"


def replace_table(page: Path, text: str) -> None:
    """Replace the table between the marks of a page."""
    before, rest = page.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")
