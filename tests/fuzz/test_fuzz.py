"""The first cases of each driver; and the oracle: what counts as a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from staa_widgets.errors import FormatError
from tests.fuzz.driver import Case, Driver, Result, RunCase, try_case
from tests.fuzz.drivers import DRIVERS
from tests.fuzz.report import BEGIN, END, figures, replace_table, table
from tests.fuzz.run import Tally, run_for
from tests.fuzz.worker import Limits, Worker
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FIRST_CASES = {"videos": 30, "arrays": 60, "entries": 20, "kills": 4, "races": 4, "messages": 6, "strings": 30}
"""Cases of each driver that run with the other tests."""


@pytest.mark.parametrize("name", DRIVERS)
def test_the_first_cases_end_in_an_answer_or_a_typed_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STAA_MAX_PIXELS", "1e8")
    with DRIVERS[name].start(tmp_path) as run_case:
        results = [try_case(run_case, name, 0, number) for number in range(FIRST_CASES[name])]
    failures = [result for result in results if result.outcome == "failure"]
    assert not failures, "\n".join(f"case {result.number}: {result.notes}\n{result.detail}" for result in failures)
    assert any(result.outcome == "answer" for result in results)


# --- the oracle ---


def run_known(case: Case) -> str:
    """Fail in the way that the number of the case says; the number is found by the random numbers of seed 5."""
    action = ACTIONS[_known_numbers().index(case.number(0, 2**31))]
    if action == "error":
        raise FormatError("The file is damaged.", "Save it again.")
    if action == "long message":
        raise FormatError("x" * 10_000)
    if action == "control characters":
        error = FormatError("The label is wrong.")
        error.message = "The label \u202eevil is wrong."  # The class itself escapes such characters.
        raise error
    if action == "wrong":
        assert 1 + 1 == 3, "the answer is wrong"
    if action == "untyped":
        raise KeyError("maps")
    if action == "slow":
        import time

        time.sleep(60)
    if action == "large":
        bytearray(400_000_000)[::4096] = b"1" * len(range(0, 400_000_000, 4096))
    if action == "ended":
        os._exit(3)
    return "right"


ACTIONS = (
    "right", "error", "long message", "control characters", "wrong", "untyped", "slow", "large", "ended", "right",
)  # fmt: skip


def _known_numbers() -> list[int]:
    numbers: list[int] = []

    def note(case: Case) -> str:
        numbers.append(case.number(0, 2**31))
        return ""

    for number in range(len(ACTIONS)):
        try_case(note, "known", 5, number)
    return numbers


@contextmanager
def start_known(folder: Path) -> Iterator[RunCase]:
    yield run_known


KNOWN = Driver("known", "cases with a known outcome", start_known)


def test_everything_but_an_answer_and_a_typed_error_is_a_failure(tmp_path: Path):
    worker = Worker(KNOWN, 5, tmp_path, Limits(seconds=3, bytes=200_000_000))
    try:
        results: dict[str, Result] = dict(zip(ACTIONS, map(worker.run, range(len(ACTIONS))), strict=False))
    finally:
        worker.stop()
    assert {name: result.outcome for name, result in results.items() if result.outcome != "failure"} == {
        "right": "answer",
        "error": "refusal",
    }
    for name, part in {
        "long message": "10000 characters",
        "control characters": "control characters",
        "wrong": "the answer is wrong",
        "untyped": "KeyError",
        "slow": "took longer than 3 s",
        "large": " MB",
        "ended": "exit code 3",
    }.items():
        assert part in results[name].detail


def test_a_case_depends_on_seed_and_number_only():
    assert _known_numbers() == _known_numbers()
    assert len({*_known_numbers()}) == len(ACTIONS)


def test_drivers_share_the_time_and_failures_are_counted(tmp_path: Path):
    quick = Driver("quick", "cases with a known outcome", start_known)
    seen: list[str] = []
    (tally,) = run_for([quick], 0, 1.5, tmp_path, lambda driver, result: seen.append(result.outcome), processes=1)
    assert tally.cases == len(seen) > 0
    assert len(tally.failures) == tally.cases  # Seed 0 gives none of the known numbers: an error that is not typed.
    assert f"| quick: cases with a known outcome | {tally.cases:,} | 0 | 0 | {tally.cases} |" in table([tally], 0)
    assert f'"cases": {tally.cases},' in figures([tally], 0)


def test_the_table_of_a_page_is_replaced(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    replace_table(page, table([Tally(KNOWN)], 7))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "seed 7" in text


def test_the_page_on_security_has_the_figures_of_all_drivers():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    for driver in DRIVERS.values():
        assert f"| {driver.name}: {driver.content} |" in text
