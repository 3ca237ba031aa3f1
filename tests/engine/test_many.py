"""Many videos: patterns, order, errors of one file, batches over files, going on where a run broke off."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets.engine.many
import staa_widgets.models.capture
from staa_widgets import action_clip, explain, explain_many, load_model, open_clip
from staa_widgets.engine.video_list import list_videos
from staa_widgets.errors import (
    CancelledError,
    MethodError,
    ParameterError,
    TooFewFramesError,
    UnreadableVideoError,
    VideoNotFoundError,
    WrongInputError,
)
from staa_widgets.models import VideoModel
from staa_widgets.storage import cache
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four drawn clips, one of them half written, and a text."""
    place = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate("abcd"):
        path = action_clip(seed, size=48, fps=8).write_mp4(place / f"{name}.mp4")
        if name == "b":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (place / "notes.txt").write_text("no video")
    return place


def test_each_file_gets_an_answer_or_an_error_in_order(clips: Path, model: VideoModel):
    found = list(explain_many([clips / "d.mp4", clips / "b.mp4", "missing.mp4", clips / "a.mp4"], model))
    assert [str(one.video).rsplit("/")[-1] for one in found] == ["d.mp4", "b.mp4", "missing.mp4", "a.mp4"]
    assert [type(one.error) for one in found] == [type(None), UnreadableVideoError, VideoNotFoundError, type(None)]
    assert [one.explanation is None for one in found] == [False, True, True, False]
    for one in (found[0], found[3]):
        alone = explain(one.video, model, cache=False)
        assert one.explanation is not None
        np.testing.assert_allclose(one.explanation.maps, alone.maps, rtol=1e-3, atol=1e-6)
        assert one.explanation.clip_name == one.video.name
        assert one.explanation.preview is not None


def test_patterns_and_folders_are_sorted(clips: Path, monkeypatch: pytest.MonkeyPatch):
    every = [clips / f"{name}.mp4" for name in "abcd"]
    assert list_videos(clips / "*.mp4") == list_videos(str(clips)) == every
    assert list_videos([clips / "[ad].mp4", "c?.mp4"]) == [every[0], every[3], "c?.mp4"]
    monkeypatch.setenv("HOME", str(clips.parent))
    assert list_videos(f"~/{clips.name}/[ab].mp4") == every[:2]
    (clips.parent / "x[1].mp4").touch()
    assert list_videos(clips.parent / "x[1].mp4") == [clips.parent / "x[1].mp4"]


@pytest.mark.parametrize("nothing", ["*.avi", "."])
def test_a_pattern_or_a_folder_without_videos_is_refused_with_a_hint(
    nothing: str, model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoNotFoundError, match="no video in the") as refused:
        explain_many(nothing, model)
    assert refused.value.hint


