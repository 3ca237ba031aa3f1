import hashlib
import os
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from staa_widgets.errors import (
    FrameArrayError,
    ParameterError,
    TooFewFramesError,
    UnreadableVideoError,
    VideoError,
    VideoNotFoundError,
)
from staa_widgets.video.clip import Clip
from staa_widgets.video.open import open_clip
from tests.helpers.video_files import barcode_frame, read_barcode, write_audio, write_video

FRAMES = np.stack([barcode_frame(i, 64, 48) for i in range(40)])


@pytest.fixture(scope="module")
def video_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    write_video(path, 50, bframes=2, gop=10)
    return path


def read_barcodes(clip: Clip, indices) -> list[int]:
    return [read_barcode(frame) for frame in clip.frames(indices)]


def test_a_file_becomes_a_clip(video_path):
    clip = open_clip(video_path)
    assert (clip.name, clip.width, clip.height, len(clip), clip.first_frame) == ("video.mp4", 160, 120, 50, 0)
    assert clip.times.tolist() == [i / 25 for i in range(50)]
    assert clip.end == 2.0
    assert clip.sha256 == hashlib.sha256(video_path.read_bytes()).hexdigest()


def test_frames_keep_order_and_duplicates(video_path):
    clip = open_clip(video_path)
    indices = [30, 2, 30, 49, 0, 2]
    assert read_barcodes(clip, indices) == indices
    assert read_barcodes(clip, np.array(indices, np.uint8)) == indices
    assert clip.frames([]).shape == (0, 120, 160, 3)
    assert clip.frames([7]).dtype == np.uint8


def test_returned_frames_are_copies():
    clip = open_clip(FRAMES)
    clip.frames([3, 4])[:] = 0
    assert read_barcodes(clip, [3, 4]) == [3, 4]


@pytest.mark.parametrize("indices", [[-1], [50], [0.5], [True], [[1]], 3, ["1"]])
def test_frames_that_do_not_exist_are_refused(video_path, indices):
    with pytest.raises(ParameterError):
        open_clip(video_path).frames(indices)


def test_a_clip_is_immutable(video_path):
    clip = open_clip(video_path)
    with pytest.raises(FrozenInstanceError):
        clip.name = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="read-only"):
        clip.times[0] = 1.0


def test_bytes_path_and_text_give_the_same_clip(video_path, monkeypatch):
    monkeypatch.chdir(video_path.parent)
    clips = [
        open_clip(s)
        for s in (video_path, str(video_path), "video.mp4", video_path.read_bytes(), bytearray(video_path.read_bytes()))
    ]
    assert len({c.sha256 for c in clips}) == 1
    for clip in clips:
        assert np.array_equal(clip.times, clips[0].times)
        assert read_barcodes(clip, [49, 11]) == [49, 11]


def test_a_clip_is_readable_after_a_change_of_folder(video_path, monkeypatch, tmp_path):
    monkeypatch.chdir(video_path.parent)
    clip = open_clip("video.mp4")
    monkeypatch.chdir(tmp_path)
    assert read_barcodes(clip, [8]) == [8]


def test_a_range_keeps_the_clock_of_the_video(video_path):
    clip = open_clip(video_path, start=0.4, end=1.0)
    assert (len(clip), clip.first_frame, clip.times[0], clip.end) == (15, 10, 0.4, 1.0)
    assert read_barcodes(clip, [0, 14]) == [10, 24]
    assert clip.sha256 == open_clip(video_path).sha256


def test_a_range_ends_with_the_video_or_with_its_last_frame(video_path):
    assert open_clip(video_path, start=1.9, end=99.0).end == 2.0
    assert open_clip(video_path, start=1.9, end=float("inf")).end == 2.0
    assert len(open_clip(video_path, end=0.1)) == 3
    assert open_clip(video_path, end=0.1).end == 0.1
    sparse = open_clip(FRAMES[:3], times=[0.0, 1.0, 5.0])
    assert open_clip(sparse, end=4.0).end == 4.0
    assert open_clip(sparse, start=1.0, end=99.0).times.tolist() == [1.0, 5.0]


def test_a_range_of_a_range_is_counted_from_the_video(video_path):
    clip = open_clip(open_clip(video_path, start=0.4), start=0.8, end=1.0)
    assert clip.first_frame == 20
    assert read_barcodes(clip, [0, 4]) == [20, 24]
    assert open_clip(clip) is clip


@pytest.mark.parametrize(
    ("start", "end"),
    [(1.0, 1.0), (1.5, 1.0), (-1.0, None), (2.0, None), (float("nan"), None), (0, float("nan")), ("a", 1)],
)
def test_an_invalid_range_is_refused(video_path, start, end):
    with pytest.raises(ParameterError):
        open_clip(video_path, start, end)


def test_a_range_between_two_frames_has_too_few(video_path):
    with pytest.raises(TooFewFramesError, match="has no frame between"):
        open_clip(video_path, start=0.41, end=0.43)


def test_frames_in_an_array_or_tensor():
    for source in (FRAMES, torch.from_numpy(FRAMES), FRAMES[:, ::-1][:, ::-1]):
        clip = open_clip(source, fps=10)
        assert (clip.width, clip.height, len(clip), clip.end) == (64, 48, 40, 4.0)
        assert clip.times.tolist() == [i / 10 for i in range(40)]
        assert np.array_equal(clip.frames([5, 5, 0]), FRAMES[[5, 5, 0]])
    assert open_clip(FRAMES).end == pytest.approx(1.6)


