"""Many videos: patterns, order, errors of one file, batches over files, resuming an interrupted run."""

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
from tests.helpers.entries import entries_of_clips
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four synthetic clips, one of them half written, and a text."""
    place = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate("abcd"):
        path = action_clip(seed, size=48, fps=8).write_mp4(place / f"{name}.mp4")
        if name == "b":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (place / "notes.txt").write_text("no video")
    return place


def test_each_file_gets_an_explanation_or_an_error_in_order(clips: Path, model: VideoModel):
    outcomes = list(explain_many([clips / "d.mp4", clips / "b.mp4", "missing.mp4", clips / "a.mp4"], model))
    assert [str(outcome.video).rsplit("/")[-1] for outcome in outcomes] == ["d.mp4", "b.mp4", "missing.mp4", "a.mp4"]
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        UnreadableVideoError,
        VideoNotFoundError,
        type(None),
    ]
    assert [outcome.explanation is None for outcome in outcomes] == [False, True, True, False]
    for outcome in (outcomes[0], outcomes[3]):
        single = explain(outcome.video, model, cache=False)
        assert outcome.explanation is not None
        np.testing.assert_allclose(outcome.explanation.maps, single.maps, rtol=1e-3, atol=1e-6)
        assert outcome.explanation.clip_name == outcome.video.name
        assert outcome.explanation.preview is not None


def test_patterns_and_folders_are_sorted(clips: Path, monkeypatch: pytest.MonkeyPatch):
    videos = [clips / f"{name}.mp4" for name in "abcd"]
    assert list_videos(clips / "*.mp4") == list_videos(str(clips)) == videos
    assert list_videos([clips / "[ad].mp4", "c?.mp4"]) == [videos[0], videos[3], "c?.mp4"]
    monkeypatch.setenv("HOME", str(clips.parent))
    assert list_videos(f"~/{clips.name}/[ab].mp4") == videos[:2]
    (clips.parent / "x[1].mp4").touch()
    assert list_videos(clips.parent / "x[1].mp4") == [clips.parent / "x[1].mp4"]


@pytest.mark.parametrize("pattern", ["*.avi", "."])
def test_a_pattern_or_a_folder_without_videos_is_refused_with_a_hint(
    pattern: str, model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoNotFoundError, match=r"No (video in the folder|file matches)") as caught:
        explain_many(pattern, model)
    assert caught.value.hint


class Column:
    """Has a length and iterates over its values, as a column of a data frame does."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_columns_generators_and_single_videos_are_lists(clips: Path, model: VideoModel):
    paths = [str(clips / "a.mp4"), float("nan"), str(clips / "c.mp4")]
    for videos in (Column(*paths), iter(paths)):
        outcomes = list(explain_many(videos, model, preview=False))
        assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    frames = NoiseVideo(2)
    for video in (frames, frames.frames, open_clip(frames), (clips / "a.mp4").read_bytes()):
        (outcome,) = explain_many(video, model, preview=False)
        assert outcome.video is video
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
    outcomes = list(explain_many(videos, model, "staa_logit", window=4, cache=cached, batch_size=5, preview=False))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True, True]
    assert forwards[:2] == [3, 5]  # three short clips at once, then the five windows of the long one
    for outcome in (outcomes[0], outcomes[2]):
        assert outcome.explanation is not None
        single = explain(outcome.video, model, "staa_logit", window=4, cache=False)
        np.testing.assert_allclose(outcome.explanation.maps, single.maps, rtol=1e-3, atol=1e-6)


def test_methods_with_further_passes_explain_many_videos(clips: Path, model: VideoModel):
    for outcome in explain_many([clips / "a.mp4", clips / "c.mp4"], model, "occlusion", preview=False, cache=False):
        assert outcome.explanation is not None
        np.testing.assert_allclose(
            outcome.explanation.maps, explain(outcome.video, model, "occlusion", cache=False).maps, rtol=1e-3, atol=1e-5
        )


def test_the_same_content_twice_is_computed_once(clips: Path, model: VideoModel, forwards: list[int]):
    same = clips / "a.mp4"
    outcomes = list(explain_many([same, same.read_bytes(), same], model, preview=False))
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert forwards == [1]


def test_one_clip_that_spoils_a_batch_does_not_spoil_the_others(
    clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    original = staa_widgets.models.capture.record
    dark = np.zeros((8, 24, 24, 3), np.uint8)

    def refuse_dark(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        if (pixels.flatten(1).std(1) == 0).any():
            raise WrongInputError("Too dark.")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", refuse_dark)
    outcomes = list(explain_many([clips / "a.mp4", dark, NoiseVideo(0.2), clips / "c.mp4"], model, preview=False))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), WrongInputError, TooFewFramesError, type(None)]


def test_a_second_run_resumes_where_the_first_stopped(clips: Path, model: VideoModel, forwards: list[int]):
    videos = [clips / f"{name}.mp4" for name in "acd"]
    running = explain_many(videos, model, batch_size=1, preview=False)
    next(running)
    next(running)
    running.close()
    assert forwards == [1, 1]
    explanations = [outcome.explanation for outcome in explain_many(videos, model, batch_size=1, preview=False)]
    assert [e.provenance["cache"] for e in explanations if e] == ["hit", "hit", "miss"]
    assert forwards == [1, 1, 1]


