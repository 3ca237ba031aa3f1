"""`explain`: from a video to an explanation, and from the cache the second time."""

from __future__ import annotations

import inspect
import multiprocessing
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets.models.capture
from staa_widgets import action_clip, compare, explain, explain_many, load_model, open_clip, stream
from staa_widgets.engine.options import KEYWORDS
from staa_widgets.engine.records import RUNNING_MODEL
from staa_widgets.errors import CancelledError, MethodError, ParameterError, TooFewFramesError
from staa_widgets.explanation.explanation import class_probabilities
from staa_widgets.methods import METHODS
from staa_widgets.models import Transform, VideoModel
from staa_widgets.storage import cache
from staa_widgets.video.windows import choose_windows
from tests.helpers.noise_video import GEOMETRY, NoiseVideo, noise_clip
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")


def test_an_explanation_has_maps_over_space_and_time(video: Path, model: VideoModel):
    explanation = explain(video, model)
    assert explanation.maps.shape == (4, 3, 3)
    assert explanation.maps.min() >= 0
    assert explanation.temporal.sum() == pytest.approx(1)
    assert explanation.spans[0, 0] == 0
    assert explanation.spans[-1, 1] == explanation.end == pytest.approx(4)
    np.testing.assert_array_equal(explanation.sampled_frames, [[4], [12], [20], [28]])
    assert explanation.box == pytest.approx((0, 0, 48, 48))
    assert explanation.frame_size == (48, 48)
    assert explanation.target == int(explanation.logits.argmax())
    assert explanation.attention is not None
    assert explanation.attention.shape == (3, 4, 4, 3, 3)
    assert (explanation.clip_name, explanation.model_id, explanation.method) == ("clip.mp4", "tiny", "staa")
    assert explanation.preview is not None
    np.testing.assert_array_equal(explanation.preview.indices, np.arange(32))


def test_provenance_describes_the_run(video: Path, model: VideoModel):
    provenance = explain(video, model, layers="mean").provenance
    assert provenance["versions"].keys() >= {"python", "staa_widgets", "numpy", "torch", "transformers", "av"}
    assert provenance["sampling"]["frames"] == [[4, 12, 20, 28]]
    assert provenance["sampling"]["times"] == [[0.5, 1.5, 2.5, 3.5]]
    assert provenance["method"] == {
        "name": "staa",
        "version": METHODS["staa"].version,
        "params": {**METHODS["staa"].defaults, "layers": "mean"},
    }
    assert provenance["seconds"].keys() - {"profile"} == {"decode", "transform", "forward", "method", "preview"}
    assert (provenance["device"], provenance["dtype"], provenance["cache"]) == ("cpu", "float32", "miss")
    assert provenance["model"]["transform"] == model.transform.describe()


def test_maps_come_from_the_sampled_frames_and_the_model(video: Path, model: VideoModel):
    """The engine adds nothing of its own to a clip of one window."""
    explanation = explain(video, model, method="staa_logit", target=2, profile=None, cache=False)
    clip = open_clip(video)
    method = METHODS["staa_logit"]
    pixels = model.pixels(clip.frames([4, 12, 20, 28]))[None]
    (record,) = staa_widgets.models.capture.record(model, pixels, method.needs(), [2])
    np.testing.assert_array_equal(explanation.maps, method(record, profile=None))
    np.testing.assert_array_equal(explanation.logits, record.logits)


def test_the_box_follows_the_crop_of_landscape_and_portrait(model: VideoModel):
    squared = replace(model, transform=Transform(shortest_edge=24, crop=(24, 24)))
    for shape, box in (((30, 40), (5, 0, 35, 30)), ((40, 30), (0, 5, 30, 35))):
        video = np.zeros((8, *shape, 3), np.uint8)
        explanation = explain(video, squared, cache=False)
        assert explanation.frame_size == shape[::-1]
        assert explanation.box == pytest.approx(box)


