"""Damaged frames, and files that break off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import UnreadableVideoError
from staa_widgets.models import VideoModel
from staa_widgets.video import probe
from tests.helpers.video_files import read_barcode, write_video

COUNT = 40
MJPEG: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.mov"
    write_video(path, COUNT, **MJPEG)
    return path


def damage(path: Path, frames: list[int]) -> Path:
    """Return a copy of a video in which the packets of these frames are zero."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]  # in order: there are no B-frames
        for frame in frames:
            position = packets[frame].pos
            assert position is not None
            data[position : position + packets[frame].size] = bytes(packets[frame].size)
    damaged = path.with_name(f"damaged_{'_'.join(map(str, frames))}{path.suffix}")
    damaged.write_bytes(data)
    return damaged


@pytest.mark.parametrize(
    ("frames", "shown"),
    [([0], [1, 1, 2]), ([12], [11, 11, 13]), ([12, 13], [11, 11, 11, 14]), ([COUNT - 1], [COUNT - 2, COUNT - 2])],
)
def test_the_last_good_frame_stands_in_for_a_damaged_one(whole: Path, frames: list[int], shown: list[int]):
    clip = staa.open_clip(damage(whole, frames))
    assert len(clip) == COUNT
    noted: list[int] = []
    first = max(frames[0] - 1, 0)
    indices = np.arange(first, first + len(shown))
    images = list(clip.iter_frames(indices, on_damage=noted.append))
    assert [read_barcode(image) for image in images] == shown
    assert noted == frames
    with pytest.raises(UnreadableVideoError, match=f"Frame {frames[0]} of"):
        clip.frames(indices)
    assert [read_barcode(image) for image in clip.frames([first + 5 if first < 30 else 3])] != shown


def test_a_damaged_frame_moves_no_other_in_a_file_without_display_times(tmp_path: Path):
    """AVI stores no times of display: frames are counted, and one that cannot be decoded counts too."""
    write_video(tmp_path / "a.avi", COUNT, codec="mpeg4", gop=10, options={"qscale": "3", "flags": "+qscale"})
    clip = staa.open_clip(damage(tmp_path / "a.avi", [25]))
    assert len(clip) == COUNT
    noted: list[int] = []
    images = clip.iter_frames([20, 24, 25, 30, 39], on_damage=noted.append)
    assert [read_barcode(image) for image in images] == [20, 24, 24, 30, 39]
    assert noted == [25]


@pytest.mark.filterwarnings("ignore:.*damaged or incomplete")
@pytest.mark.parametrize("entry", [b"", b"JUNK" + bytes(12)])
def test_a_frame_is_the_same_alone_and_in_order_if_the_index_of_an_avi_file_is_wrong(tmp_path: Path, entry: bytes):
    """The index, by which a frame is looked up, then counts one frame fewer than the data."""
    write_video(tmp_path / "a.avi", COUNT, **MJPEG)
    data = (tmp_path / "a.avi").read_bytes()
    start = data.index(b"idx1") + 8 + 16 * 5
    (tmp_path / "b.avi").write_bytes(data[:start] + entry + data[start + 16 :])
    clip = staa.open_clip(tmp_path / "b.avi")
    assert [read_barcode(image) for image in clip.iter_frames(range(len(clip)))] == [*range(COUNT)]
    assert [read_barcode(clip.frames([frame])[0]) for frame in range(COUNT)] == [*range(COUNT)]


def test_a_file_whose_last_second_was_lost_gives_a_warning(tmp_path: Path):
    """The blocks after a damaged place in a Matroska file are lost, though the file is as long as it says."""
    write_video(tmp_path / "a.webm", COUNT, codec="libvpx", options={"cpu-used": "8", "deadline": "realtime"})
    with pytest.warns(UserWarning, match="damaged or incomplete"):
        clip = staa.open_clip(damage(tmp_path / "a.webm", [30]))
    assert len(clip) < COUNT


def test_a_damaged_frame_that_the_model_does_not_need_is_said_and_replaced(
    whole: Path, model: VideoModel, folder: Path, tmp_path: Path
):
    path = damage(whole, [12])
    for status in ("miss", "hit"):
        with pytest.warns(UserWarning, match=r"Frame 12 of .* at 0\.48 s, cannot be decoded: in the preview"):
            e = staa.explain(path, model)
        assert (e.provenance["cache"], e.provenance["damaged_frames"]) == (status, [12])
    assert e.preview is not None
    assert e.preview.jpeg(12) == e.preview.jpeg(11)
    with pytest.warns(UserWarning, match="in the movie the last good frame stands in"):
        e.to_video(tmp_path / "movie.mp4", video=path)
    assert len(staa.open_clip(tmp_path / "movie.mp4")) == COUNT
    loaded = staa.Explanation.from_bytes(e.to_bytes())
    assert loaded.preview is not None
    assert loaded.preview.damaged.tolist() == [12]


