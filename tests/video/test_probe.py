"""Facts about video files: count, times, size, and missing frames."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.video.decode import read_frames, reader_name
from staa_widgets.video.probe import probe
from tests.helpers.video_files import read_barcode, remux
from tests.helpers.video_formats import COUNT, FORMATS


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_count_times_size_and_end_of_a_file(video_case):
    video, times, options = video_case
    assert len(video.times) == COUNT
    assert video.times[0] == 0.0
    assert video.times == pytest.approx(times, abs=0.001)
    assert times[-1] < video.end <= times[-1] + 0.13
    width, height = options.get("size", (160, 120))
    assert (video.width, video.height) == ((height, width) if options.get("rotation", 0) % 180 else (width, height))


def test_frames_cut_off_by_an_edit_list_are_not_counted(short_groups, tmp_path):
    remux(short_groups, tmp_path / "cut.mp4", shift=13 / 25, options={"avoid_negative_ts": "disabled"})
    video = probe(tmp_path / "cut.mp4", "cut.mp4")
    assert len(video.times) == 47
    assert [read_barcode(f) for f in read_frames(video, np.array([0, 20, 46]))] == [13, 33, 59]
    assert reader_name(video) == "pyav"


def test_frames_that_are_never_shown_are_not_counted(format_file, tmp_path):
    hidden = (11, 25)
    remux(
        format_file("vp8.webm"),
        tmp_path / "hidden.webm",
        lambda k, data: bytes([data[0] & ~0x10]) + data[1:] if k in hidden else data,
    )
    video = probe(tmp_path / "hidden.webm", "hidden.webm")
    assert len(video.times) == 58
    assert [read_barcode(f) for f in read_frames(video, np.array([10, 11, 57]))] == [10, 12, 59]
    assert reader_name(video) == "pyav"


@pytest.mark.parametrize("name", ["b_frames.mkv", "vp9.webm", "mjpeg.avi", "b_frames.avi"])
@pytest.mark.parametrize("share", [0.35, 0.6])
def test_a_truncated_file_has_its_remaining_frames_and_warns(format_file, tmp_path, name, share):
    data = format_file(name).read_bytes()
    short = tmp_path / f"short_{name}"
    short.write_bytes(data[: int(len(data) * share)])
    with pytest.warns(UserWarning, match="damaged or incomplete"):
        video = probe(short, short.name)
    frames = read_frames(video, np.arange(len(video.times)))
    assert 0 < len(frames) < COUNT
    # Only the last frame, which may be truncated, can be wrong.
    assert [read_barcode(f) for f in frames[:-1]] == list(range(len(frames) - 1))
    assert video.end == pytest.approx(len(frames) / 25, abs=0.002)


def test_an_mp4_truncated_after_its_index_warns(short_groups, tmp_path):
    remux(short_groups, tmp_path / "fast.mp4", options={"movflags": "faststart"})
    data = (tmp_path / "fast.mp4").read_bytes()
    (tmp_path / "short.mp4").write_bytes(data[: len(data) * 6 // 10])
    with pytest.warns(UserWarning, match="damaged or incomplete"):
        video = probe(tmp_path / "short.mp4", "short.mp4")
    frames = read_frames(video, np.arange(len(video.times)))
    assert 20 < len(frames) < COUNT
    assert reader_name(video) == "pyav"


def test_a_playlist_opens_no_other_file(short_groups, tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{short_groups}'\n")
    with pytest.raises(UnreadableVideoError):
        probe(path, "list.mp4")