def test_a_range_keeps_the_times_of_the_video(video: Path, model: VideoModel):
    explanation = explain(video, model, start=1, end=3)
    assert explanation.first_frame == 8
    np.testing.assert_array_equal(explanation.times, np.arange(8, 24) / 8)
    np.testing.assert_array_equal(explanation.sampled_frames.ravel(), [10, 14, 18, 22])
    np.testing.assert_allclose(explanation.spans[[0, -1], [0, 1]], [1, 3])
    assert explanation.preview is not None
    np.testing.assert_array_equal(explanation.preview.indices, np.arange(8, 24))
    again = explain(open_clip(video, 1, 3), model)
    assert again.provenance["cache"] == "hit"


@pytest.mark.parametrize("target", [3, "LABEL_3", "label 3", "label-3"])
def test_a_class_is_chosen_by_index_or_label(target: int | str, video: Path, model: VideoModel):
    assert explain(video, model, "staa_logit", target=target).target == 3


@pytest.mark.parametrize("target", [5, -1, True, 1.0, "LABEL_9", "nothing"])
def test_an_unknown_class_is_refused_with_a_hint(target: Any, video: Path, model: VideoModel):
    with pytest.raises(ParameterError, match="no class") as caught:
        explain(video, model, target=target)
    assert "LABEL_" in caught.value.hint or "0 to 4" in caught.value.hint


def test_a_method_without_classes_warns_and_explains_the_predicted_class(video: Path, model: VideoModel):
    predicted = explain(video, model).target
    with pytest.warns(UserWarning, match="does not depend on the class"):
        assert explain(video, model, target=(predicted + 1) % 5).target == predicted
    assert explain(video, model, target=predicted).target == predicted


def test_wrong_requests_are_refused_before_any_work(video: Path, model: VideoModel, forwards: list[int], folder: Path):
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (MethodError, {"method": "stab"}),
        (ParameterError, {"layer": "last"}),
        (ParameterError, {"layers": "first"}),
        (ParameterError, {"batch_size": 0}),
        (ParameterError, {"batch_size": 2.5}),
        (ParameterError, {"batch_size": "4"}),
        (ParameterError, {"batch_size": True}),
        (ParameterError, {"window": 0}),
        (ParameterError, {"window": "4"}),
        (ParameterError, {"stride": "1"}),
        (TooFewFramesError, {"start": 1, "end": 1.3}),
    ]
    for error, options in cases:
        with pytest.raises(error) as caught:
            explain(video, model, **options)
        assert getattr(caught.value, "hint", "")
    assert forwards == []
    assert not folder.exists()


# --- windows ---


@pytest.mark.parametrize(("seconds", "count"), [(2, 1), (4, 1), (12, 3), (12.5, 3), (20, 5), (21, 6)])
def test_longer_clips_are_split_into_windows(seconds: float, count: int):
    clip = noise_clip(seconds)
    samples = choose_windows(clip, GEOMETRY, 4)
    assert len(samples) == count
    frames = np.concatenate([sample.indices for sample in samples])
    assert len(samples[0]) == 4
    for sample in samples:
        assert (np.diff(sample.indices) > 0).all()
        np.testing.assert_array_equal(sample.times, clip.times[sample.indices])
    if count > 1:
        # one frame a second, with nothing left out, to the end and without repeats
        np.testing.assert_array_equal(np.diff(np.unique(frames)), 8)
        assert clip.end - samples[-1].times[-1] < 1.5


def test_the_length_of_windows_can_be_chosen():
    assert len(choose_windows(noise_clip(12), GEOMETRY, seconds=2)) == 6
    assert len(choose_windows(noise_clip(20), GEOMETRY, seconds=20)) == 1


def test_windows_of_tubelets_share_whole_slices():
    pairs = replace(GEOMETRY, frames=4, tubelet=2)
    samples = choose_windows(noise_clip(15), pairs, 4)
    slices = {tuple(pair) for sample in samples for pair in sample.indices.reshape(-1, 2).tolist()}
    flat = [frame for pair in sorted(slices) for frame in pair]
    assert flat == sorted(set(flat))