def test_a_sampled_frame_that_is_damaged_ends_explain_with_the_way_out(whole: Path, model: VideoModel):
    sampled = staa.explain(whole, model, cache=False, preview=False).sampled_frames.ravel().tolist()
    with pytest.raises(UnreadableVideoError, match=f"Frame {sampled[2]} of") as caught:
        staa.explain(damage(whole, [sampled[2]]), model, cache=False)
    assert "start= and end=" in caught.value.hint


@pytest.mark.parametrize("cut", [1, 60, 2000])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.ts", "a.mpg", "a.gif", "a.ogv"])
def test_a_file_that_breaks_off_gives_a_warning(name: str, cut: int, tmp_path: Path):
    options = {
        "a.mp4": {"movflags": "faststart"},
        "a.mov": {"movflags": "faststart"},
    }.get(name, {})
    codecs: dict[str, dict[str, Any]] = {
        "a.webm": {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}},
        "a.mpg": {"codec": "mpeg2video"},
        "a.gif": {"codec": "gif", "pix_fmt": "rgb8", "fps": 20},
        "a.ogv": {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}},
    }
    write_video(tmp_path / name, 20, **codecs.get(name, {}), container_options=options)
    staa.open_clip(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / f"cut_{name}").write_bytes(data[:-cut])
    with pytest.warns(UserWarning, match=r"damaged or incomplete: only \d+ frames can be read; from \d\.\d\d seconds"):
        clip = staa.open_clip(tmp_path / f"cut_{name}")
    assert 0 < len(clip) <= 20
    assert read_barcode(clip.frames([0])[0]) == 0


@pytest.mark.parametrize("length", [2**56 - 3, 2**54, 2**55 + 5])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_length_that_leads_beyond_any_file_is_no_other_error(name: str, length: int, tmp_path: Path):
    write_video(tmp_path / name, 20, container_options={"movflags": "faststart"} if name == "a.mp4" else {})
    data = bytearray((tmp_path / name).read_bytes())
    if name == "a.mkv":
        position = data.index(b"\x18\x53\x80\x67") + 4  # the length of the segment
        data[position : position + 8] = ((1 << 56) | (length & (2**56 - 1))).to_bytes(8, "big")
    else:  # a box with a length of 64 bits, after the others
        data += b"\0\0\0\1free" + length.to_bytes(8, "big")
    (tmp_path / name).write_bytes(data)
    with pytest.warns(UserWarning, match="damaged or incomplete"):
        clip = staa.open_clip(tmp_path / name)
    assert 0 < len(clip) <= 20


OTHER: dict[str, dict[str, Any]] = {
    "a.flv": {"codec": "flv"},
    "b_frames.flv": {"bframes": 2},
    "a.asf": {"codec": "wmv2"},
    "a.mxf": {"codec": "mpeg2video"},
    "a.nut": {"codec": "mpeg4"},
}


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("name", OTHER)
def test_a_lost_part_of_a_rarer_container_gives_a_warning(name: str, share: float, tmp_path: Path):
    write_video(tmp_path / name, 20, **OTHER[name])
    assert len(staa.open_clip(tmp_path / name)) == 20
    data = (tmp_path / name).read_bytes()
    (tmp_path / f"cut_{name}").write_bytes(data[: int(share * len(data))])
    with pytest.warns(UserWarning, match="damaged or incomplete"):
        clip = staa.open_clip(tmp_path / f"cut_{name}")
    assert 0 < len(clip) <= 20


@pytest.mark.parametrize("name", ["a.flv", "a.asf", "a.mp4", "fragmented.mp4", "a.mov"])
def test_a_second_file_that_follows_unread_gives_a_warning(name: str, tmp_path: Path):
    fragments = {"container_options": {"movflags": "frag_keyframe+empty_moov"}}
    write_video(tmp_path / name, 20, **{**OTHER, "fragmented.mp4": fragments, "a.mov": MJPEG}.get(name, {}))
    staa.open_clip(tmp_path / name)
    (tmp_path / f"joined_{name}").write_bytes(2 * (tmp_path / name).read_bytes())
    with pytest.warns(UserWarning, match=r"only 20 frames can be read; from 0\.80 seconds on it is missing"):
        staa.open_clip(tmp_path / f"joined_{name}")


def test_a_file_whose_frames_vanish_in_the_second_pass_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """FFmpeg may decode a frame of a damaged file with several threads, and none with one."""
    write_video(tmp_path / "a.avi", 5, codec="mpeg4", bframes=2)
    passes: list[int] = []
    original = probe.decode_stream

    def decode_once(*arguments: Any) -> Any:
        passes.append(1)
        return original(*arguments) if len(passes) == 1 else iter(())

    monkeypatch.setattr(probe, "decode_stream", decode_once)
    with pytest.raises(UnreadableVideoError, match="No frame"):
        staa.open_clip(tmp_path / "a.avi")
    assert len(passes) == 2
