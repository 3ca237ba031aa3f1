"""Videos damaged or made up by a stranger: truncated, with flipped bits, swapped pieces or absurd sizes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import staa_widgets as staa
from staa_widgets.video.clip import Clip
from tests.fuzz.driver import Case, Driver, RunCase
from tests.helpers.video_files import barcode_frame, read_barcode, write_video

COUNT = 24
SIZE = (96, 64)
MAX_CHECKED = 400
"""Frames of a clip that are decoded at most."""

_FAST = {"cpu-used": "8", "deadline": "realtime"}
_PLAIN: dict[str, dict[str, Any]] = {
    "b_frames.mp4": {"bframes": 2, "gop": 8},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "gop": 8},
    "turned.mp4": {"rotation": 90},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.mkv": {"gop": 8},
    "turned.mkv": {"rotation": 270},
    "vp9.webm": {"codec": "libvpx-vp9", "options": _FAST},
    "vp8.webm": {"codec": "libvpx", "options": _FAST},
    "rgb.gif": {"codec": "gif", "pix_fmt": "rgb8", "fps": 20},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.ts": {"bframes": 2, "gop": 8},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "flash.flv": {"codec": "flv"},
    "vp8.ogv": {"codec": "libvpx", "options": _FAST},
    "wmv.asf": {"codec": "wmv2"},
    "h264.nut": {"gop": 8},
    "vp8.ivf": {"codec": "libvpx", "options": _FAST},
    "bare.h264": {},
    "raw.y4m": {"codec": "wrapped_avframe"},
}
_TEXTS = (
    b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"#!AVS\nDirectShowSource('/etc/passwd')\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"PK\x03\x04" + bytes(60),
)
_NUMBERS = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", bytes(4), b"\0\0\0\1", b"\xff\xff\xff\x7f")


def _flip(case: Case, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(case.pick([1, 1, 2, 8, 64, 512])):
        changed[case.number(0, len(changed))] ^= 1 << case.number(0, 8)
    return bytes(changed)


def _flip_header(case: Case, data: bytes) -> bytes:
    head = min(len(data), case.pick([64, 256, 1024]))
    if case.chance(0.3):  # the index of an mp4 file lies at the end
        return data[:-head] + _flip(case, data[-head:])
    return _flip(case, data[:head]) + data[head:]


def _set_number(case: Case, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(case.pick([1, 1, 2, 4])):
        limit = case.pick([64, 512, len(changed)])
        position = case.number(0, min(limit, len(changed)))
        if case.chance(0.4):
            position = len(changed) - 4 - position
        number = case.pick(_NUMBERS)
        changed[max(position, 0) : max(position, 0) + 4] = number
    return bytes(changed)


def _piece(case: Case, data: bytes) -> tuple[int, int]:
    start = case.number(0, len(data))
    return start, min(len(data), start + case.pick([1, 16, 188, 1000, len(data) // 4]))


def _erase(case: Case, data: bytes) -> bytes:
    start, stop = _piece(case, data)
    return data[:start] + bytes(stop - start) + data[stop:]


def _drop(case: Case, data: bytes) -> bytes:
    start, stop = _piece(case, data)
    return data[:start] + data[stop:]


def _repeat(case: Case, data: bytes) -> bytes:
    start, stop = _piece(case, data)
    return data[:stop] + data[start:stop] * case.pick([1, 1, 3, 50]) + data[stop:]


def _swap(case: Case, data: bytes) -> bytes:
    first, second = sorted((_piece(case, data), _piece(case, data)))
    if first[1] > second[0]:
        return data[second[0] :] + data[: second[0]]
    (a, b), (c, d) = first, second
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _random_bytes(case: Case, data: bytes) -> bytes:
    return case.random.bytes(case.pick([1, 12, 200, 5000])) + data[case.number(0, len(data)) :]


def _truncate(case: Case, data: bytes) -> bytes:
    return data[: case.number(0, len(data))]


MUTATIONS: tuple[Callable[[Case, bytes], bytes], ...] = (
    _flip, _flip, _flip_header, _set_number, _set_number, _erase, _drop, _repeat, _swap, _random_bytes, _truncate,
)  # fmt: skip


def make_files(folder: Path) -> dict[str, bytes]:
    """Return whole videos of all containers by name; those that this FFmpeg cannot write are left out."""
    files: dict[str, bytes] = {}
    for name, options in _PLAIN.items():
        try:
            write_video(folder / name, COUNT, size=SIZE, **options)
        except Exception:  # A codec or a container that is not built in.
            continue
        files[name] = (folder / name).read_bytes()
    pictures = [Image.fromarray(barcode_frame(index, *SIZE)) for index in range(COUNT)]
    for suffix in ("webp", "png"):
        file = io.BytesIO()
        pictures[0].save(file, suffix, save_all=True, append_images=pictures[1:], duration=40)
        files[f"animated.{suffix}"] = file.getvalue()
    return files


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Load the model and make the whole videos, once."""
    from tests.helpers.timesformers import tiny_timesformer_model

    tiny_timesformer_model()
    yield partial(run, make_files(folder))


