"""The frames of a window lie as far apart as in the model's training; otherwise a warning says so."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets import compare, explain, explain_many, load_model, open_clip, stream
from staa_widgets.cli.main import main
from staa_widgets.engine.recipe_check import resolve_window
from staa_widgets.engine.request import find_request
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.models import Recipe, VideoModel
from staa_widgets.records.geometry import Geometry
from staa_widgets.video.windows import choose_windows
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.timesformers import tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")

VIDEOMAE = Geometry(frames=16, tubelet=2, height=1, width=1, order="time_major", prefix=0, input_size=(8, 8))
TIMESFORMER = replace(VIDEOMAE, frames=8, tubelet=1)
VIDEOMAE_SECONDS, TIMESFORMER_SECONDS = 16 * 4 / 30, 8 * 32 / 30


def blank_clip(times: Any) -> Any:
    return open_clip(np.zeros((len(times), 8, 8, 3), np.uint8), times=times)


@pytest.fixture
def model() -> VideoModel:
    """A model that was trained with 4 frames over two seconds; noise has 8 frames a second."""
    return replace(tiny_timesformer_model(), recipe=Recipe(2.0))


# --- the frames of a window ---


@pytest.mark.parametrize(("rate", "stride"), [(60, 8), (30, 4), (15, 2)])
def test_a_window_takes_every_fourth_of_thirty_frames_a_second(rate: int, stride: int):
    windows = choose_windows(blank_clip(np.arange(10 * rate) / rate), VIDEOMAE, VIDEOMAE_SECONDS)
    assert len(windows) == 5
    for window in windows:
        np.testing.assert_array_equal(np.diff(window.indices), stride)
    np.testing.assert_allclose(windows.seconds, VIDEOMAE_SECONDS)


@pytest.mark.parametrize("rate", [8, 10, 12.5, 23.976, 25, 29.97, 50, 120])
def test_a_window_spans_the_same_seconds_at_every_frame_rate(rate: float):
    windows = choose_windows(blank_clip(np.arange(round(10 * rate)) / rate), VIDEOMAE, VIDEOMAE_SECONDS)
    np.testing.assert_allclose(windows.seconds, VIDEOMAE_SECONDS, atol=1.1 / rate)


def test_a_window_spans_the_same_seconds_where_the_frame_rate_varies():
    times = np.r_[np.arange(0, 5, 1 / 60), np.arange(5, 10, 1 / 12)]
    windows = choose_windows(blank_clip(times), VIDEOMAE, VIDEOMAE_SECONDS)
    np.testing.assert_allclose(windows.seconds, VIDEOMAE_SECONDS, atol=0.1)


@pytest.mark.parametrize("geometry_and_seconds", [(VIDEOMAE, VIDEOMAE_SECONDS), (TIMESFORMER, TIMESFORMER_SECONDS)])
@pytest.mark.parametrize("seconds", [2.5, 8.6, 10, 11.9, 12.1, 61.3])
def test_windows_cover_the_clip_and_do_not_change_with_its_length(
    seconds: float, geometry_and_seconds: tuple[Geometry, float]
):
    geometry, window = geometry_and_seconds
    clip = blank_clip(np.arange(round(seconds * 30)) / 30)
    windows = choose_windows(clip, geometry, window)
    step = window / geometry.frames
    if seconds > window:
        np.testing.assert_allclose(windows.seconds, window)
    frames = np.unique(np.concatenate([sample.indices for sample in windows]))
    assert np.diff(clip.times[frames]).max() <= (step if seconds > window else seconds / geometry.frames) + 1 / 30
    assert clip.times[frames[0]] < step
    # Whole slices of whole steps: at most these are left at the end.
    assert clip.end - clip.times[frames[-1]] <= (0.5 + geometry.tubelet) * step + 1 / 30


def test_a_clip_with_fewer_frames_a_second_is_not_repeated():
    windows = choose_windows(blank_clip(np.arange(50) / 5), VIDEOMAE, VIDEOMAE_SECONDS)
    for window in windows:
        np.testing.assert_array_equal(np.diff(window.indices), 1)
    np.testing.assert_allclose(windows.seconds, 16 / 5)


# --- window= ---


@pytest.mark.parametrize(
    ("recipe", "window", "seconds"),
    [
        (Recipe(2.0), None, 2.0),
        (Recipe(2.0), "recipe", 2.0),
        (Recipe(2.0), "whole", None),
        (Recipe(2.0), 3, 3),
        (Recipe(4.0, whole=True), None, None),
        (Recipe(4.0, whole=True), "recipe", 4.0),
        (None, None, None),
        (None, "whole", None),
        (None, 3.5, 3.5),
    ],
)
def test_the_length_of_a_window(recipe: Recipe | None, window: Any, seconds: float | None):
    assert resolve_window(window, None, replace(tiny_timesformer_model(), recipe=recipe)) == seconds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "all"}, "'recipe'.*'whole'"),
        ({"window": "2"}, "number of seconds"),
        ({"window": "whole", "stride": 1}, "shorter than the clip"),
        ({"stride": 3}, "at most the window's 2 seconds"),
    ],
)
def test_a_wrong_window_is_refused(options: dict[str, Any], message: str, model: VideoModel):
    for call in (explain, stream, explain_many, compare):
        first = [NoiseVideo(4)] if call is explain_many else NoiseVideo(4)
        with pytest.raises(ParameterError, match=message):
            call(first, model, **options)


def test_the_recipe_of_a_model_of_which_nothing_is_known_is_refused():
    with pytest.raises(ParameterError, match=r"not known what 'tiny' was trained with.*seconds"):
        explain(NoiseVideo(4), tiny_timesformer_model(), window="recipe")


def test_a_bundled_model_sees_the_whole_clip():
    explanation = explain(NoiseVideo(8), load_model(), preview=False)
    assert explanation.window_logits is not None
    assert len(explanation.window_logits) == 1
    assert explanation.provenance["sampling"]["window_seconds"] == pytest.approx(8, abs=0.2)


# --- warnings ---


def test_the_provenance_compares_the_windows_with_the_training(model: VideoModel):
    explanation = explain(NoiseVideo(8), model, preview=False)
    sampling = explanation.provenance["sampling"]
    assert (sampling["windows"], sampling["window_seconds"], sampling["trained_seconds"]) == (4, 2, 2)
    assert sampling["recipe"] == "4 windows of 4 frames over 2 s each; trained with 4 frames over 2 s"
    assert "off_recipe" not in sampling
    assert explanation.provenance["cost"]["forwards"] == 4
    again = explain(NoiseVideo(8), replace(model, recipe=Recipe(1.5)), window=2, preview=False)
    assert again.provenance["cache"] == "hit"
    assert again.provenance["sampling"]["recipe"].endswith("trained with 4 frames over 1.5 s")


@pytest.mark.parametrize(
    ("seconds", "window", "message"),
    [
        (8, "whole", r"4 times farther apart.*4 frames over 8 s in a window; .* over 2 s\. Give window='recipe'"),
        (8, 5.0, r"2\.5 times farther apart"),
        (0.75, None, r"2\.4 times closer together.*is much shorter"),
        (8, 0.5, r"4 times closer together"),
    ],
)
def test_frames_that_are_twice_as_far_apart_give_one_warning(
    seconds: float, window: Any, message: str, model: VideoModel
):
    with pytest.warns(UserWarning, match=message) as caught:
        explanation = explain(NoiseVideo(seconds), model, window=window, preview=False)
    assert len(caught) == 1
    assert Path(caught[0].filename) == Path(__file__)
    assert explanation.provenance["sampling"]["off_recipe"] == pytest.approx(
        explanation.provenance["sampling"]["window_seconds"] / 2, abs=0.01
    )


@pytest.mark.parametrize(("seconds", "window"), [(1, None), (4, "whole"), (8, 4), (8, 1.0)])
def test_frames_that_are_up_to_twice_as_far_apart_give_none(seconds: float, window: Any, model: VideoModel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(NoiseVideo(seconds), model, window=window, preview=False)


def test_a_long_clip_in_one_window_gives_a_warning_if_nothing_is_known():
    with pytest.warns(UserWarning, match=r"few frames of a long clip: 4 frames over 20 s .*Give window= in seconds"):
        explain(NoiseVideo(20), tiny_timesformer_model(), preview=False)


def test_every_way_to_explain_gives_one_warning(model: VideoModel):
    calls = [
        lambda: compare(NoiseVideo(8), model, ["staa", "rollout"], window="whole"),
        lambda: list(stream(NoiseVideo(8), model, window=0.5)),
        lambda: list(explain_many([NoiseVideo(8), NoiseVideo(7, seed=1)], model, window="whole")),
    ]
    for call in calls:
        with pytest.warns(UserWarning, match="than in training") as caught:
            call()
        assert len(caught) == 1


# --- frames without times ---


def test_frames_without_times_count_as_25_a_second(model: VideoModel):
    frames = NoiseVideo(8).frames[:50]
    explanation = explain(frames, model, preview=False)
    assert explanation.provenance["sampling"]["recipe"].startswith("4 frames over 1.97 s in a window, if they are 25 a")
    with pytest.warns(UserWarning, match=r"5\.35 times closer.*Give the frames' times: open_clip\(frames, fps=…\)"):
        explain(frames[:10], model, preview=False)
    known = explain(open_clip(frames[:10], fps=5), model, preview=False)
    assert known.provenance["sampling"]["recipe"].startswith("4 frames over 1.87 s in a window;")


def test_exactly_the_frames_that_the_model_takes_are_seen_as_they_are(model: VideoModel):
    explanation = explain(NoiseVideo(8).frames[:4], model, preview=False)
    assert explanation.sampled_frames.ravel().tolist() == [0, 1, 2, 3]
    padded = explain(open_clip(NoiseVideo(8).frames[:3], fps=25), model, pad="last", preview=False)
    for one in (explanation, padded):
        assert "off_recipe" not in one.provenance["sampling"]


# --- files ---


def test_a_loaded_explanation_is_computed_again_with_its_window(model: VideoModel, tmp_path: Path):
    video = NoiseVideo(8)
    explain(video, model, window=4, stride=2).save(tmp_path / "e.safetensors")
    request = find_request(Explanation.load(tmp_path / "e.safetensors"), None, video, model)
    assert request is not None
    assert (request.window, request.stride) == (4, 2)


def test_the_command_line_takes_a_window(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["explain", str(video), "--out", str(tmp_path), "--no-cache"]
    assert main([*command, "--window", "1.5", "--stride", "1"]) == 0
    output = capsys.readouterr()
    assert "windows of 8 frames over" in output.out
    assert "trained with 8 frames over whole clips of about 4 s" in output.out
    assert "times closer together than in training" in output.err
    assert main([*command, "--window", "all"]) == 2
    assert "'recipe'" in capsys.readouterr().err