@pytest.mark.parametrize("keep_records", [False, True])
def test_a_second_run_asks_the_model_nothing_even_if_records_are_ten_times_the_limit(
    keep_records: bool, model: VideoModel, forwards: list[int], monkeypatch: pytest.MonkeyPatch
):
    videos = [NoiseVideo(2, seed=seed) for seed in range(12)]
    options: dict[str, Any] = {"keep_records": keep_records, "preview": False, "attention": False}
    list(explain_many(videos[:1], model, keep_records=True, preview=False, attention=False))
    sizes = {path.parts[-3]: path.stat().st_size for path in cache.folder().rglob("*.safetensors")}
    cache.clear()
    limit = max(13 * sizes["explanation"], sizes["record"] * 12 // 10)
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(limit))
    list(explain_many(videos, model, batch_size=4, **options))
    forwards.clear()
    outcomes = list(explain_many(videos, model, batch_size=4, **options))
    assert [outcome.explanation and outcome.explanation.provenance["cache"] for outcome in outcomes] == ["hit"] * 12
    assert forwards == []
    assert cache.info().size <= limit


def test_only_explanations_are_kept_unless_records_are_asked_for(clips: Path, model: VideoModel, forwards: list[int]):
    for video in (clips / "[ac].mp4", [NoiseVideo(20)]):
        list(explain_many(video, model, window=4, preview=False))
    assert entries_of_clips() == {"explanation": 3}
    assert len(forwards) == 2
    explain(clips / "a.mp4", model, preview=False, layers="last")
    assert len(forwards) == 3
    list(explain_many(clips / "[ac].mp4", model, preview=False, keep_records=True, layers="last"))
    assert entries_of_clips() == {"explanation": 5, "record": 2}
    list(explain_many(clips / "[ac].mp4", model, preview=False, layers="mean"))
    assert entries_of_clips() == {"explanation": 7, "record": 2}
    assert len(forwards) == 4


@pytest.mark.parametrize("cached", [True, False])
def test_weights_changed_between_two_files_apply_to_the_second(cached: bool, clips: Path):
    module = tiny_timesformer()
    own_model = load_model(module, processor=tiny_timesformer_model().transform, id="tiny")
    running = explain_many(clips / "[ac].mp4", own_model, preview=False, cache=cached)
    first = next(running).explanation
    with torch.no_grad():
        module.classifier.bias[1] += 1
    (second,) = (outcome.explanation for outcome in running)
    assert first is not None
    assert second is not None
    assert first.provenance["model"]["weights"] != second.provenance["model"]["weights"]
    np.testing.assert_allclose(
        second.logits, explain(clips / "c.mp4", own_model, cache=False).logits, rtol=1e-5, atol=1e-5
    )


def test_memory_of_a_consumed_outcome_is_freed(clips: Path, model: VideoModel):
    references, alive_counts = list[weakref.ref[Any]](), list[int]()

    def note_progress(*_: Any) -> None:
        gc.collect()
        if references:
            alive_counts.append(sum(outcome() is not None for outcome in references))

    for outcome in explain_many(clips / "[acd].mp4", model, batch_size=1, preview=False, progress=note_progress):
        references.append(weakref.ref(outcome))
        del outcome
    assert len(references) == 3
    assert set(alive_counts) == {0}


def test_nothing_is_left_on_disk_without_cache(clips: Path, model: VideoModel, folder: Path):
    list(explain_many(clips, model, cache=False))
    assert not folder.exists()


def test_progress_counts_files_and_names_the_step(clips: Path, model: VideoModel):
    steps: list[tuple[str, int, int]] = []
    videos = [clips / "a.mp4", clips / "b.mp4", NoiseVideo(20)]
    list(explain_many(videos, model, window=4, batch_size=2, progress=lambda *step: steps.append(step)))
    assert {total for _, _, total in steps} == {3}
    counts = [done for _, done, _ in steps]
    assert counts == sorted(counts)
    assert counts[-1] == 3
    assert steps[0] == ("a.mp4: opening", 0, 3)
    assert ("video: running the model 2/5", 2, 3) in steps
    assert steps[-1][0] == "video"


def test_cancelling_ends_all(clips: Path, model: VideoModel):
    def cancel(step: str, done: int, total: int) -> None:
        if done == 1:
            raise CancelledError("Stopped.")

    running = explain_many(clips / "[ac].mp4", model, progress=cancel)
    with pytest.raises(CancelledError):
        list(running)


@pytest.mark.parametrize("where", ["a.mp4: opening", "a.mp4: running the model", "c.mp4: making the preview", "c.mp4"])
def test_an_error_of_progress_itself_ends_all(where: str, clips: Path, model: VideoModel):
    """The error belongs to no file, and is not mistaken for a lack of memory."""

    def fail(step: str, done: int, total: int) -> None:
        if step.startswith(where):
            raise RuntimeError("out of memory, says the bar")

    with pytest.raises(RuntimeError, match="says the bar"):
        list(explain_many(clips / "[ac].mp4", model, progress=fail))


def test_an_error_of_a_batch_alone_gives_a_warning_and_loses_no_clip(
    clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    original = staa_widgets.models.capture.record

    def record_single(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        if len(pixels) > 1:
            raise ValueError("one at a time")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record_single)
    with pytest.warns(RuntimeWarning, match=r"2 videos .* \(ValueError: one at a time\)"):
        outcomes = list(explain_many(clips / "[ac].mp4", model, preview=False))
    assert [outcome.error for outcome in outcomes] == [None, None]


def test_ctrl_c_ends_all(clips: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staa_widgets.engine.many, "finish_run", stop)
    with pytest.raises(KeyboardInterrupt):
        list(explain_many(clips / "[ac].mp4", model))


def test_wrong_requests_are_refused_at_once(clips: Path, model: VideoModel):
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (MethodError, {"method": "stab"}),
        (ParameterError, {"layer": "last"}),
        (ParameterError, {"target": "nothing"}),
        (ParameterError, {"batch_size": 0}),
        (ParameterError, {"window": 0}),
    ]
    for error, options in cases:
        with pytest.raises(error):
            explain_many(clips, model, **options)


def test_a_target_that_the_method_ignores_gives_a_warning(clips: Path, model: VideoModel):
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