def test_times_of_an_array_start_at_zero():
    clip = open_clip(FRAMES[:4], times=torch.tensor([2.0, 2.5, 3.5, 4.0]))
    assert clip.times.tolist() == [0.0, 0.5, 1.5, 2.0]
    assert clip.end == 2.5


def test_anything_with_frames_and_times_is_a_video():
    @dataclass
    class Drawn:
        frames: np.ndarray
        times: np.ndarray
        label: str = "wave"

    clip = open_clip(Drawn(FRAMES, np.arange(40) / 8))
    assert (clip.name, clip.end, read_barcodes(clip, [39])) == ("wave", 5.0, [39])


def test_undecodable_bytes_in_a_name_are_replaced(video_path, tmp_path):
    """JSON and HTML cannot hold such bytes."""
    path = os.fsencode(tmp_path) + b"/a\xff.mp4"
    try:
        os.link(video_path, path)
    except OSError:
        pytest.skip("This disk takes no such name.")
    clip = open_clip(os.fsdecode(path))
    assert clip.name == "a\N{REPLACEMENT CHARACTER}.mp4"
    assert len(clip.frames([0])) == 1


def test_the_digest_depends_on_content_and_not_on_the_name(video_path, tmp_path):
    other = tmp_path / "other.mp4"
    other.write_bytes(video_path.read_bytes())
    first = open_clip(other).sha256
    assert first == open_clip(video_path).sha256
    data = bytearray(video_path.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    os.utime(other, ns=(1, 1))
    assert open_clip(other).sha256 != first

    changed = FRAMES.copy()
    changed[7, 3, 3, 1] ^= 1
    variants = [
        open_clip(FRAMES),
        open_clip(changed),
        open_clip(FRAMES, fps=12),
        open_clip(FRAMES.reshape(40, 64, 48, 3)),
    ]
    assert len({c.sha256 for c in variants}) == 4
    assert open_clip(FRAMES.copy(order="F")).sha256 == variants[0].sha256


BAD_FRAMES = {
    "float above 1": FRAMES / 2,
    "nan": np.full((4, 8, 8, 3), np.nan),
    "negative": FRAMES / 255 - 0.5,
    "int": FRAMES.astype(np.int64),
    "two channels": FRAMES[..., :2],
    "channels before frames": FRAMES.transpose(3, 0, 1, 2),
    "batch": FRAMES[None],
    "one picture": FRAMES[0],
    "no frames": FRAMES[:0],
    "no pixels": FRAMES[:, :0],
    "empty list": [],
    "sizes differ": [FRAMES[0], FRAMES[1, :40]],
    "videos in a list": [FRAMES, FRAMES],
    "nothing": None,
    "number": 3,
}


@pytest.mark.parametrize("kind", BAD_FRAMES)
def test_arrays_that_are_no_video_are_refused_with_a_hint(kind):
    with pytest.raises(FrameArrayError) as caught:
        open_clip(BAD_FRAMES[kind])
    assert caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("times", [[0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 2.0, 1.0], [0.0, 1.0, np.nan], ["a", "b", "c"]])
def test_times_that_do_not_rise_with_the_frames_are_refused(times):
    with pytest.raises(FrameArrayError, match="times="):
        open_clip(FRAMES[:3], times=times)


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf")])
def test_an_invalid_rate_is_refused(fps):
    with pytest.raises(ParameterError, match="fps"):
        open_clip(FRAMES, fps=fps)


def test_times_are_given_once_and_only_with_frames(video_path):
    with pytest.raises(ParameterError, match="cannot be combined"):
        open_clip(FRAMES, fps=25, times=np.arange(40))
    with pytest.raises(ParameterError, match="apply only to a video given as an array"):
        open_clip(video_path, fps=25)


def write_bad_files(folder: Path, video_path: Path) -> dict[str, Path]:
    video_data = video_path.read_bytes()
    write_audio(folder / "song.m4a")
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"This is no video. " * 50,
        "random.mp4": np.random.default_rng(0).bytes(50_000),
        "random.mkv": np.random.default_rng(1).bytes(50_000),
        "cut.mp4": video_data[: len(video_data) // 2],
        "head.mp4": video_data[:40],
        "picture.mp4": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in (*contents, "song.m4a")}


def test_files_without_a_video_are_refused_with_a_hint(video_path, tmp_path, capfd):
    files = write_bad_files(tmp_path, video_path)
    before = sorted(tmp_path.iterdir())
    for path in files.values():
        for source in (path, path.read_bytes()):
            with pytest.raises(UnreadableVideoError) as caught:
                open_clip(source)
            assert caught.value.message.endswith(".")
            assert caught.value.hint.endswith(".")
    assert sorted(tmp_path.iterdir()) == before
    assert capfd.readouterr() == ("", "")


def test_errors_name_the_cause(video_path, tmp_path):
    files = write_bad_files(tmp_path, video_path)
    for name, message in {
        "empty.mp4": "is empty",
        "song.m4a": "has no video track",
        "cut.mp4": "header or index is missing",
    }.items():
        with pytest.raises(UnreadableVideoError, match=message):
            open_clip(files[name])


@pytest.mark.parametrize("name", ["missing.mp4", "", ".", "https://example.org/a.mp4", "a\0b.mp4", "x" * 5000])
def test_paths_that_name_no_file_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoNotFoundError) as caught:
        open_clip(name)
    assert caught.value.hint
    assert isinstance(caught.value, VideoError)
    assert isinstance(caught.value, FileNotFoundError)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoNotFoundError, match="not a regular file"):
        open_clip(tmp_path / "pipe.mp4")
