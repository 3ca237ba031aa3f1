"""What people hold in their hands: open files, images, arrays of any layout, and readers of other libraries."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

import staa_widgets as staa
from staa_widgets.engine.video_list import list_videos
from staa_widgets.errors import (
    FrameArrayError,
    ParameterError,
    UnreadableVideoError,
    VideoNotFoundError,
    VideoTooLargeError,
)
from staa_widgets.video.decord_backend import load_decord
from tests.helpers.video_files import barcode_frame, read_barcode, write_video

COUNT = 12
FRAMES = np.stack([barcode_frame(i, 64, 48) for i in range(COUNT)])
GRAY = FRAMES.mean(-1).astype(np.uint8)
IMAGES = [Image.fromarray(frame) for frame in FRAMES]
RGBA = np.concatenate([FRAMES, np.full((COUNT, 48, 64, 1), 9, np.uint8)], axis=-1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inputs") / "video.mp4"
    write_video(path, COUNT)
    return path


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "shots"
    folder.mkdir()
    for index, image in enumerate(IMAGES):
        image.save(folder / f"shot_{index}.png")
    (folder / "notes.txt").write_text("These are no frames.")
    return folder


def numbers(clip: staa.Clip) -> list[int]:
    return [read_barcode(frame) for frame in clip.frames(range(len(clip)))]


# --- open files ---


def in_memory_file(path: Path) -> Any:
    files = fsspec.filesystem("memory")
    files.pipe_file("/videos/video.mp4", path.read_bytes())
    return files.open("/videos/video.mp4", "rb")


def in_zip(path: Path) -> Any:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "folder/video.mp4")
    return zipfile.ZipFile(archive).open("folder/video.mp4")


def in_temporary_file(path: Path) -> Any:
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115  open on purpose
    file.write(path.read_bytes())
    return file


OPEN_FILES: dict[str, Callable[[Path], Any]] = {
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "open": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "text": lambda path: path.open("r"),
    "temporary": in_temporary_file,
    "fsspec": in_memory_file,
    "zip": in_zip,
}


@pytest.mark.parametrize("kind", OPEN_FILES)
def test_an_open_file_is_left_open_and_where_it_was(kind: str, path: Path):
    with OPEN_FILES[kind](path) as file:
        getattr(file, "buffer", file).seek(100)
        clip = staa.open_clip(file)
        assert numbers(clip) == list(range(COUNT))
        assert clip.sha256 == staa.open_clip(path).sha256
        source = getattr(file, "buffer", file)
        assert source.tell() == 100
        source.seek(0)
        assert source.read() == path.read_bytes()


def test_a_file_of_fsspec_that_is_not_open_is_opened_and_closed(path: Path):
    in_memory_file(path)
    assert numbers(staa.open_clip(fsspec.open("memory://videos/video.mp4"))) == list(range(COUNT))
    with pytest.raises(UnreadableVideoError, match="cannot be opened"):
        staa.open_clip(fsspec.open("memory://videos/none.mp4"))


def test_files_that_cannot_be_read_are_refused(path: Path, tmp_path: Path):
    with path.open("rb") as file:
        pass
    for source in (file, io.StringIO("text")):
        with pytest.raises(UnreadableVideoError):
            staa.open_clip(source)
    with (tmp_path / "new.mp4").open("wb") as file, pytest.raises(UnreadableVideoError):
        staa.open_clip(file)


def test_a_row_of_a_data_set(path: Path):
    clips = [
        staa.open_clip({"bytes": path.read_bytes(), "path": "data/video.mp4"}),
        staa.open_clip({"bytes": None, "path": str(path)}),
    ]
    assert {clip.name for clip in clips} == {"video.mp4"}
    assert {clip.sha256 for clip in clips} == {staa.open_clip(path).sha256}
    with pytest.raises(UnreadableVideoError):
        staa.open_clip({"bytes": None, "path": None})


# --- addresses and links ---


def test_an_address_of_a_file(path: Path, tmp_path: Path):
    (tmp_path / "a b#1.mp4").write_bytes(path.read_bytes())
    assert staa.open_clip((tmp_path / "a b#1.mp4").as_uri()).name == "a b#1.mp4"
    assert len(staa.open_clip(f"file://localhost{path}")) == COUNT
    with pytest.raises(VideoNotFoundError):
        staa.open_clip("file://elsewhere/video.mp4")


def test_a_link_keeps_its_own_name(path: Path, tmp_path: Path):
    (tmp_path / "archery.mp4").symlink_to(path)
    clip = staa.open_clip(tmp_path / "archery.mp4")
    assert (clip.name, clip.sha256) == ("archery.mp4", staa.open_clip(path).sha256)


# --- images ---


@pytest.mark.parametrize(
    "frames",
    [
        IMAGES,
        tuple(IMAGES),
        [image.convert("RGBA") for image in IMAGES],
        list(FRAMES),
        [IMAGES[0], *FRAMES[1:]],
        [torch.from_numpy(frame).permute(2, 0, 1) for frame in FRAMES],
    ],
    ids=["images", "tuple", "alpha", "arrays", "mixed", "tensors"],
)
def test_a_list_of_frames_is_the_array_of_these_frames(frames: Any):
    clip = staa.open_clip(frames, fps=10)
    assert clip.sha256 == staa.open_clip(FRAMES, fps=10).sha256
    assert clip.end == COUNT / 10


def test_a_list_of_three_images_with_channels_first_is_not_ambiguous():
    assert numbers(staa.open_clip([frame.transpose(2, 0, 1) for frame in FRAMES[:3]])) == [0, 1, 2]


def test_a_list_that_holds_no_frames_of_one_video_is_refused(path: Path):
    for items in ([str(path), str(path)], [[1, 2], [3, 4]], [None], [FRAMES[0], FRAMES[1, :20]]):
        with pytest.raises(FrameArrayError) as caught:
            staa.open_clip(items)
        assert caught.value.hint


def test_a_folder_a_pattern_and_a_list_of_image_files(image_folder: Path):
    files = [image_folder / f"shot_{index}.png" for index in range(COUNT)]
    sources = [image_folder, str(image_folder / "shot_*.png"), files, [file.read_bytes() for file in files]]
    clips = [staa.open_clip(source, fps=5) for source in sources]
    for clip in clips:
        assert numbers(clip) == list(range(COUNT))  # frame 2 before frame 10
        assert clip.end == COUNT / 5
        assert np.array_equal(next(iter(clip.walk([7]))), FRAMES[7])
    assert len({clip.sha256 for clip in clips}) == 1
    assert clips[0].name == "shots"
    assert staa.open_clip(image_folder, times=np.arange(COUNT) * 2.0).end == 2.0 * COUNT


def test_images_that_do_not_fit_together_are_named(image_folder: Path, tmp_path: Path):
    for file in image_folder.glob("*.png"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "shot_5.png").write_bytes((image_folder / "shot_5.png").read_bytes()[:200])
    clip = staa.open_clip(tmp_path)
    with pytest.raises(UnreadableVideoError, match=r"shot_5\.png"):
        clip.frames([5])
    noted: list[int] = []
    assert [read_barcode(frame) for frame in clip.iter_frames([4, 5, 6], on_damage=noted.append)] == [4, 4, 6]
    assert noted == [5]
    IMAGES[0].resize((20, 20)).save(tmp_path / "shot_9.png")
    with pytest.raises(FrameArrayError, match=r"shot_9\.png.*20x20"):
        staa.open_clip(tmp_path)


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for index in range(2):
        IMAGES[index].save(tmp_path / f"{index}.jpg", exif=exif)
    clip = staa.open_clip(tmp_path)
    assert (clip.width, clip.height) == (48, 64)
    assert np.abs(clip.frames([0])[0] - np.rot90(FRAMES[0], -1).astype(int)).mean() < 20


def test_an_animated_webp_or_png_keeps_its_times(tmp_path: Path):
    durations = [40, 80, 120, *[40] * (COUNT - 3)]
    for name in ("a.png", "a.webp"):
        # PNG has no such option and ignores it.
        IMAGES[0].save(tmp_path / name, save_all=True, append_images=IMAGES[1:], duration=durations, lossless=True)
        for source in (tmp_path / name, (tmp_path / name).read_bytes()):
            clip = staa.open_clip(source)
            np.testing.assert_allclose(clip.times[:4], [0, 0.04, 0.12, 0.24])
            assert numbers(clip) == list(range(COUNT))
            assert [read_barcode(frame) for frame in clip.walk([2, 9])] == [2, 9]
        IMAGES[0].save(tmp_path / f"still_{name}")
        with pytest.raises(UnreadableVideoError, match="still picture"):
            staa.open_clip(tmp_path / f"still_{name}")


# --- arrays ---


@pytest.mark.parametrize(
    "frames",
    [
        FRAMES.transpose(0, 3, 1, 2),
        torch.from_numpy(FRAMES).permute(0, 3, 1, 2),
        RGBA,
        RGBA.transpose(0, 3, 1, 2),
        FRAMES / 255,
        torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float() / 255,
        torch.from_numpy(FRAMES / 255).requires_grad_(),
    ],
    ids=["channels first", "tensor", "RGBA", "RGBA first", "float", "float tensor", "gradient"],
)
def test_layouts_and_types_that_mean_the_same_frames(frames: Any):
    assert staa.open_clip(frames).sha256 == staa.open_clip(FRAMES).sha256


@pytest.mark.parametrize("frames", [GRAY, GRAY[..., None], GRAY[:, None], list(GRAY)])
def test_gray_frames_become_color_frames(frames: Any):
    clip = staa.open_clip(frames)
    assert np.array_equal(clip.frames([3])[0], np.repeat(GRAY[3][..., None], 3, axis=2))
    assert clip.frames([3]).flags.writeable


@pytest.mark.parametrize(
    ("frames", "readings"),
    [
        (FRAMES[:, :3], ["channels last", "channels first"]),
        (FRAMES[:3].transpose(0, 3, 1, 2), ["3 frames of 3 channels", "channels are the first axis"]),
        (FRAMES[0], ["one picture with channels last", "48 gray frames of 3x64"]),
        (FRAMES[0].transpose(2, 0, 1), ["one picture with channels first", "3 gray frames of 64x48"]),
    ],
)
def test_a_shape_that_can_be_read_in_two_ways_is_refused_with_both(frames: Any, readings: list[str]):
    with pytest.raises(FrameArrayError, match="two ways") as caught:
        staa.open_clip(frames)
    assert all(reading in caught.value.message for reading in readings)


# --- readers of other libraries ---


def test_a_reader_of_decord(path: Path):
    decord = load_decord()
    assert decord is not None
    clip = staa.open_clip(decord.VideoReader(str(path)))
    assert numbers(clip) == list(range(COUNT))
    np.testing.assert_allclose(clip.times, np.arange(COUNT) / 25)
    assert [read_barcode(frame) for frame in clip.iter_frames([2, 9], size=(80, 60))] == [2, 9]
    assert clip.sha256 == staa.open_clip(decord.VideoReader(str(path))).sha256


def test_a_container_of_pyav(path: Path):
    with av.open(str(path)) as container:
        assert staa.open_clip(container).sha256 == staa.open_clip(path).sha256
        assert len(list(container.decode(video=0))) == COUNT
    with av.open(io.BytesIO(path.read_bytes())) as container, pytest.raises(UnreadableVideoError) as caught:
        staa.open_clip(container)
    assert "bytes" in caught.value.hint


class Decoder:
    """Stands in for `torchcodec.decoders.VideoDecoder`, which needs libraries of FFmpeg to be installed."""

    metadata = SimpleNamespace(average_fps=20.0)

    def __len__(self) -> int:
        return COUNT

    def get_frames_at(self, indices: list[int]) -> SimpleNamespace:
        data = torch.from_numpy(FRAMES[indices]).permute(0, 3, 1, 2)
        return SimpleNamespace(data=data, pts_seconds=torch.tensor(indices, dtype=torch.float64) / 20 + 1)


def test_a_decoder_of_torchcodec_and_a_video_of_datasets(path: Path):
    clip = staa.open_clip(Decoder())
    assert numbers(clip) == list(range(COUNT))
    np.testing.assert_allclose(clip.times, np.arange(COUNT) / 20)
    decoder = Decoder()
    decoder._hf_encoded = {"bytes": None, "path": str(path)}  # pyright: ignore[reportAttributeAccessIssue]
    assert staa.open_clip(decoder).sha256 == staa.open_clip(path).sha256


def test_a_decoder_that_fails_is_refused_with_the_way_out():
    """Each library raises errors of its own types, when it is asked for times or for frames."""

    class FailingDecoder(Decoder):
        def __init__(self, last: int) -> None:
            self.last = last

        def get_frames_at(self, indices: list[int]) -> SimpleNamespace:
            if max(indices) > self.last:
                raise OSError("Could not push packet to decoder")
            return super().get_frames_at(indices)

    with pytest.raises(UnreadableVideoError, match="Could not push packet") as caught:
        staa.open_clip(FailingDecoder(5))
    assert "path" in caught.value.hint
    decoder = FailingDecoder(COUNT)
    clip = staa.open_clip(decoder)
    decoder.last = 3
    with pytest.raises(UnreadableVideoError, match="Could not push packet"):
        clip.frames([5])


# --- lists of videos, and keywords ---


def test_one_open_video_is_one_video_for_explain_many(path: Path):
    with path.open("rb") as file:
        for video in (file, {"bytes": None, "path": str(path)}, FRAMES[None], Decoder(), path.as_uri()):
            [listed] = list_videos(video)
            assert listed is video or listed == video
    assert list_videos([path, path]) == [path, path]


def test_a_rate_is_refused_for_videos_with_times(path: Path):
    data = path.read_bytes()
    for source in (path, data, io.BytesIO(data), {"path": str(path)}, staa.open_clip(path)):
        with pytest.raises(ParameterError, match="apply only to"):
            staa.open_clip(source, fps=10)


def test_frames_are_reduced_to_max_side(path: Path):
    clip = staa.open_clip(path, max_side=80)
    assert (clip.width, clip.height) == (80, 60)
    assert clip.frames([3]).shape == (1, 60, 80, 3)
    assert numbers(clip) == list(range(COUNT))
    assert staa.open_clip(path, max_side=1000).width == 160
    for wrong in (0, -1, 2.5, True, "80"):
        with pytest.raises(ParameterError, match="max_side"):
            staa.open_clip(path, max_side=wrong)  # pyright: ignore[reportArgumentType]


# --- what holds no frames ---

VALUES = torch.zeros(2, 8, 9, 3)


@pytest.mark.parametrize(
    "tensor",
    [
        VALUES.to("meta"),
        VALUES.to_sparse(),
        torch.nested.nested_tensor([VALUES, VALUES], layout=torch.jagged),
        VALUES.to(torch.complex64),
        VALUES.bool(),
    ],
    ids=["meta", "sparse", "nested", "complex", "bool"],
)
def test_a_tensor_without_plain_values_is_refused(tensor: torch.Tensor):
    with pytest.raises(FrameArrayError) as caught:
        staa.open_clip(tensor)
    assert caught.value.hint


@pytest.mark.parametrize("row", [{"path": 5}, {"bytes": "text"}, {"bytes": 10**9}, {"path": None}])
def test_a_row_without_a_video_is_refused(row: dict[str, Any]):
    with pytest.raises(UnreadableVideoError, match=r"'bytes'|'path'"):
        staa.open_clip(row)


def test_views_of_few_values_are_refused_or_read_in_parts():
    for shape in ((2, 10**6, 10**6, 3), (2**40, 1, 1, 3)):
        with pytest.raises((VideoTooLargeError, ParameterError)):
            staa.open_clip(np.broadcast_to(np.uint8(7), shape))
    view = np.broadcast_to(np.uint8(7), (20_000, 8, 8, 3))
    assert staa.open_clip(view).sha256 == staa.open_clip(np.ascontiguousarray(view)).sha256


def test_a_huge_max_side_changes_nothing():
    clip = staa.open_clip(FRAMES, max_side=10**400)
    assert (clip.width, clip.height) == (64, 48)
    with pytest.raises(ParameterError, match="max_side is a int of too many digits"):
        staa.open_clip(FRAMES, max_side=-(10**5000))


def test_a_rate_may_be_a_fraction():
    clip = staa.open_clip(FRAMES, fps=Fraction(30000, 1001))  # pyright: ignore[reportArgumentType]
    assert clip.times.dtype == np.float64
    assert clip.end == pytest.approx(COUNT * 1001 / 30000)


def test_a_name_that_is_not_unicode_can_be_shown_and_saved(path: Path, tmp_path: Path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    try:
        odd.write_bytes(path.read_bytes())
    except OSError:
        pytest.skip("this file system has Unicode names only")
    clip = staa.open_clip(odd)
    assert clip.name == "caf\ufffd.mp4"
    assert len(clip.frames([0])) == 1
