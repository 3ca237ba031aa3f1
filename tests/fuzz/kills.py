"""Processes that are killed while they write: the next reader finds a whole file or none."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import staa_widgets as staa
from benchmarks.cache import ARRAYS, is_sound, make_key, write_forever
from staa_widgets.storage import cache
from tests.fuzz.driver import Case, Driver, RunCase
from tests.helpers.explanations import make_explanation

KEYS = 4
"""Keys under which `write_forever` writes."""


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Yield the function that tries one case; the cases share nothing."""
    yield run


def run(case: Case) -> str:
    """Kill a process that writes, and read what it has left."""
    os.environ["STAA_CACHE"] = str(case.folder / "cache")
    if case.chance(0.5):
        return kill_cache_writer(case)
    return kill_saver(case)


def kill_cache_writer(case: Case) -> str:
    """Kill a process that writes entries: each entry is whole or absent, and no lock is held."""
    kills = case.pick([1, 2, 4])
    for number in range(kills):
        kill_after(case, write_forever, number)
        for name in (make_key("shared", part) for part in range(KEYS)):
            if cache.has(ARRAYS, name):
                array = cache.get(ARRAYS, name)
                assert array is not None, "an entry was damaged"
                assert is_sound(array), "an entry is a mixture of two"
    leftovers = cache.info().leftovers
    assert leftovers <= 2 * kills, f"{leftovers} leftovers of {kills} processes"
    for part in range(KEYS):
        value, _ = cache.get_or_compute(ARRAYS, make_key("shared", part), lambda: np.full(250_000, 1.0))
        assert is_sound(value), "an entry is a mixture of two"
    return "the cache is sound"


def kill_saver(case: Case) -> str:
    """Kill a process that saves explanations under one name: the file is one of them, or absent."""
    path = case.folder / f"file.{case.pick(['safetensors', 'csv', 'html'])}"
    case.note(path.name)
    kill_after(case, save_forever, path)
    if path.exists() and path.suffix == ".safetensors":  # The order of the names in its header differs each time.
        e = staa.Explanation.load(path)
        assert e.attention is not None, "no attention"
        assert (e.attention == int(e.clip_name[0])).all(), "a mixture of two explanations"
    elif path.exists():
        content = path.read_bytes()
        expected = case.folder / f"expected{path.suffix}"
        versions = []
        for number in range(2):
            save(number, expected)
            versions.append(expected.read_bytes())
        assert content in versions, f"a file of {len(content)} bytes is none of the two that were written"
    others = [file for file in case.folder.iterdir() if file.suffix == ".tmp"]
    assert len(others) <= 1, f"{len(others)} temporary files"
    return "the file is whole, or absent"


def kill_after(case: Case, write: Callable[[Any], None], argument: Any) -> None:
    """Kill a process a few milliseconds after it has begun to write."""
    process = multiprocessing.get_context("fork").Process(target=write, args=(argument,))
    process.start()
    time.sleep(0.005 + case.number(0, 60) / 1000)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def save_forever(path: Path) -> None:
    """Save two explanations in turn, until the process is killed."""
    while True:
        for number in range(2):
            save(number, path)


def save(number: int, path: Path) -> None:
    """Write one of two explanations."""
    e = make_explanation(clip_name=f"{number}.mp4", attention=np.full((2, 50, 2, 2, 3), number, np.float16))
    if path.suffix == ".safetensors":
        e.save(path)
    elif path.suffix == ".csv":
        staa.Comparison.of(e, e).to_csv(path)
    else:
        e.to_html(path)


DRIVER = Driver("kills", "processes killed by signal 9 while they write", start)
