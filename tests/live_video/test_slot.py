"""A slot of one, and the rate of frames."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from staa_widgets.live_video.slot import RateGate, Slot


def test_the_newest_value_replaces_the_one_that_waits():
    slot: Slot[int] = Slot()
    assert [slot.put(value) for value in (1, 2, 3)] == [False, True, True]
    assert slot.dropped == 2
    assert slot.take() == 3
    assert slot.take(0) is None


def test_a_closed_slot_gives_its_value_and_then_none():
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.close()
    assert not slot.put(2)
    assert (slot.is_exhausted, slot.take(), slot.is_exhausted, slot.take()) == (False, 1, True, None)


def test_closing_wakes_a_thread_that_waits():
    slot: Slot[int] = Slot()
    values = []
    thread = threading.Thread(target=lambda: values.append(slot.take()))
    thread.start()
    slot.close()
    thread.join(10)
    assert values == [None]


@pytest.mark.parametrize(
    ("camera", "rate", "expected"),
    [(30, 8, 80), (30, 10, 100), (8, 8, 80), (5, 8, 50), (59.94, 8, 80), (25, 30, 250)],
)
def test_a_gate_passes_the_rate_or_all_frames_of_a_slower_camera(camera: float, rate: float, expected: int):
    gate = RateGate(rate)
    rng = np.random.default_rng(0)
    times = np.arange(round(10 * camera)) / camera + rng.uniform(-0.002, 0.002, round(10 * camera))
    assert sum(gate.admits(seconds) for seconds in times) == pytest.approx(expected, abs=1)


def test_a_gate_does_not_catch_up_after_a_gap():
    gate = RateGate(10)
    assert [gate.admits(t) for t in (0, 0.1, 5.0, 5.01, 5.02, 5.1)] == [True, True, True, False, False, True]


def test_a_gate_begins_anew_when_the_clock_steps_back():
    gate = RateGate(10)
    assert [gate.admits(t) for t in (100.0, 3.0, 3.05, 3.1)] == [True, True, False, True]