def run(files: dict[str, bytes], case: Case) -> str:
    """Open a damaged video; all its frames can be read, or it is refused."""
    name = case.pick([*files])
    data = files[name]
    kind = case.pick(["damaged"] * 12 + ["broken off"] * 3 + ["joined", "text", "renamed"])
    case.note(f"{name} {kind}")
    if kind == "broken off":
        data = _truncate(case, data)
    elif kind == "joined":
        data += files[case.pick([*files])]
    elif kind == "text":
        data, name = case.pick(_TEXTS), f"text{case.pick(['.mp4', '.m3u8', '.txt', '.gif', '.sdp'])}"
    elif kind == "renamed":
        name = case.pick([*files])
    else:
        for _ in range(case.pick([1, 1, 1, 2, 3])):
            mutate = case.pick(MUTATIONS)
            case.note(mutate.__name__.strip("_"))
            data = mutate(case, data) or b"\0"
    path = case.folder / name
    path.write_bytes(data)
    source = case.pick([path, path, str(path), data, io.BytesIO(data)])
    clip = staa.open_clip(source)
    check_clip(clip)
    damaged = check_frames(case, clip)
    if kind == "broken off":
        check_order(clip, damaged)
    if case.chance(0.2):
        check_explanation(clip, damaged)
        return "explained"
    return "read with damage" if damaged else "read"


def check_clip(clip: Clip) -> None:
    """Assert that the facts about a clip make sense."""
    times = clip.times
    assert len(clip) > 0, "no frames"
    assert clip.width > 0, "no width"
    assert clip.height > 0, "no height"
    assert np.isfinite(times).all(), "times are not finite"
    assert (np.diff(times) >= 0).all(), "times decrease"
    assert times[0] == 0, f"begins at {times[0]}"
    assert times[-1] <= clip.end < 2e6, f"ends at {clip.end}"
    assert len(clip.sha256) == 64, "no digest"


def check_frames(case: Case, clip: Clip) -> set[int]:
    """Assert that all frames can be read, in one pass and by number; return those that are damaged."""
    damaged: set[int] = set()
    count = min(len(clip), MAX_CHECKED)
    shape = (clip.height, clip.width, 3)
    shown = 0
    for frame in clip.iter_frames(np.arange(count), on_damage=damaged.add):
        assert frame.dtype == np.uint8, f"frames of type {frame.dtype}"
        assert frame.shape == shape, f"a frame of shape {frame.shape}, promised {shape}"
        shown += 1
    assert shown == count, f"{shown} of {count} frames"
    index = case.number(0, count)
    if index not in damaged:
        assert clip.frames([index]).shape == (1, *shape), "frames() gives another shape than promised"
    return damaged


def check_order(clip: Clip, damaged: set[int]) -> None:
    """Assert that a video that breaks off shows the frames before the break, in order."""
    indices = [index for index in range(len(clip) - 2) if index not in damaged]
    frames: list[NDArray[np.uint8]] = [*clip.iter_frames(indices)] if indices else []
    codes = [read_barcode(frame) for frame in frames]
    assert codes == indices, f"shows {codes}"


def check_explanation(clip: Clip, damaged: set[int]) -> None:
    """Assert that a clip is explained, or refused."""
    from tests.helpers.timesformers import tiny_timesformer_model

    e = staa.explain(clip, tiny_timesformer_model(), cache=False)
    assert np.isfinite(e.maps).all(), "maps are not finite"
    assert len(e.times) == len(clip), "another number of times"
    assert e.preview is not None, "no preview"
    assert {*e.preview.damaged.tolist()} <= damaged, f"says that {e.preview.damaged} are damaged, not {damaged}"
    staa.Explanation.from_bytes(e.to_bytes())


DRIVER = Driver("videos", "videos that are damaged, joined, renamed or no videos", start, share=4.0)