def test_a_clip_with_nearly_all_frames_in_a_second_is_one_window():
    """All but one frame lie in the first second: a grid of seconds would not fill a window."""
    times = np.r_[np.linspace(0, 1, 20), 30.0]
    clip = open_clip(np.zeros((21, 8, 8, 3), np.uint8), times=times)
    (only,) = choose_windows(clip, GEOMETRY, 4)
    assert len(only) == 4


def test_a_window_weighs_what_its_probability_exceeds_a_guess_by(model: VideoModel):
    explanation = explain(NoiseVideo(20), model, "staa_logit", target=1, window=4)
    assert explanation.window_logits is not None
    assert explanation.window_logits.shape == (5, 5)
    np.testing.assert_allclose(explanation.logits, explanation.window_logits.mean(0), rtol=1e-6)
    chances = class_probabilities(explanation.window_logits)[:, 1]
    excess = np.maximum(chances - 1 / 5, 0)
    assert excess.any()
    np.testing.assert_allclose(explanation.maps.reshape(5, -1).sum(1), excess, rtol=1e-5)
    assert explanation.spans.shape == (20, 2)
    assert explanation.slice_of_frame.tolist() == sorted(explanation.slice_of_frame.tolist())
    assert explanation.provenance["sampling"]["window_weights"] == pytest.approx(excess.tolist())


@pytest.mark.parametrize("seed", [0, 2, 8])
def test_over_a_long_video_the_curve_peaks_in_the_window_of_the_action(seed: int):
    """Ten windows of four seconds; in all but one of them the figure stands still."""
    clip = action_clip(seed, size=64, fps=8, kind="middle")
    still = np.repeat(clip.frames[~clip.when][:1], 32, axis=0)
    long = NoiseVideo(40)
    long.frames = np.concatenate([clip.frames if window == 6 else still for window in range(10)])
    explanation = explain(long, None, "staa_logit", target=clip.label, cache=False, preview=False, window=4)
    assert explanation.temporal.reshape(10, -1).sum(1).argmax() == 6
    assert 24 <= explanation.peak.start < 28


@pytest.mark.parametrize("batch_size", [1, 3])
def test_windows_together_or_one_by_one_give_the_same(batch_size: int, model: VideoModel, forwards: list[int]):
    long = NoiseVideo(15)
    explanation = explain(long, model, cache=False, batch_size=batch_size, window=4)
    assert forwards == ([1] * 4 if batch_size == 1 else [3, 1])
    np.testing.assert_allclose(explanation.maps, explain(long, model, cache=False, window=4).maps, rtol=1e-3, atol=1e-5)


def test_all_windows_are_explained_for_the_class_predicted_over_all(model: VideoModel):
    explanation = explain(NoiseVideo(20, seed=2), model, "staa_logit", window=4)
    with_target = explain(
        NoiseVideo(20, seed=2), model, "staa_logit", target=int(explanation.logits.argmax()), cache=False, window=4
    )
    assert explanation.target == with_target.target
    # Other windows share a batch, and rounding depends on the size of the batch.
    np.testing.assert_allclose(explanation.maps, with_target.maps, rtol=1e-5, atol=1e-6)


# --- cache ---


def copy_with_another_byte(path: Path, folder: Path) -> Path:
    """Copy a video and append bytes that no reader reads."""
    copy = folder / "changed.mp4"
    copy.write_bytes(path.read_bytes() + b"\0\0\0\x09free\0")
    return copy


def test_the_same_content_under_another_name_is_a_hit(video: Path, model: VideoModel, forwards: list[int]):
    first = explain(video, model)
    assert forwards == [1]
    other = shutil.copy(video, video.with_name("holiday.mp4"))
    renamed = replace(model, id="mine", labels=tuple("abcde"))
    second = explain(other, renamed)
    assert forwards == [1]
    assert second.provenance["cache"] == "hit"
    assert (second.clip_name, second.model_id, second.labels) == ("holiday.mp4", "mine", tuple("abcde"))
    np.testing.assert_array_equal(first.maps, second.maps)
    entries = [path.read_bytes() for path in cache.folder().rglob("*.safetensors")]
    assert len(entries) == 3
    assert not any(name in entry for entry in entries for name in (b"holiday", b"clip.mp4"))


