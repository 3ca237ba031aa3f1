"""Long videos, window by window: explanations, merging, decoding and caching."""

from __future__ import annotations

import copy
import threading
from contextlib import nullcontext
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import staa_widgets.engine.timing
import staa_widgets.models.capture
import staa_widgets.video.decode
from staa_widgets import action_clip, compare, explain, load_model, open_clip, stream
from staa_widgets.datasets.drawn_actions import ActionClip
from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.records import RUNNING_MODEL
from staa_widgets.engine.request import request_of
from staa_widgets.engine.window_reader import WindowReader
from staa_widgets.errors import CancelledError, MethodError, ParameterError, VideoNotFoundError
from staa_widgets.explanation.explanation import class_probabilities
from staa_widgets.models import Recipe, VideoModel
from staa_widgets.video.display import Display
from staa_widgets.video.windows import choose_windows
from tests.helpers.noise_video import GEOMETRY, NoiseVideo, noise_clip
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model
from tests.helpers.video_files import read_barcode, write_video

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """21 s, 8 frames a second, each with its number on it: six windows of four seconds, the last one aligned right."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, 168, fps=8, gop=20)
    return path


@pytest.fixture(scope="module")
def model() -> VideoModel:
    """A model that was trained with windows of four seconds."""
    return replace(tiny_timesformer_model(), recipe=Recipe(4.0))


@pytest.fixture
def decoded_frames(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the frames that were decoded and turned to RGB so far."""
    numbers: list[int] = []
    original = Display.to_rgb

    def convert_and_note(*arguments: Any) -> Any:
        frame = original(*arguments)
        numbers.append(read_barcode(frame))
        return frame

    monkeypatch.setattr(Display, "to_rgb", convert_and_note)
    monkeypatch.setattr(staa_widgets.video.decode, "load_decord", lambda: None)
    return numbers


# --- windows ---


def test_each_window_is_an_explanation_of_its_part(long: Path, model: VideoModel):
    parts = list(stream(long, model, "staa_logit", target=2))
    assert len(parts) == 6
    whole = explain(long, model, "staa_logit", target=2, cache=False)
    assert whole.window_logits is not None
    for part, logits in zip(parts, whole.window_logits, strict=True):
        assert part.maps.shape == (4, 3, 3)
        np.testing.assert_allclose(part.logits, logits, rtol=1e-5, atol=1e-5)
        assert part.target == 2
        assert part.preview is None
        assert part.attention is not None
        np.testing.assert_array_equal(part.times, whole.times[part.first_frame : part.first_frame + len(part.times)])
    # Half-open and end to end, but for the last one, which is aligned to the end.
    assert parts[0].spans[0, 0] == 0
    assert parts[-1].spans[-1, 1] == whole.end == pytest.approx(21)
    for part, following in pairwise(parts[:5]):
        assert part.spans[-1, 1] == following.spans[0, 0] == part.end
        assert part.first_frame + len(part.times) == following.first_frame
        assert (part.times < part.end).all()
    assert parts[5].spans[0, 0] == parts[4].spans[1, 0]


