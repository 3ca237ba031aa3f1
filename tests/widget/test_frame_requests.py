"""Requests for frames: the right ones, within the limit of bytes, with one pass through the file."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import staa_widgets as staa
from staa_widgets.errors import CancelledError, ParameterError, PlayerError, UnreadableVideoError
from staa_widgets.models import VideoModel
from staa_widgets.video import decode
from staa_widgets.video.open import open_clip
from staa_widgets.video.preview import make_preview
from staa_widgets.widget import frame_stream
from staa_widgets.widget.frame_requests import (
    MAX_BYTES,
    MAX_FRAMES,
    FramesOperation,
    encode_within,
    make_frames_operation,
)
from tests.helpers.comm import Page, Pages, replace_comms
from tests.helpers.video_files import read_barcode, write_video

COUNT = 120


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, COUNT, size=(160, 120), gop=40, bframes=2)
    return path


@pytest.fixture(scope="module")
def e(path: Path, model: VideoModel) -> staa.Explanation:
    """An explanation of half of the clip, with a preview of four frames at half the size."""
    explanation = staa.explain(path, model, start=1.2, window=1, preview=False, cache=False, progress=False)
    return replace(explanation, preview=make_preview(open_clip(path, 1.2), max_frames=4, max_side=80))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return replace_comms(monkeypatch)


@pytest.fixture
def player(path: Path, e: staa.Explanation, model: VideoModel, pages: Pages) -> staa.Player:
    return staa.Player(e, video=path, model=model)


@pytest.fixture
def file_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """First frame of each pass through the file."""
    passes: list[int] = []
    original = decode.iter_pyav

    def count_pass(video: Any, indices: Any, *rest: Any) -> Any:
        passes.append(int(indices[0]))
        return original(video, indices, *rest)

    monkeypatch.setattr(decode, "iter_pyav", count_pass)
    return passes


def request_frames(player: staa.Player, **args: int) -> tuple[dict[str, Any], list[Image.Image]]:
    operation = make_frames_operation(player, args)
    result, [data] = operation.finish(operation.compute(lambda *_: None))
    edges = result["offsets"]
    files = [data[start:end] for start, end in pairwise(edges)]
    return dict(result), [Image.open(io.BytesIO(file)) for file in files]


def read_frame_numbers(images: list[Image.Image]) -> list[int]:
    return [read_barcode(np.asarray(image.convert("RGB"))) for image in images]


def test_requested_frames_come_at_the_size_of_the_preview(player: staa.Player, e: staa.Explanation):
    assert e.first_frame == 30
    result, images = request_frames(player, first=62, count=32)
    assert result["first"] == 62
    assert read_frame_numbers(images) == [*range(62, 94)]
    assert {image.size for image in images} == {(80, 60)}


def test_runs_are_limited_to_max_frames_and_to_the_clip(player: staa.Player):
    assert len(request_frames(player, first=30, count=1000)[1]) == MAX_FRAMES
    assert read_frame_numbers(request_frames(player, first=COUNT - 3, count=MAX_FRAMES)[1]) == [
        *range(COUNT - 3, COUNT)
    ]


@pytest.mark.parametrize("first", [29, COUNT, -1])
def test_frames_that_the_clip_does_not_have_are_refused(player: staa.Player, first: int):
    with pytest.raises(ParameterError):
        request_frames(player, first=first, count=MAX_FRAMES)


def test_an_explanation_without_its_video_refuses_frame_requests(e: staa.Explanation):
    loaded = staa.Explanation.from_bytes(e.to_bytes())
    with pytest.raises(PlayerError, match="does not have the video"):
        request_frames(staa.Player(loaded), first=30)


def test_a_page_knows_whether_it_can_request_frames(
    player: staa.Player, e: staa.Explanation, pages: Pages, path: Path, model: VideoModel
):
    assert e.preview is not None
    frames = pages.page_of(player).initial["_meta"]["frames"]
    assert frames == {"first": 30, "total": 90, "kept": e.preview.indices.tolist(), "live": True}
    times = np.frombuffer(pages.page_of(player).initial["_times"], "<f8")
    np.testing.assert_array_equal(times, e.times)
    loaded = staa.Explanation.from_bytes(e.to_bytes())
    assert not pages.page_of(staa.Player(loaded)).initial["_meta"]["frames"]["live"]
    with_all_frames = replace(e, preview=make_preview(open_clip(path, 1.2)))
    frames = pages.page_of(staa.Player(with_all_frames, video=path, model=model)).initial["_meta"]["frames"]
    assert (frames["kept"], frames["live"]) == (None, False)


def test_the_player_opens_at_the_frame_of_the_greatest_attribution(player: staa.Player, e: staa.Explanation):
    sampled = e.sampled_frames[e.temporal.argmax()]
    assert player.frame == sampled[len(sampled) // 2]
    loaded = staa.Explanation.from_bytes(e.to_bytes())
    assert e.preview is not None
    assert staa.Player(loaded).frame in e.preview.indices


def test_consecutive_runs_share_one_pass_through_the_file(player: staa.Player, file_passes: list[int]):
    assert read_frame_numbers(
        request_frames(player, first=30, count=32)[1] + request_frames(player, first=62, count=32)[1]
    ) == [*range(30, 94)]
    assert file_passes == [30]
    assert read_frame_numbers(request_frames(player, first=30, count=2)[1]) == [30, 31]
    assert file_passes == [30, 30]


def test_the_file_is_closed_after_a_time_without_requests(
    player: staa.Player, file_passes: list[int], monkeypatch: pytest.MonkeyPatch
):
    waiting: list[Callable[[], object]] = []

    class Timer(threading.Timer):
        def __init__(self, _: float, call: Callable[[], object]) -> None:
            super().__init__(0, call)
            waiting.append(call)

        def start(self) -> None:
            pass

    monkeypatch.setattr(frame_stream.threading, "Timer", Timer)
    request_frames(player, first=30, count=2)
    waiting[-1]()
    assert read_frame_numbers(request_frames(player, first=32, count=2)[1]) == [32, 33]
    assert file_passes == [30, 32]


def test_a_canceled_run_stops_and_the_next_continues(player: staa.Player, file_passes: list[int]):
    def stop(_: str, done: int, __: int) -> None:
        if done == 3:
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        make_frames_operation(player, {"first": 30, "count": 32}).compute(stop)
    assert read_frame_numbers(request_frames(player, first=34, count=2)[1]) == [34, 35]
    assert file_passes == [30]


def test_a_damaged_frame_ends_a_run_and_affects_no_other(player: staa.Player, monkeypatch: pytest.MonkeyPatch):
    original = decode.iter_pyav

    def break_at_frame_40(video: Any, indices: Any, *rest: Any) -> Any:
        for index, frame in zip(indices, original(video, indices, *rest), strict=False):
            if index == 40:
                raise UnreadableVideoError("Frame 40 cannot be decoded.")
            yield frame

    monkeypatch.setattr(decode, "iter_pyav", break_at_frame_40)
    assert read_frame_numbers(request_frames(player, first=30, count=32)[1]) == [*range(30, 40)]
    with pytest.raises(UnreadableVideoError):
        request_frames(player, first=40)
    assert read_frame_numbers(request_frames(player, first=62, count=1)[1]) == [62]


def test_an_answer_is_within_the_limit_of_bytes():
    noise = np.random.default_rng(0).integers(0, 256, (MAX_FRAMES, 360, 640, 3), np.uint8)
    noisy = [Image.fromarray(frame) for frame in noise]
    files = encode_within(noisy)
    assert 0 < sum(map(len, files)) <= MAX_BYTES
    assert len(files) < MAX_FRAMES
    plain = [Image.new("RGB", (640, 360), (i, 0, 0)) for i in range(MAX_FRAMES)]
    assert len(encode_within(plain)) == MAX_FRAMES
    assert len(encode_within(noisy[:1], 10)) == 1


def request(name: str, first: int) -> dict[str, Any]:
    return {"v": 2, "id": name, "op": "frames", "args": {"first": first, "count": MAX_FRAMES, "pane": 0}}


@pytest.fixture
def front(player: staa.Player, pages: Pages) -> Page:
    return pages.page_of(player)


def test_each_view_has_its_own_latest_run_and_no_progress_is_sent(
    front: Page, player: staa.Player, monkeypatch: pytest.MonkeyPatch
):
    go = threading.Event()
    original = FramesOperation.compute

    def compute_when_allowed(self: FramesOperation, report: Any) -> Any:
        assert go.wait(60)
        return original(self, report)

    monkeypatch.setattr(FramesOperation, "compute", compute_when_allowed)
    for name, first in (("one-1-frames", 30), ("two-1-frames", 62), ("one-2-frames", 94)):
        front.send(request(name, first))
    assert front.wait_for_answer("one-1-frames")["error"]["type"] == "CancelledError"
    go.set()
    assert front.wait_for_answer("one-2-frames")["result"]["first"] == 94
    assert front.wait_for_answer("two-1-frames")["result"]["first"] == 62
    assert not [message for message in front.messages if "progress" in message]


def test_a_closed_player_cancels_its_frame_requests(front: Page, player: staa.Player, monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()
    monkeypatch.setattr(FramesOperation, "compute", lambda *_: go.wait(60))
    front.send(request("one-1-frames", 30))
    player.close()
    assert front.wait_for_answer("one-1-frames")["error"]["type"] == "CancelledError"
    go.set()
