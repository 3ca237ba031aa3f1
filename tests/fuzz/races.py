"""Processes that ask for the same explanation at the same moment: it is computed once, and all get it."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.driver import Case, Driver, RunCase

PROCESSES = 3
PATIENCE = 50.0


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Fork processes with the same model, which wait for a clip."""
    from tests.helpers.timesformers import tiny_timesformer_model

    model = tiny_timesformer_model()
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES)
    connections: list[Connection] = []
    workers: list[Any] = []
    for _ in range(PROCESSES):
        near, far = context.Pipe()
        worker = context.Process(target=explain_clips, args=(far, barrier, model), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns if other threads wait
            worker.start()
        far.close()
        connections.append(near)
        workers.append(worker)
    try:
        yield partial(run, connections)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def explain_clips(connection: Connection, barrier: Any, model: Any) -> None:
    """Explain clips as they are asked for; answer with the number of forward passes and the maps."""
    import staa_widgets as staa
    import staa_widgets.models.capture

    passes: list[int] = []
    original = staa_widgets.models.capture.record

    def count_and_record(*arguments: Any) -> Any:
        passes.append(1)
        return original(*arguments)

    staa_widgets.models.capture.record = count_and_record
    while True:
        folder, seed, count, removes = connection.recv()
        os.environ["STAA_CACHE"] = folder
        frames = np.random.default_rng(seed).integers(0, 256, (count, 24, 24, 3), np.uint8)
        passes.clear()
        try:
            barrier.wait(PATIENCE)
            if removes:
                staa.cache.clear()
            e = staa.explain(frames, model, profile=None)
            connection.send((len(passes), e.maps, e.provenance["cache"]))
        except Exception as error:
            connection.send((repr(error), None, ""))


def run(connections: list[Connection], case: Case) -> str:
    """Let all processes explain a new clip at once."""
    seed, count = case.number(0, 2**31), case.pick([4, 8, 16, 40])
    removing = case.number(0, PROCESSES) if case.chance(0.2) else None
    case.note(f"clip of {count} frames from seed {seed}; process {removing} clears the cache")
    for number, connection in enumerate(connections):
        connection.send((str(case.folder / "cache"), seed, count, number == removing))
    answers = [connection.recv() for connection in connections]
    errors = [answer[0] for answer in answers if answer[1] is None]
    assert not errors, errors
    for _, maps, _ in answers[1:]:
        np.testing.assert_allclose(maps, answers[0][1], rtol=0, atol=1e-6)
    forwards = sum(answer[0] for answer in answers)
    if removing is None:
        assert forwards == 1, f"{forwards} forward passes in one round"
        assert sorted(answer[2] for answer in answers) == ["hit"] * (PROCESSES - 1) + ["miss"]
    assert 1 <= forwards <= PROCESSES, f"{forwards} forward passes"
    locks = [*(case.folder / "cache").rglob("*.lock")]
    assert not locks, f"{len(locks)} locks are left"
    return "computed once" if removing is None else "computed while the cache was cleared"


DRIVER = Driver("races", f"{PROCESSES} processes that explain the same clip at once", start)