@pytest.mark.parametrize(
    "options",
    [
        {"layers": "last"},
        {"contrast": False},
        {"layers": [0, 1]},
        {"attention": False},
        {"preview": False},
    ],
    ids=str,
)
def test_other_parameters_on_a_cached_clip_take_no_pass(
    options: dict[str, Any], video: Path, model: VideoModel, forwards: list[int]
):
    explain(video, model)
    explanation = explain(video, model, **options)
    assert forwards == [1]
    fresh = explain(video, model, **options, cache=False)
    np.testing.assert_allclose(explanation.maps, fresh.maps, rtol=1e-4, atol=1e-6)


def test_a_request_for_the_predicted_class_uses_its_record(video: Path, model: VideoModel, forwards: list[int]):
    predicted = explain(video, model, "staa_logit").target
    assert explain(video, model, "staa_logit", target=predicted).target == predicted
    assert forwards == [1]
    explain(video, model, "staa_logit", target=(predicted + 1) % 5)
    assert forwards == [1, 1]


def test_a_record_with_missing_parts_is_completed_once(video: Path, model: VideoModel, forwards: list[int]):
    for layers in ("last", "rollout", "last", "rollout", "mean"):
        explain(video, model, layers=layers, attention=False)
    assert forwards == [1, 1]


def test_anything_that_changes_the_maps_is_a_miss(video: Path, model: VideoModel, forwards: list[int], tmp_path: Path):
    explain(video, model)
    other_weights = tiny_timesformer()
    with torch.no_grad():
        other_weights.classifier.bias[0] += 1e-3
    crop = replace(model.transform, shortest_edge=25)
    for change in (
        {"video": copy_with_another_byte(video, tmp_path)},
        {"start": 1},
        {"window": 2},
        {"model": replace(model, transform=crop)},
        {"model": load_model(other_weights, processor=model.transform)},
    ):
        before = len(forwards)
        explanation = explain(**{"video": video, "model": model, **change})
        assert explanation.provenance["cache"] == "miss", change
        assert len(forwards) == before + 1, change


def test_a_weight_changed_in_place_is_a_miss(video: Path, forwards: list[int]):
    module = tiny_timesformer()
    own_model = load_model(module, processor=tiny_timesformer_model().transform)
    before = explain(video, own_model)
    with torch.no_grad():
        module.classifier.bias[1] += 1
    after = explain(video, own_model)
    assert after.logits[1] == pytest.approx(before.logits[1] + 1, abs=1e-5)
    assert forwards == [1, 1]


