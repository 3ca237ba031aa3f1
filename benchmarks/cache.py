"""What the cache costs and survives: many entries, killed writers, processes in a race.

``python -m benchmarks.cache`` prints one line for each; an error ends it. Times depend on the machine, counts do not.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import secrets
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from staa_widgets.storage import cache

ARRAYS = cache.EntryType[Any]("record", lambda array: ({}, {"array": array}), lambda _, arrays: arrays["array"])
SIZE = 250_000


def make_key(*parts: object) -> str:
    """Return a key for each combination of values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_sound(array: Any) -> bool:
    """Return whether an array is one that `write_forever` or `compute_once` wrote."""
    return array.shape == (SIZE,) and bool((array == array[0]).all())


def measure_many_entries(count: int) -> str:
    """Return the time of the first entry of a process and of look-ups in a folder with many entries."""
    cache.put(ARRAYS, make_key("template"), np.zeros(4))
    (template,) = cache.folder().glob("record/*/*.safetensors")
    for number in range(count):
        path = cache.folder() / "record" / make_key(number)[:2] / f"{make_key(number)}.safetensors"
        path.parent.mkdir(exist_ok=True)
        os.link(template, path) if number % 60_000 else path.write_bytes(template.read_bytes())
        template = template if number % 60_000 else path
    cache._inventories.clear()
    start = time.perf_counter()
    cache.put(ARRAYS, make_key("first"), np.zeros(4))
    first = time.perf_counter() - start
    start = time.perf_counter()
    entries = cache.info().entries["record"]
    listing = time.perf_counter() - start
    names = [make_key(f"entry {number}") for number in range(1000)]
    for name in names:
        cache.put(ARRAYS, name, np.zeros(4))
    seconds = []
    for name in np.random.default_rng(0).permutation(names):
        start = time.perf_counter()
        assert cache.get(ARRAYS, str(name)) is not None
        seconds.append(time.perf_counter() - start)
    p95 = 1000 * np.quantile(seconds, 0.95)
    return f"{entries} entries: first put {first:.2f} s, info {listing:.2f} s, look-up p95 {p95:.2f} ms"


def write_forever(number: int) -> None:
    """Write entries under the same few keys until the process is killed."""
    generator = np.random.default_rng(number)
    while True:
        name = make_key("shared", int(generator.integers(4)))
        with cache.lock("record", name):
            cache.put(ARRAYS, name, np.full(SIZE, generator.random()))


def kill_writers(kills: int) -> str:
    """Kill processes while they write; return how many of the entries that others then read were bad."""
    context = multiprocessing.get_context("fork")
    bad = read = 0
    for number in range(kills):
        writer = context.Process(target=write_forever, args=(number,))
        writer.start()
        time.sleep(0.01 + secrets.randbelow(40) / 1000)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        for name in (make_key("shared", part) for part in range(4)):
            was_there = cache.has(ARRAYS, name)
            array = cache.get(ARRAYS, name)
            read += was_there
            bad += was_there and (array is None or not is_sound(array))
    debris = cache.info().leftovers
    with cache.lock("record", make_key("shared", 0)):  # A lock of a killed process is free again.
        pass
    return f"{kills} writers killed: {bad} of {read} entries bad; {debris} leftovers counted"


def compute_once(rounds: int, log: Path, barrier: Any) -> None:
    """Ask for the same key as all other processes, round after round; log each computation."""

    def compute() -> Any:
        with log.open("a") as file:
            file.write(".")
        time.sleep(0.02)
        return np.full(SIZE, 7.0)

    for number in range(rounds):
        barrier.wait()
        value, _ = cache.get_or_compute(ARRAYS, make_key("race", number), compute)
        assert is_sound(value)


def race(processes: int, rounds: int) -> str:
    """Let processes ask for the same key at once; return the number of computations."""
    context = multiprocessing.get_context("fork")
    barrier, log = context.Barrier(processes), cache.folder().parent / "computations"
    workers = [context.Process(target=compute_once, args=(rounds, log, barrier)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * processes
    locks = len(list(cache.folder().rglob("*.lock")))
    return f"{processes} processes: {len(log.read_text())} computations in {rounds} rounds; {locks} locks left"


def main() -> None:
    """Run all parts, each with a cache of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    for part in (
        lambda: measure_many_entries(options.entries),
        lambda: kill_writers(options.kills),
        lambda: race(options.processes, options.rounds),
    ):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["STAA_CACHE"] = str(Path(folder) / "cache")
            print(part(), flush=True)


if __name__ == "__main__":
    main()
