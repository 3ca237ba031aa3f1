"""A process that tries the cases of one driver: it is ended if a case takes too long or too much memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.driver import Driver, Result, try_case

MAX_SECONDS = 60.0
"""Maximum seconds of a case, on a machine that is busy with other work."""

MAX_BYTES = 1_000_000_000
"""Maximum peak of memory of a case, beyond the memory at the start of the driver."""

START_SECONDS = 300.0


@dataclass(frozen=True)
class Limits:
    """Bounds of a case.

    Parameters
    ----------
    seconds
        Maximum seconds.
    bytes
        Maximum peak of memory in bytes.
    """

    seconds: float = MAX_SECONDS
    bytes: int = MAX_BYTES


class Worker:
    """A process that tries cases one by one; a new one takes its place after it was ended.

    Parameters
    ----------
    driver, seed
        Driver, and seed of its cases.
    folder
        Folder for its files and its log.
    limits
        Bounds of a case.
    """

    def __init__(self, driver: Driver, seed: int, folder: Path, limits: Limits | None = None) -> None:
        self.driver = driver
        self._seed = seed
        self._folder = folder
        self._limits = limits or Limits()
        self._process: Any = None
        self._connection: Any = None
        self._baseline = 0
        self._starts = 0

    def run(self, number: int) -> Result:
        """Try a case."""
        if self._process is None:
            self._start()
        begin = time.perf_counter()
        try:
            self._connection.send(number)
            problem = self._wait(self._limits.seconds)
            if not problem:
                result: Result = self._connection.recv()
                if result.bytes - self._baseline <= self._limits.bytes:
                    return replace(result, bytes=max(0, result.bytes - self._baseline))
                problem = f"took {(result.bytes - self._baseline) / 1e6:,.0f} MB"
        except (EOFError, ConnectionError):
            problem = f"ended the process with exit code {self._exit_code()}"
        log = self._log.read_text("utf-8", "replace")[-1000:] if self._log.exists() else ""
        self.stop()
        return Result(number, "failure", f"The case {problem}.\n{log}", seconds=time.perf_counter() - begin)

    def stop(self) -> None:
        """End the process and those that it started."""
        if self._process is not None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.join()
            self._connection.close()
            self._process = None

    def _exit_code(self) -> int | None:
        self._process.join(10)
        return self._process.exitcode

    @property
    def _log(self) -> Path:
        return self._folder / f"{self.driver.name}.log"

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._starts += 1
        folder = self._folder / f"{self.driver.name}-{self._starts}"
        folder.mkdir(parents=True)
        arguments = (other_end, self.driver, self._seed, folder, self._log)
        self._process = context.Process(target=_serve, args=arguments)
        self._process.start()
        other_end.close()
        problem = self._wait(START_SECONDS)
        if problem:
            raise RuntimeError(f"The driver {self.driver.name} {problem} while it was started.")
        self._baseline = self._connection.recv()

    def _wait(self, seconds: float) -> str:
        """Wait for an answer; return what the process did wrong, or ``""``."""
        deadline = time.monotonic() + seconds
        while not self._connection.poll(0.2):
            if time.monotonic() > deadline:
                return f"took longer than {seconds:.0f} s"
            size = _memory_bytes(self._process.pid, "VmRSS")
            if self._baseline and size - self._baseline > 2 * self._limits.bytes:
                return f"took more than {2 * self._limits.bytes / 1e6:,.0f} MB"
        return ""


def _serve(connection: Connection, driver: Driver, seed: int, folder: Path, log: Path) -> None:
    """Try the cases whose numbers arrive, in this process, and send the results."""
    os.setsid()
    with log.open("ab", 0) as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ |= {"STAA_CACHE": str(folder / "cache"), "STAA_MAX_PIXELS": "1e8"}
    with driver.start(folder) as run_case:
        connection.send(_memory_bytes(os.getpid(), "VmRSS"))
        while True:
            number = connection.recv()
            _reset_peak()
            result = try_case(run_case, driver.name, seed, number)
            connection.send(replace(result, bytes=_memory_bytes(os.getpid(), "VmHWM")))


def _memory_bytes(pid: int | None, name: str) -> int:
    """Return a figure of ``/proc/PID/status`` in bytes: ``"VmRSS"`` now or ``"VmHWM"`` at most; 0 if there is none."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0


def _reset_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