def test_windows_merged_by_hand_equal_explain(long: Path, model: VideoModel):
    """Weighted by what the target's probability exceeds a guess by; slices that two windows saw are averaged."""
    target = explain(long, model).target
    parts = list(stream(long, model, "staa_logit", target=target))
    whole = explain(long, model, "staa_logit", target=target, cache=False)
    sums: dict[int, list[NDArray[np.floating]]] = {}
    for part in parts:
        weight = max(class_probabilities(part.logits)[target] - 1 / 5, 0) / np.abs(part.maps).sum()
        for frame, maps in zip(part.sampled_frames[:, 0].tolist(), part.maps, strict=True):
            sums.setdefault(frame, []).append(weight * maps)
    assert sorted(map(len, sums.values())) == [1] * 18 + [2] * 3
    assert whole.sampled_frames[:, 0].tolist() == sorted(sums)
    np.testing.assert_allclose(whole.maps, [np.mean(sums[frame], 0) for frame in sorted(sums)], rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(whole.spans[1:, 0], whole.spans[:-1, 1])


def test_without_a_target_each_window_explains_its_own_class(long: Path, model: VideoModel):
    for part in stream(long, model, "staa_logit"):
        assert part.target == int(part.logits.argmax())


def test_a_short_video_is_one_window_and_the_same_explanation(video: Path, model: VideoModel):
    (only,) = stream(video, model, preview=True)
    explanation = explain(video, model, cache=False)
    np.testing.assert_array_equal(only.maps, explanation.maps)
    np.testing.assert_array_equal(only.spans, explanation.spans)
    assert only.preview is not None
    np.testing.assert_array_equal(only.preview.indices, np.arange(32))


def test_the_request_of_a_window_can_be_changed(long: Path, model: VideoModel):
    part = next(stream(long, model))
    request = request_of(part)
    assert request is not None
    other = answer_request(request.with_changes("staa_logit"))
    assert (other.first_frame, other.end) == (part.first_frame, part.end)


@pytest.mark.parametrize("options", [{}, {"window": 7}, {"window": 3.7}, {"stride": 3}])
def test_the_request_of_a_window_keeps_its_frames(options: dict[str, Any], long: Path, model: VideoModel):
    for part in stream(long, model, **options):
        request = request_of(part)
        assert request is not None
        again = answer_request(request)
        np.testing.assert_array_equal(again.sampled_frames, part.sampled_frames)
        np.testing.assert_allclose(again.maps, part.maps, rtol=1e-6)
        np.testing.assert_array_equal(
            answer_request(request.with_changes("motion_energy")).sampled_frames, part.sampled_frames
        )


def test_a_window_states_whether_its_record_was_cached(long: Path, model: VideoModel):
    def cache_states() -> list[str]:
        return [part.provenance["cache"] for part in stream(long, model, "saliency", target=1)]

    list(stream(long, model))
    assert cache_states() == ["miss"] * 6
    assert cache_states() == ["hit"] * 6


def test_windows_share_the_time_of_their_batch(long: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    """The test's clock makes decoding a frame take a second; the last window adds only one frame."""
    monkeypatch.setattr(staa_widgets.engine.timing, "time", SimpleNamespace(perf_counter=count().__next__))
    timings = [part.provenance["seconds"] for part in stream(long, model, batch_size=3, profile=None, cache=False)]
    assert [seconds.keys() for seconds in timings] == [{"decode", "transform", "forward", "method"}] * 6
    for step in ("decode", "transform"):
        assert [seconds[step] for seconds in timings] == [4, 4, 4, 3, 3, 3]
    assert {"preview"} <= next(stream(long, model, preview=True, cache=False)).provenance["seconds"].keys()


def test_a_stream_warns_once_of_a_target_that_its_method_ignores(long: Path, model: VideoModel):
    target = (next(stream(long, model)).target + 1) % 5
    with pytest.warns(UserWarning, match="does not depend on the class") as warned:
        list(stream(long, model, target=target))
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.parametrize("method", ["saliency", "occlusion"])
def test_methods_with_passes_record_each_window_once(method: str, long: Path, model: VideoModel, forwards: list[int]):
    steps: list[tuple[str, int, int]] = []
    explanation = explain(long, model, method, cache=False, preview=False, progress=lambda *step: steps.append(step))
    assert sum(forwards) == 6
    assert [step for step in steps if step[0] == RUNNING_MODEL] == [(RUNNING_MODEL, 0, 6), (RUNNING_MODEL, 6, 6)]
    with_target = explain(long, model, method, target=explanation.target, cache=False, preview=False)
    np.testing.assert_allclose(explanation.maps, with_target.maps, rtol=1e-4, atol=1e-7)
    assert explanation.attention is not None
    assert with_target.attention is not None
    np.testing.assert_array_equal(explanation.attention, with_target.attention)


def test_a_second_round_of_passes_has_its_own_name(model: VideoModel):
    """Some windows predict another class than all windows together."""
    steps: list[tuple[str, int, int]] = []
    clip = NoiseVideo(40, seed=2)
    explanation = explain(
        clip, model, "staa_logit", cache=False, preview=False, progress=lambda *step: steps.append(step)
    )
    assert explanation.window_logits is not None
    others = int((explanation.window_logits.argmax(1) != explanation.target).sum())
    assert 0 < others < 10
    assert [step for step in steps if step[0] == RUNNING_MODEL] == [(RUNNING_MODEL, n, 10) for n in (0, 8, 10)]
    assert steps[-1] == ("running the model for the class predicted over all windows", others, others)


@pytest.mark.parametrize("seed", [0, 8])
def test_over_a_long_file_the_curve_peaks_in_the_window_of_the_action(seed: int, tmp_path: Path):
    """Ten windows of four seconds; in all but one of them the figure stands still."""
    clip = action_clip(seed, size=64, fps=8)
    still = np.repeat(clip.frames[~clip.when][:1], 32, axis=0)
    frames = np.concatenate([clip.frames if window == 6 else still for window in range(10)])
    path = write_frames(clip, frames, tmp_path / "long.mp4")
    explanation = explain(path, None, "staa_logit", target=clip.label, preview=False, window=4)
    assert explanation.window_logits is not None
    assert explanation.window_logits.shape[0] == 10
    weights = explanation.provenance["sampling"]["window_weights"]
    probabilities = class_probabilities(explanation.window_logits)
    excess = np.maximum(probabilities[:, explanation.target] - 1 / probabilities.shape[1], 0)
    np.testing.assert_allclose(weights, excess)
    assert int(np.argmax(weights)) == 6
    assert explanation.temporal.reshape(10, -1).sum(1).argmax() == 6
    assert 24 <= explanation.peak.start < 28


def write_frames(clip: ActionClip, frames: NDArray[np.uint8], path: Path) -> Path:
    """Write frames with the clip's own encoder."""
    count = len(frames)
    where = np.zeros((count, *frames.shape[1:3]), bool)
    return replace(clip, frames=frames, times=np.arange(count) / 8, where=where, when=where.any((1, 2))).write_mp4(path)


# --- windows that overlap ---


@pytest.mark.parametrize(
    ("stride", "starts"),
    [(None, [0, 4, 8, 12, 16, 17]), (2, [0, 2, 4, 6, 8, 10, 12, 14, 16, 17]), (0.1, [*range(18)])],
)
def test_windows_slide_by_a_stride_in_whole_slices(stride: float | None, starts: list[int]):
    samples = choose_windows(noise_clip(21), GEOMETRY, 4, stride)
    assert [int(sample.times[0]) for sample in samples] == starts
    assert {frame for sample in samples for frame in sample.indices.tolist()} == set(range(4, 168, 8))


@pytest.mark.parametrize("options", [{"stride": 0}, {"stride": 5}, {"stride": 3, "window": 2}, {"window": -1}])
def test_a_stride_that_leaves_gaps_is_refused(options: dict[str, Any], long: Path, model: VideoModel):
    with pytest.raises(ParameterError):
        explain(long, model, **options)
    with pytest.raises(ParameterError):
        stream(long, model, **options)  # before the first window is requested


@pytest.mark.parametrize("stride", [None, 1, 3])
def test_frames_are_decoded_once_however_windows_overlap(
    stride: float | None, long: Path, model: VideoModel, decoded_frames: list[int]
):
    explain(long, model, stride=stride, preview=False, cache=False, batch_size=2)
    assert decoded_frames == list(range(4, 168, 8))


def test_sampled_frames_do_not_depend_on_the_stride(long: Path, model: VideoModel):
    plain = explain(long, model, preview=False)
    overlapping = explain(long, model, stride=1, preview=False)
    np.testing.assert_array_equal(overlapping.sampled_frames, plain.sampled_frames)
    np.testing.assert_array_equal(overlapping.spans, plain.spans)


def test_the_reader_holds_only_frames_of_the_next_window(long: Path, model: VideoModel):
    clip = open_clip(long)
    samples = choose_windows(clip, model.geometry, 4, stride=1)
    counts: list[int] = []

    def transform(frames: NDArray[np.uint8]) -> torch.Tensor:
        return torch.full((len(frames), 1), read_barcode(frames[0]), dtype=torch.int64)

    reader = WindowReader(clip, samples, transform, lambda _: nullcontext())
    for number in (0, 1, 2, 7, 8, len(samples) - 1):  # cached windows in between are skipped
        assert reader.window(number).ravel().tolist() == samples[number].indices.tolist()
        counts.append(len(reader._pixels))
    reader.close()
    assert counts == [*[model.geometry.frames - 1] * 5, 0]  # a window begins one frame after the last


def test_one_pass_decodes_the_same_frames_as_random_access(long: Path):
    clip = open_clip(long, 2, 19)
    indices = [0, 3, 4, 50, 51, 135]
    for frame, other in zip(clip.iter_frames(indices), clip.frames(indices), strict=True):
        np.testing.assert_array_equal(frame, other)
    for wrong in ([3, 3], [4, 3], [136], [-1]):
        with pytest.raises(ParameterError):
            clip.iter_frames(wrong)


# --- stopping ---


def test_a_closed_stream_keeps_its_finished_windows(long: Path, model: VideoModel, forwards: list[int]):
    parts = stream(long, model, batch_size=2)
    next(parts)
    assert forwards == [2]  # no window is begun before it is requested
    next(parts)
    next(parts)
    parts.close()
    assert forwards == [2, 2]
    windows = list(stream(long, model, batch_size=2))
    assert forwards == [2, 2, 2]
    assert [part.provenance["cache"] for part in windows] == ["hit"] * 4 + ["miss"] * 2
    explain(long, model)
    assert forwards == [2, 2, 2]


def test_a_stream_lets_others_compute_between_its_windows(long: Path, video: Path, model: VideoModel):
    parts = stream(long, model, batch_size=1)
    next(parts)
    other = threading.Thread(target=lambda: explain(video, model, preview=False))
    other.start()
    other.join(60)
    assert not other.is_alive()
    assert len(list(parts)) == 5


def test_a_stream_is_cancelled_by_its_progress(long: Path, model: VideoModel, forwards: list[int]):
    def cancel(step: str, done: int, total: int) -> None:
        if done >= 2:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        list(stream(long, model, batch_size=2, progress=cancel))
    assert forwards == [2]


def test_a_stream_refuses_at_once(long: Path, model: VideoModel):
    for error, options in (
        (VideoNotFoundError, {"video": "missing.mp4"}),
        (MethodError, {"method": "stab"}),
        (ParameterError, {"layers": "first"}),
        (ParameterError, {"target": "nothing"}),
    ):
        with pytest.raises(error):
            stream(**{"video": long, "model": model, **options})


@pytest.mark.parametrize("method", ["staa_logit", "occlusion"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_weights_changed_between_windows_apply_from_the_next_window(
    method: str, batch_size: int, long: Path, forwards: list[int]
):
    module = tiny_timesformer()
    own_model = load_model(module, processor=tiny_timesformer_model().transform, id="tiny")
    parts = stream(long, own_model, method, target=1, batch_size=batch_size, window=4)
    first = next(parts)
    before = copy.deepcopy(module.state_dict())
    with torch.no_grad():
        module.classifier.bias[1] += 1
        module.classifier.weight[1] *= 2
    second = next(parts)
    parts.close()
    assert first.provenance["model"]["weights"] != second.provenance["model"]["weights"]
    fresh = list(islice(stream(long, own_model, method, target=1, cache=False, batch_size=1, window=4), 2))[1]
    module.load_state_dict(before)
    forwards.clear()
    old = list(islice(stream(long, own_model, method, target=1, batch_size=1, window=4), 2))
    np.testing.assert_allclose(second.logits, fresh.logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(second.maps, fresh.maps, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(old[0].maps, first.maps)
    expected = list(islice(stream(long, own_model, method, target=1, batch_size=1, cache=False, window=4), 2))[1]
    np.testing.assert_allclose(old[1].maps, expected.maps, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(old[1].logits, expected.logits, rtol=1e-5, atol=1e-5)


# --- several methods ---


def test_compared_methods_share_one_pass(video: Path, model: VideoModel, forwards: list[int]):
    for cached in (False, True):
        forwards.clear()
        comparison = compare(video, model, ["staa_logit", "staa"], cache=cached, preview=False)
        assert list(comparison) == ["staa_logit", "staa"]
        assert forwards == [1]
    for name, explanation in comparison.items():
        np.testing.assert_allclose(
            explanation.maps, explain(video, model, name, cache=False).maps, rtol=1e-4, atol=1e-6
        )


def test_compared_methods_share_the_pass_of_a_named_class_and_of_long_videos(
    long: Path, model: VideoModel, forwards: list[int]
):
    comparison = compare(long, model, {"staa": {"layers": "last"}, "staa_logit": {}}, target=3, preview=False)
    assert sum(forwards) == 6
    assert comparison["staa_logit"].target == 3
    assert comparison["staa"].params["layers"] == "last"


@pytest.mark.parametrize("methods", ["staa", [], ["stab"]])
def test_comparing_no_or_unknown_methods_is_refused(methods: Any, video: Path, model: VideoModel):
    with pytest.raises((ParameterError, MethodError)):
        compare(video, model, methods)