class Column:
    """What a column of a data frame is to those who iterate over it."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_columns_generators_and_single_videos_are_lists(clips: Path, model: VideoModel):
    paths = [str(clips / "a.mp4"), float("nan"), str(clips / "c.mp4")]
    for videos in (Column(*paths), iter(paths)):
        found = list(explain_many(videos, model, preview=False))
        assert [one.error is None for one in found] == [True, False, True]
    frames = NoiseVideo(2)
    for one in (frames, frames.frames, open_clip(frames), (clips / "a.mp4").read_bytes()):
        (outcome,) = explain_many(one, model, preview=False)
        assert outcome.video is one
        assert outcome.explanation is not None


def test_a_whole_data_frame_is_refused(model: VideoModel):
    class Table(Column):
        columns = ("path", "label")

    for wrong in (Table("path"), 3):
        with pytest.raises(ParameterError):
            explain_many(wrong, model)


@pytest.mark.parametrize("cached", [True, False])
def test_short_clips_share_batches(cached: bool, clips: Path, model: VideoModel, forwards: list[int]):
    videos = [clips / "a.mp4", clips / "b.mp4", NoiseVideo(20), clips / "c.mp4", clips / "d.mp4"]
    found = list(explain_many(videos, model, "staa_logit", cache=cached, batch_size=5, preview=False))
    assert [one.error is None for one in found] == [True, False, True, True, True]
    assert forwards[:2] == [3, 5]  # three short clips at once, then the five windows of the long one
    for one in (found[0], found[2]):
        assert one.explanation is not None
        alone = explain(one.video, model, "staa_logit", cache=False)
        np.testing.assert_allclose(one.explanation.maps, alone.maps, rtol=1e-3, atol=1e-6)


def test_methods_that_ask_the_model_again_are_answered_too(clips: Path, model: VideoModel):
    for one in explain_many([clips / "a.mp4", clips / "c.mp4"], model, "occlusion", preview=False, cache=False):
        assert one.explanation is not None
        np.testing.assert_allclose(
            one.explanation.maps, explain(one.video, model, "occlusion", cache=False).maps, rtol=1e-3, atol=1e-5
        )


def test_the_same_content_twice_is_computed_once(clips: Path, model: VideoModel, forwards: list[int]):
    same = clips / "a.mp4"
    found = list(explain_many([same, same.read_bytes(), same], model, preview=False))
    assert [one.error for one in found] == [None] * 3
    assert forwards == [1]


def test_one_clip_that_spoils_a_batch_does_not_spoil_the_others(
    clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    original = staa_widgets.models.capture.record
    dark = np.zeros((8, 24, 24, 3), np.uint8)

    def picky(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        if (pixels.flatten(1).std(1) == 0).any():
            raise WrongInputError("Too dark.")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", picky)
    found = list(explain_many([clips / "a.mp4", dark, NoiseVideo(0.2), clips / "c.mp4"], model, preview=False))
    assert [type(one.error) for one in found] == [type(None), WrongInputError, TooFewFramesError, type(None)]


def test_a_second_run_goes_on_where_the_first_was_stopped(clips: Path, model: VideoModel, forwards: list[int]):
    videos = [clips / f"{name}.mp4" for name in "acd"]
    running = explain_many(videos, model, batch_size=1, preview=False)
    next(running)
    next(running)
    running.close()
    assert forwards == [1, 1]
    found = [one.explanation for one in explain_many(videos, model, batch_size=1, preview=False)]
    assert [one.provenance["cache"] for one in found if one] == ["hit", "hit", "miss"]
    assert forwards == [1, 1, 1]


@pytest.mark.parametrize("cached", [True, False])
def test_weights_changed_between_two_files_answer_for_the_second(cached: bool, clips: Path):
    module = tiny_timesformer()
    mine = load_model(module, processor=tiny_timesformer_model().transform, id="tiny")
    running = explain_many(clips / "[ac].mp4", mine, preview=False, cache=cached)
    first = next(running).explanation
    with torch.no_grad():
        module.classifier.bias[1] += 1
    (second,) = (one.explanation for one in running)
    assert first is not None
    assert second is not None
    assert first.provenance["model"]["weights"] != second.provenance["model"]["weights"]
    np.testing.assert_allclose(second.logits, explain(clips / "c.mp4", mine, cache=False).logits, rtol=1e-5, atol=1e-5)


def test_an_answer_that_was_taken_is_let_go(clips: Path, model: VideoModel):
    taken, alive = list[weakref.ref[Any]](), list[int]()

    def note_progress(*_: Any) -> None:
        gc.collect()
        if taken:
            alive.append(sum(outcome() is not None for outcome in taken))

    for outcome in explain_many(clips / "[acd].mp4", model, batch_size=1, preview=False, progress=note_progress):
        taken.append(weakref.ref(outcome))
        del outcome
    assert len(taken) == 3
    assert set(alive) == {0}


def test_nothing_is_left_on_disk_without_cache(clips: Path, model: VideoModel, folder: Path):
    list(explain_many(clips, model, cache=False))
    assert not folder.exists()


def test_progress_counts_files_and_names_the_step(clips: Path, model: VideoModel):
    told: list[tuple[str, int, int]] = []
    videos = [clips / "a.mp4", clips / "b.mp4", NoiseVideo(20)]
    list(explain_many(videos, model, batch_size=2, progress=lambda *step: told.append(step)))
    assert {total for _, _, total in told} == {3}
    counts = [done for _, done, _ in told]
    assert counts == sorted(counts)
    assert counts[-1] == 3
    assert told[0] == ("a.mp4: opening", 0, 3)
    assert ("video: model 2/5", 2, 3) in told
    assert told[-1][0] == "video"


def test_cancelling_ends_all(clips: Path, model: VideoModel):
    def cancel(step: str, done: int, total: int) -> None:
        if done == 1:
            raise CancelledError("Stopped.")

    running = explain_many(clips / "[ac].mp4", model, progress=cancel)
    with pytest.raises(CancelledError):
        list(running)


@pytest.mark.parametrize("where", ["a.mp4: opening", "a.mp4: model", "c.mp4: pictures", "c.mp4"])
def test_an_error_of_progress_itself_ends_all(where: str, clips: Path, model: VideoModel):
    """It is no file's, and not taken for memory that ran out either."""

    def fail(step: str, done: int, total: int) -> None:
        if step.startswith(where):
            raise RuntimeError("out of memory, says the bar")

    with pytest.raises(RuntimeError, match="says the bar"):
        list(explain_many(clips / "[ac].mp4", model, progress=fail))


def test_what_goes_wrong_in_a_batch_only_is_told_and_loses_no_clip(
    clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    original = staa_widgets.models.capture.record

    def alone(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        if len(pixels) > 1:
            raise ValueError("one at a time")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", alone)
    with pytest.warns(RuntimeWarning, match=r"2 videos .* \(ValueError: one at a time\)"):
        found = list(explain_many(clips / "[ac].mp4", model, preview=False))
    assert [one.error for one in found] == [None, None]


def test_ctrl_c_ends_all(clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staa_widgets.engine.many, "finish_run", stop)
    with pytest.raises(KeyboardInterrupt):
        list(explain_many(clips / "[ac].mp4", model))


def test_questions_that_make_no_sense_are_refused_at_once(clips: Path, model: VideoModel):
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (MethodError, {"method": "stab"}),
        (ParameterError, {"layer": "last"}),
        (ParameterError, {"target": "nothing"}),
        (ParameterError, {"batch_size": 0}),
        (ParameterError, {"window": 0}),
    ]
    for error, asked in wrong:
        with pytest.raises(error):
            explain_many(clips, model, **asked)


def test_a_class_that_a_method_cannot_speak_of_is_warned_of(clips: Path, model: VideoModel):
    target = (explain(clips / "a.mp4", model, preview=False).target + 1) % 5
    with pytest.warns(UserWarning, match="does not depend on the class"):
        list(explain_many(clips / "a.mp4", model, target=target, preview=False))


def test_others_may_compute_between_two_files(clips: Path, model: VideoModel):
    running = explain_many(clips / "[acd].mp4", model, batch_size=2, preview=False)
    next(running)
    other = threading.Thread(target=lambda: explain(NoiseVideo(2), model, preview=False))
    other.start()
    other.join(60)
    assert not other.is_alive()
    assert len(list(running)) == 2
    assert cache.info().entries["explanation"] == 4
