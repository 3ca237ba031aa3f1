"""Cost is asked before it is spent."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

import staa_widgets as staa
from staa_widgets.errors import ParameterError, VideoTooLargeError
from staa_widgets.utils.memory import available_memory
from staa_widgets.video import limits
from tests.helpers.video_files import read_barcode, write_video


def write_gif(path: Path, side: int) -> None:
    """Write a GIF of under 100 bytes whose frames have ``side`` squared pixels."""
    palette = bytes([255, 0, 0, 0, 0, 255])
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    control = b"\x21\xf9\x04\x04" + struct.pack("<H", 4) + b"\0\0"
    header = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0)
    path.write_bytes(header + palette + 2 * (control + picture) + b";")


MEASURE = """
import sys
import staa_widgets as staa
from staa_widgets.errors import VideoTooLargeError
try:
    staa.open_clip(sys.argv[1])
except VideoTooLargeError as error:
    print(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_small_file_of_huge_frames_is_refused_before_it_is_decoded(tmp_path: Path):
    write_gif(tmp_path / "bomb.gif", 16_000)
    assert (tmp_path / "bomb.gif").stat().st_size < 100
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "bomb.gif")], capture_output=True, text=True, check=True
    )
    message, peak = run.stdout.strip().splitlines()
    assert "16000x16000" in message
    assert "1,280 million pixels" in message
    assert "STAA_MAX_PIXELS" in message
    assert int(peak) < 300  # one frame alone would take 768 MB


def test_the_limit_is_half_of_the_memory_at_hand_and_can_be_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    monkeypatch.setattr(limits, "available_memory", lambda: 600_000_000)
    assert limits.pixel_limit() == 100_000_000
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 40)
    assert limits.pixel_limit() == (2 << 30) // 3
    monkeypatch.setenv(limits.VARIABLE, "5e6")
    assert limits.pixel_limit() == 5_000_000
    for wrong in ("much", "-1", "inf", "nan"):
        monkeypatch.setenv(limits.VARIABLE, wrong)
        with pytest.raises(ParameterError, match="STAA_MAX_PIXELS"):
            limits.pixel_limit()


def test_too_many_frames_at_once_are_refused_and_one_at_a_time_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_video(tmp_path / "a.mp4", 20)
    clip = staa.open_clip(tmp_path / "a.mp4")
    monkeypatch.setenv(limits.VARIABLE, str(8 * 160 * 120))
    with pytest.raises(VideoTooLargeError, match=r"20 frames of 'a\.mp4', 160x120") as caught:
        clip.frames(range(20))
    assert all(way in caught.value.hint for way in ("start=", "end=", "max_side=", "iter_frames"))
    assert len(clip.frames(range(8))) == 8
    assert [read_barcode(frame) for frame in clip.iter_frames(range(20))] == list(range(20))
    assert len(staa.open_clip(clip, max_side=80).frames(range(20))) == 20
    monkeypatch.setenv(limits.VARIABLE, str(4 * 160 * 120))
    with pytest.raises(VideoTooLargeError, match="To decode a frame"):
        staa.open_clip(tmp_path / "a.mp4")


def test_available_memory_is_known_here():
    memory = available_memory()
    assert memory is None or 0 < memory < 1 << 50