def test_damaged_entries_are_computed_again(video: Path, model: VideoModel, forwards: list[int]):
    first = explain(video, model)
    for path in cache.folder().rglob("*.safetensors"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    second = explain(video, model)
    assert forwards == [1, 1]
    np.testing.assert_array_equal(first.maps, second.maps)
    assert explain(video, model).provenance["cache"] == "hit"


def test_without_cache_nothing_is_read_or_written(video: Path, model: VideoModel, forwards: list[int], folder: Path):
    assert explain(video, model, cache=False).provenance["cache"] == "off"
    assert not folder.exists()
    explain(video, model)
    explain(video, model, cache=False)
    assert forwards == [1, 1, 1]


def test_an_unwritable_cache_warns_and_the_clip_is_explained(
    video: Path, model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(cache._state, "warned_folders", set())
    with pytest.warns(RuntimeWarning, match="STAA_CACHE"):
        explanation = explain(video, model)
    assert explain(video, model).maps.tolist() == explanation.maps.tolist()


def explain_in_process(video: Path, model: Path, counts: Path, ready: Any) -> None:
    torch.set_num_threads(1)
    original: Callable[..., Any] = staa_widgets.models.capture.record

    def count_and_record(*arguments: Any) -> Any:
        with counts.open("a") as log:
            log.write("forward\n")
        return original(*arguments)

    staa_widgets.models.capture.record = count_and_record  # the process ends with it
    if ready is not None:
        ready.wait()
    explain(video, replace(load_model(model, device="cpu"), recipe=None), profile=None)


def test_processes_share_the_cache_and_compute_once(video: Path, model: VideoModel, tmp_path: Path):
    saved, counts = tmp_path / "model", tmp_path / "forwards"
    model.module.save_pretrained(saved)  # pyright: ignore[reportCallIssue]
    (saved / "preprocessor_config.json").write_text(
        '{"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}'
    )
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    together = [context.Process(target=explain_in_process, args=(video, saved, counts, ready)) for _ in range(2)]
    later = context.Process(target=explain_in_process, args=(video, saved, counts, None))
    for process in together:
        process.start()
    for process in together:
        process.join(120)
    later.start()
    later.join(120)
    assert [process.exitcode for process in (*together, later)] == [0, 0, 0]
    assert counts.read_text() == "forward\n"
    loaded_model = replace(load_model(saved, device="cpu"), recipe=None)
    assert explain(video, loaded_model, profile=None).provenance["cache"] == "hit"


# --- progress, cancelling, leaving things as they are ---


def test_progress_is_reported_step_by_step(model: VideoModel):
    steps: list[tuple[str, int, int]] = []
    explain(NoiseVideo(20), model, batch_size=2, progress=lambda *step: steps.append(step), window=4)
    assert [step for step in steps if step[0] == RUNNING_MODEL] == [(RUNNING_MODEL, n, 5) for n in (0, 2, 4, 5)]
    assert steps[-1] == ("making the preview", 160, 160)


def test_cancelled_work_keeps_the_windows_that_were_finished(model: VideoModel, forwards: list[int]):
    def cancel(step: str, done: int, total: int) -> None:
        if done >= 2:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        explain(NoiseVideo(20), model, batch_size=1, progress=cancel, window=4)
    assert forwards == [1, 1]
    explain(NoiseVideo(20), model, batch_size=1, window=4)
    assert forwards == [1] * 5


def test_no_progress_is_printed_without_a_terminal(model: VideoModel, capfd: pytest.CaptureFixture[str]):
    explain(NoiseVideo(2), model, cache=False)
    assert capfd.readouterr() == ("", "")
    explain(NoiseVideo(2), model, cache=False, progress=True)
    assert "model" in capfd.readouterr().err


def test_settings_of_torch_and_numpy_are_left_alone(model: VideoModel):
    def settings() -> tuple[Any, ...]:
        generators = torch.get_rng_state().numpy().tobytes(), str(np.random.get_state())  # noqa: NPY002
        return torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), *generators

    before = settings()
    explain(NoiseVideo(2), model, "staa", weighting="gradient", cache=False)
    assert settings() == before


# --- unknown keywords ---


@pytest.mark.parametrize("call", [explain, stream, compare, explain_many])
def test_known_keywords_are_those_of_the_signature(call: Callable[..., Any]):
    shared_keywords = inspect.signature(explain).parameters
    own_keywords = [name for name in inspect.signature(call).parameters if name not in ("options", "params")]
    known_keywords = KEYWORDS[call.__name__]
    assert set(own_keywords) <= set(known_keywords)
    assert set(known_keywords) <= {*own_keywords, *shared_keywords}


@pytest.mark.parametrize("call", [explain, stream, compare, explain_many])
def test_a_misspelled_keyword_is_compared_with_the_functions_own(call: Callable[..., Any]):
    with pytest.raises(ParameterError) as caught:
        call("clip.mp4", windw=3)
    assert str(caught.value) == f"{call.__name__}() has no keyword 'windw'. Did you mean 'window'?"


@pytest.mark.parametrize(
    ("call", "keyword", "hint"),
    [
        (explain, "layer", "Did you mean 'layers'?"),
        (explain, "strid", "Did you mean 'stride'?"),
        (explain, "qqq", "The method 'staa' has "),
        (explain_many, "video", "Did you mean 'videos'?"),
        (compare, "method", "Did you mean 'methods'?"),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_name(call: Callable[..., Any], keyword: str, hint: str):
    with pytest.raises(ParameterError, match=re.escape(f"{call.__name__}() has no keyword {keyword!r}. {hint}")):
        call("clip.mp4", **{keyword: 3})
