"""Windows by time stamps: what the model sees does not depend on the rate of the camera."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from staa_widgets.live_video.frame import LiveFrame
from staa_widgets.live_video.ring import LiveWindow, Ring

IMAGE = np.zeros((4, 4, 3), np.uint8)


def fill(ring: Ring, times, first: int = 0) -> LiveWindow | None:
    """Add frames whose pixels are their number, and return the window."""
    for number, seconds in enumerate(times, first):
        ring.add(LiveFrame(number, float(seconds), IMAGE), torch.full((3, 2, 2), float(number)))
    return ring.window()


def test_a_window_holds_the_frames_nearest_to_its_moments():
    window = fill(Ring(4, 2.0), [0, 0.2, 0.45, 0.8, 1.1, 1.5])
    # The moments are 0, 0.5, 1 and 1.5 seconds.
    assert window is not None
    assert window.numbers == (0, 2, 4, 5)
    assert window.times == (0, 0.45, 1.1, 1.5)
    assert window.pixels[:, 0, 0, 0].tolist() == [0, 2, 4, 5]
    assert window.frame.number == 5


@pytest.mark.parametrize("rate", [8, 10, 15, 24, 30, 60])
def test_frames_of_a_window_are_as_far_apart_at_every_rate(rate: int):
    window = fill(Ring(8, 2.0), np.arange(4 * rate) / rate)
    assert window is not None
    assert np.diff(window.times) == pytest.approx(0.25, abs=1 / rate)
    assert window.times[-1] - window.times[0] == pytest.approx(1.75, abs=0.51 / rate)


def test_there_is_no_window_before_the_frames_cover_it():
    ring = Ring(4, 2.0)
    assert fill(ring, []) is None
    assert fill(ring, [0, 0.25, 0.5, 0.75, 1.0]) is None
    assert fill(ring, [1.25], first=5) is not None


def test_a_slow_camera_repeats_frames():
    window = fill(Ring(4, 2.0), [0, 1, 2])
    assert window is not None
    assert window.numbers == (0, 1, 1, 2) or window.numbers == (1, 1, 2, 2)


@pytest.mark.parametrize("jump", [5.0, -1.0])
def test_a_gap_or_a_step_back_begins_anew(jump: float):
    ring = Ring(4, 2.0)
    assert fill(ring, np.arange(9) / 4) is not None
    assert fill(ring, [2 + jump], first=9) is None
    assert len(ring) == 1
    window = fill(ring, 2 + jump + np.arange(1, 9) / 4, first=10)
    assert window is not None
    assert min(window.numbers) >= 9


def test_memory_does_not_grow():
    ring = Ring(8, 2.0)
    fill(ring, np.arange(3000) / 30)
    assert len(ring) <= 2 * 30 + 2
