"""Run drivers for a given time, each in a process of its own and two at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.driver import Driver, Result
from tests.fuzz.worker import Worker

TURN_SECONDS = 5.0
"""Seconds after which a driver gives its turn to another one."""


@dataclass
class Tally:
    """Results of a driver.

    Parameters
    ----------
    driver
        The driver.
    seconds
        Time used so far.
    cases
        Number of cases tried; also the number of the next one.
    answers, refusals
        Number of cases by kind of answer, and by type of error.
    failures
        Results of the cases that failed.
    worst_seconds, peak_bytes
        Longest time and highest peak of memory of a case.
    """

    driver: Driver
    seconds: float = 0.0
    cases: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    failures: list[Result] = field(default_factory=list)
    worst_seconds: float = 0.0
    peak_bytes: int = 0

    def add(self, result: Result) -> None:
        """Count a result."""
        self.cases += 1
        self.worst_seconds = max(self.worst_seconds, result.seconds)
        self.peak_bytes = max(self.peak_bytes, result.bytes)
        if result.outcome == "failure":
            self.failures.append(result)
        else:
            counts = self.answers if result.outcome == "answer" else self.refusals
            counts[result.detail] = counts.get(result.detail, 0) + 1


def run_for(
    drivers: Sequence[Driver],
    seed: int,
    seconds: float,
    folder: Path,
    report: Callable[[Driver, Result], object],
    *,
    processes: int = 2,
) -> list[Tally]:
    """Try cases of all drivers for a given time, and return their tallies.

    Parameters
    ----------
    drivers
        Drivers; the one that is furthest behind its share of the time is next.
    seed
        Seed of the cases.
    seconds
        Seconds until the last case begins.
    folder
        Folder for files.
    report
        Called with each result, by one thread at a time.
    processes
        Number of drivers that run at the same time.
    """
    tallies = [Tally(driver) for driver in drivers]
    workers = {driver.name: Worker(driver, seed, folder) for driver in drivers}
    waiting = [*tallies]
    lock = threading.Lock()
    deadline = time.monotonic() + seconds

    def take_turns() -> None:
        while True:
            with lock:
                if not waiting or time.monotonic() >= deadline:
                    return
                tally = min(waiting, key=lambda tally: tally.seconds / tally.driver.share)
                waiting.remove(tally)
            begin = time.monotonic()
            while time.monotonic() < min(begin + TURN_SECONDS, deadline):
                result = workers[tally.driver.name].run(tally.cases)
                with lock:
                    tally.add(result)
                    report(tally.driver, result)
            with lock:
                tally.seconds += time.monotonic() - begin
                waiting.append(tally)

    threads = [threading.Thread(target=take_turns) for _ in range(min(processes, len(drivers)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        deadline = 0.0
        for worker in workers.values():
            worker.stop()
    return tallies
