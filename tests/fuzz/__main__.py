"""Run drivers for some time, ``--seconds 600``, or repeat one case: ``--driver NAME --case N``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.driver import Driver, Result
from tests.fuzz.drivers import DRIVERS
from tests.fuzz.report import figures, replace_table, table
from tests.fuzz.run import run_for
from tests.fuzz.worker import Worker

PROGRESS_SECONDS = 10.0


class Progress:
    """Prints each failure at once, and how far the run is every `PROGRESS_SECONDS`."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._seed = seed
        self._start = self._last = time.monotonic()
        self._cases = self._failures = 0

    def report(self, driver: Driver, result: Result) -> None:
        """Count a result; print it if it is a failure."""
        self._cases += 1
        if result.outcome == "failure":
            self._failures += 1
            print_failure(driver, self._seed, result)
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS:
            self._last = now
            passed = now - self._start
            print(
                f"{passed:5.0f} of {self._seconds:.0f} s: {self._cases:,} cases, {self._failures} failures", flush=True
            )


def print_failure(driver: Driver, seed: int, result: Result) -> None:
    """Print a failure, and the command that repeats it."""
    print(f"FAILURE of {driver.name}, case {result.number}: {result.notes}", flush=True)
    print(
        f"{result.detail}\n  repeat: python -m tests.fuzz --driver {driver.name} --seed {seed} --case {result.number}"
    )


def main() -> int:
    """Run the drivers; return 1 if a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="seconds in all, on two cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--driver", choices=list(DRIVERS), action="append", help="only this driver; may be repeated")
    parser.add_argument("--case", type=int, help="only this case of the driver")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz.json"), help="JSON file for the figures")
    parser.add_argument("--page", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    drivers = [DRIVERS[name] for name in options.driver or DRIVERS]
    with TemporaryDirectory() as folder:
        if options.case is not None:
            return run_one(drivers[0], options.seed, options.case, Path(folder))
        progress = Progress(options.seconds, options.seed)
        tallies = run_for(drivers, options.seed, options.seconds, Path(folder), progress.report)
    text = table(tallies, options.seed)
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(figures(tallies, options.seed), "utf-8")
    if options.page:
        replace_table(options.page, text)
    return int(any(tally.failures for tally in tallies))


def run_one(driver: Driver, seed: int, number: int, folder: Path) -> int:
    """Run one case and print its outcome."""
    worker = Worker(driver, seed, folder)
    try:
        result = worker.run(number)
    finally:
        worker.stop()
    if result.outcome == "failure":
        print_failure(driver, seed, result)
        return 1
    print(f"{result.outcome}: {result.detail} in {result.seconds:.1f} s, {result.bytes / 1e6:.0f} MB\n{result.notes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
