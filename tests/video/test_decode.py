"""Frames of video files: the requested ones, upright, in color, or a typed error."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError
from staa_widgets.video import decode
from staa_widgets.video.decode import READERS, read_frames
from staa_widgets.video.probe import probe
from tests.helpers.video_files import barcode_frame, read_barcode, remux
from tests.helpers.video_formats import COUNT, FORMATS


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_each_frame_is_the_requested_one(video_case):
    video, *_ = video_case
    rng = np.random.default_rng(0)
    samples = [np.sort(rng.choice(COUNT, 6, replace=False)) for _ in range(4)]
    for indices in [np.arange(COUNT), *samples]:
        assert [read_barcode(f) for f in read_frames(video, indices)] == indices.tolist()


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_frames_are_upright_and_in_color(video_case):
    video, *_ = video_case
    frames = read_frames(video, np.array([0, 37])).astype(int)
    expected = np.stack([barcode_frame(i, video.width, video.height) for i in (0, 37)])
    assert np.abs(frames - expected).mean() < 20


def test_only_the_needed_frames_are_decoded(short_groups, monkeypatch):
    video = probe(short_groups, "short_groups.mp4")
    decoded: list[int | None] = []
    original = decode.decode_stream
    monkeypatch.setattr(decode, "decode_stream", lambda *args: (decoded.append(f.pts) or f for f in original(*args)))
    READERS["pyav"](video, np.array([5, 33, 52]))
    assert len(decoded) == 6 + 4 + 3


def test_a_damaged_frame_is_named_and_others_are_read(short_groups, tmp_path):
    remux(short_groups, tmp_path / "hurt.mp4", lambda k, data: data[:4] + bytes(len(data) - 4) if k == 20 else data)
    video = probe(tmp_path / "hurt.mp4", "hurt.mp4")
    with pytest.raises(UnreadableVideoError, match=r"Frame 20 of 'hurt.mp4', at 0\.80 s"):
        read_frames(video, np.array([4, 20]))
    assert [read_barcode(f) for f in read_frames(video, np.array([4, 15, 40]))] == [4, 15, 40]


DECODE_FILES = """
import sys, warnings
import numpy as np
from pathlib import Path
from staa_widgets.video.open import open_clip
from staa_widgets.errors import VideoError
warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    try:
        clip = open_clip(path)
        clip.frames([0, len(clip) // 2, len(clip) - 1])
        clip.frames(range(len(clip)))
        print(path, len(clip))
    except VideoError as error:
        print(path, type(error).__name__, error.hint)
"""


def test_damaged_files_cause_no_hang_no_output_and_no_files(format_file, tmp_path):
    paths = []
    for name in ("short_groups.mp4", "b_frames.mkv", "hevc.mp4", "vp8.webm", "vp9.webm", "mjpeg.avi", "broadcast.ts"):
        original = format_file(name).read_bytes()
        for seed in range(3):
            rng = np.random.default_rng(seed)
            data = bytearray(original)
            for position in rng.integers(len(data) // 10, len(data), 6**seed):
                data[position] ^= 1 << int(rng.integers(8))
            if seed == 2:
                del data[len(data) // 3 : len(data) // 2]
            paths.append(tmp_path / f"{seed}_{name}")
            paths[-1].write_bytes(data)
    before = sorted(tmp_path.iterdir())
    process = subprocess.run(
        [sys.executable, "-c", DECODE_FILES, *map(str, paths)], capture_output=True, text=True, timeout=300, check=False
    )
    assert process.returncode == 0
    assert process.stderr == ""
    assert len(process.stdout.splitlines()) == len(paths)
    assert sorted(tmp_path.iterdir()) == before


def test_a_changed_or_missing_file_is_refused(short_groups, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(short_groups.read_bytes())
    video = probe(path, "video.mp4")
    path.write_bytes(short_groups.read_bytes() + b"more")
    with pytest.raises(UnreadableVideoError, match="changed"):
        read_frames(video, np.array([0]))
    path.unlink()
    with pytest.raises(VideoNotFoundError, match="no longer"):
        read_frames(video, np.array([0]))
