"""Frames as players show them: square pixels, also of turned videos."""

from __future__ import annotations

import math
import struct
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.video.decord_backend import supports
from staa_widgets.video.probe import probe
from tests.helpers.video_files import barcode_frame, read_barcode, remux, write_video

SHAPES = [
    # name, stored size, width of a pixel over its height, rotation, displayed size
    ("dvd.mp4", (180, 144), Fraction(16, 15), 0, (192, 144)),
    ("wide_dvd.mkv", (180, 144), Fraction(64, 45), 0, (256, 144)),
    ("ntsc.mkv", (180, 120), Fraction(8, 9), 0, (180, 135)),
    ("tall.mp4", (160, 60), Fraction(1, 2), 0, (160, 120)),
    ("turned.mp4", (180, 144), Fraction(16, 15), 90, (144, 192)),
    ("upside_down.mkv", (160, 60), Fraction(1, 2), 180, (160, 120)),
]


@pytest.mark.parametrize(("name", "stored", "aspect", "rotation", "size"), SHAPES)
def test_frames_are_shown_with_square_pixels(
    name: str, stored: tuple[int, int], aspect: Fraction, rotation: int, size: tuple[int, int], tmp_path: Path
):
    write_video(tmp_path / name, 6, size=stored, pixel_aspect=aspect, rotation=rotation)
    with pytest.warns(UserWarning, match="not square") as caught:
        clip = staa.open_clip(tmp_path / name)
    assert len(caught) == 1
    assert (clip.width, clip.height) == size
    expected = barcode_frame(4, *size).astype(int)
    for frame in (clip.frames([4])[0], next(iter(clip.walk([4])))):
        assert np.abs(frame - expected).mean() < 20
    unchanged = staa.open_clip(tmp_path / name, square_pixels=False)
    upright = stored if rotation % 180 == 0 else stored[::-1]
    assert (unchanged.width, unchanged.height) == upright
    assert unchanged.frames([4]).shape == (1, *upright[::-1], 3)
    assert not supports(probe(tmp_path / name, name)) if rotation == 0 else True


def test_a_rounding_error_in_the_aspect_is_no_reason_to_resize(tmp_path: Path):
    write_video(tmp_path / "nearly.mp4", 3, size=(640, 32), pixel_aspect=Fraction(320, 319))
    assert staa.open_clip(tmp_path / "nearly.mp4").width == 640


def test_the_model_sees_square_pixels_and_the_cache_tells_both_apart(tmp_path: Path, model: Any, folder: Path):
    write_video(tmp_path / "dvd.mp4", 16, size=(90, 72), pixel_aspect=Fraction(16, 15))
    with pytest.warns(UserWarning, match="not square"):
        square = staa.explain(tmp_path / "dvd.mp4", model)
    stored = staa.explain(staa.open_clip(tmp_path / "dvd.mp4", square_pixels=False), model)
    assert (square.frame_size, stored.frame_size) == ((96, 72), (90, 72))
    assert square.preview is not None
    assert stored.preview is not None
    assert (square.preview.width, stored.preview.width) == (96, 90)
    assert square.box == model.transform.box(96, 72)


def patch_matrix(path: Path, degrees: float) -> None:
    """Write a counter-clockwise rotation into the header of the video track (ISO/IEC 14496-12, section 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    cos, sin = (round(65536 * f(math.radians(degrees))) for f in (math.cos, math.sin))
    data[at : at + 36] = struct.pack(">9i", cos, -sin, 0, sin, cos, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize(("degrees", "sideways"), [(-90, True), (450, True), (2, False), (-180, False)])
def test_angles_in_any_notation(degrees: float, sideways: bool, tmp_path: Path):
    write_video(tmp_path / "a.mp4", 4)
    patch_matrix(tmp_path / "a.mp4", degrees)
    clip = staa.open_clip(tmp_path / "a.mp4")
    assert (clip.width, clip.height) == ((120, 160) if sideways else (160, 120))


def test_a_rotation_between_quarter_turns_gives_a_warning(tmp_path: Path):
    write_video(tmp_path / "a.mp4", 4)
    patch_matrix(tmp_path / "a.mp4", 30)
    with pytest.warns(UserWarning, match="rotation of 30 degrees; its frames are turned by 0"):
        clip = staa.open_clip(tmp_path / "a.mp4")
    assert (clip.width, clip.height) == (160, 120)


@pytest.mark.parametrize("name", ["tagged.mkv", "tagged.webm"])
def test_a_rotation_tag_is_ignored_by_all_readers(name: str, tmp_path: Path):
    """decord obeys such a tag, ffmpeg and players do not."""
    import av

    codec = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}} if "webm" in name else {}
    write_video(tmp_path / f"plain_{name}", 8, **codec)
    with av.open(str(tmp_path / f"plain_{name}")) as source, av.open(str(tmp_path / name), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        copy.metadata["rotate"] = "90"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    clip = staa.open_clip(tmp_path / name)
    assert [read_barcode(frame) for frame in clip.frames([2, 5])] == [2, 5]
    assert [read_barcode(frame) for frame in clip.walk([2, 5])] == [2, 5]


def test_square_pixels_give_no_warning(tmp_path: Path):
    write_video(tmp_path / "a.mp4", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        staa.open_clip(tmp_path / "a.mp4")
    remux(tmp_path / "a.mp4", tmp_path / "b.mkv")
    assert staa.open_clip(tmp_path / "b.mkv").width == 160
