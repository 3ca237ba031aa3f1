"""Times of frames whose time stamps make no sense."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import ParameterError, UnreadableVideoError
from staa_widgets.video.clock import find_jump_limit, frame_step, mend_times
from tests.helpers.video_files import barcode_frame, read_barcode, write_video

NAN = float("nan")
COUNT = 40
REGULAR = [40 * i for i in range(COUNT)]


@pytest.mark.parametrize(
    ("stamps", "step", "expected"),
    [
        ([1, 2, 3.5, 4], 1, [0, 1, 2.5, 3]),  # a sound clock stays, also where it is uneven
        ([0, 1, 1, 3], 1, [0, 1, 2, 3]),  # repeated
        ([0, 1, 1, 1, 4], 1, [0, 1, 2, 3, 4]),
        ([0, 0, 1, 1, 2], 0.5, [0, 0.5, 1, 1.5, 2]),  # a clock too coarse for the rate
        ([0, 1, 2, 2], 1, [0, 1, 2, 3]),  # repeated at the end
        ([0, 1, 0.5, 3], 1, [0, 1, 2, 3]),  # one step back
        ([5, 6, 7, 0, 1, 2], 1, [0, 1, 2, 3, 4, 5]),  # the clock starts again
        ([-3, -2, -1, 0], 1, [0, 1, 2, 3]),  # below zero
        ([NAN, NAN, NAN], 2, [0, 2, 4]),  # no clock
        ([0, 1, NAN, 3], 1, [0, 1, 2, 3]),
        ([0, 1, 40, 41, 42], 1, [0, 1, 2, 3, 4]),  # a jump beyond the limit of 30
    ],
)
def test_mended_times(stamps: list[float], step: float, expected: list[float]):
    np.testing.assert_allclose(mend_times(np.array(stamps, float), step, 30.0), expected)


def test_the_step_is_that_of_the_rate_unless_the_times_contradict_it():
    times = np.arange(10) / 25
    assert frame_step(times, Fraction(24)) == 1 / 24
    assert frame_step(times, Fraction(600)) == pytest.approx(1 / 25)
    assert frame_step(times, None) == pytest.approx(1 / 25)
    assert frame_step(np.zeros(10), None) == 1 / 25


def test_a_long_gap_is_a_jump_only_in_a_regular_clock_that_does_not_state_it():
    regular, uneven = np.arange(100) * 0.04, np.cumsum(0.04 + 0.3 * (np.arange(100) % 3))
    for times in (regular, uneven):
        times[50:] += 30
    assert find_jump_limit(regular, None, "matroska,webm") < 30
    assert find_jump_limit(regular, np.where(np.arange(100) == 49, 30, 0.04), "mov") == np.inf
    assert find_jump_limit(uneven, None, "matroska,webm") == np.inf
    assert find_jump_limit(regular, None, "mpegts") < find_jump_limit(regular, None, "matroska,webm")


def write_stamps(path: Path, stamps: Sequence[int], rate: int = 25) -> Path:
    """Write barcode frames whose packets have these time stamps in milliseconds."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        packets = []
        for index in range(len(stamps)):
            frame = av.VideoFrame.from_ndarray(barcode_frame(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            packets += stream.encode(frame)
        for stamp, packet in zip(stamps, packets + stream.encode(), strict=True):
            packet.time_base, packet.stream = Fraction(1, 1000), stream
            packet.pts = packet.dts = stamp
            out.mux(packet)
    return path


@pytest.mark.parametrize(
    ("stamps", "rate", "end"),
    [
        ([t if t != 400 else 360 for t in REGULAR], 25, 1.6),
        ([min(t, 1400) for t in REGULAR], 25, 1.6),
        ([t + 30_000 * (t >= 800) for t in REGULAR], 25, 1.6),
        ([int(i / 2) for i in range(COUNT)], 2000, COUNT / 2000),
        ([0] * COUNT, 25, 1.6),
    ],
    ids=["doubled", "end repeats", "jump", "2000 fps", "all equal"],
)
def test_all_frames_come_in_order_with_mended_times(stamps: list[int], rate: int, end: float, tmp_path: Path):
    path = write_stamps(tmp_path / "a.mkv", stamps, rate)
    with pytest.warns(UserWarning, match="mended by its rate") as caught:
        clip = staa.open_clip(path)
    assert len(caught) == 1
    assert clip.end == pytest.approx(end, abs=0.002)
    assert np.all(np.diff(clip.times) > 0)
    assert [read_barcode(frame) for frame in clip.frames(range(COUNT))] == list(range(COUNT))
    assert [read_barcode(frame) for frame in clip.walk([3, 25, 39])] == [3, 25, 39]


def test_stamps_below_zero_are_no_reason_for_a_warning(tmp_path: Path):
    clip = staa.open_clip(write_stamps(tmp_path / "a.nut", [t - 400 for t in REGULAR]))
    np.testing.assert_allclose(clip.times, np.arange(COUNT) / 25)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("ts", {"bframes": 2}),
        ("mkv", {"bframes": 2}),
        ("mpg", {"codec": "mpeg2video"}),
        ("webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}),
    ],
)
@pytest.mark.parametrize("start", [0.0, 0.91, 30.0])
def test_joined_recordings_are_one_video(suffix: str, options: dict, start: float, tmp_path: Path):
    """The clock of the second part starts again, steps back into the first part, or is half a minute ahead."""
    for number, begin in enumerate((0.0, start)):
        write_video(tmp_path / f"{number}.{suffix}", COUNT, start=begin, **options)
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(b"".join((tmp_path / f"{number}.{suffix}").read_bytes() for number in (0, 1)))
    with pytest.warns(UserWarning, match="mended"):
        clip = staa.open_clip(path)
    assert len(clip) == 2 * COUNT
    assert clip.end == pytest.approx(2 * COUNT / 25, abs=0.1)
    assert [read_barcode(frame) for frame in clip.frames(range(2 * COUNT))] == 2 * list(range(COUNT))


def test_an_absurd_clock_is_refused(tmp_path: Path):
    path = write_stamps(tmp_path / "a.nut", [*REGULAR[:-1], 50_000_000_000])
    with pytest.raises(UnreadableVideoError, match="would last 579 days"):
        staa.open_clip(path)
    with pytest.raises(ParameterError, match="days"):
        staa.open_clip(np.zeros((8, 4, 4, 3), np.uint8), fps=1e-7)


def test_a_bare_stream_has_the_rate_that_is_given(tmp_path: Path):
    write_video(tmp_path / "a.h264", COUNT, format="h264")
    with pytest.warns(UserWarning, match="states no times: 25 frames a second"):
        assert staa.open_clip(tmp_path / "a.h264").end == COUNT / 25
    clip = staa.open_clip(tmp_path / "a.h264", fps=50)
    assert clip.end == COUNT / 50
    assert [read_barcode(frame) for frame in clip.frames(range(COUNT))] == list(range(COUNT))
