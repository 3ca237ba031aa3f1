"""The time profile: even curves on still clips, one profile for each model, places untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets.engine.time_profile as profiles
from staa_widgets import action_clip, explain, load_model, time_profile
from staa_widgets.datasets.drawn_actions import still_clip
from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import ParameterError
from staa_widgets.models import VideoModel
from staa_widgets.models.capture import record
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def _forget_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_profiles", "_records"):
        monkeypatch.setattr(profiles, name, type(getattr(profiles, name))())


@pytest.fixture
def passes(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the model's passes; counted where passes are recorded, because a hook would change the model."""
    sizes: list[int] = []

    def count(model: VideoModel, pixels: torch.Tensor, *arguments: Any) -> Any:
        sizes.append(len(pixels))
        return record(model, pixels, *arguments)

    monkeypatch.setattr("staa_widgets.models.capture.record", count)
    return sizes


def total_variation(temporal: np.ndarray) -> float:
    """Return the total variation between a curve and an even one."""
    return float(np.abs(temporal - 1 / len(temporal)).sum() / 2)


@pytest.mark.parametrize(("method", "limit"), [("staa", 0.05), ("staa_logit", 0.08)])
@pytest.mark.parametrize("name", ["bundled", "bundled/vivit", "bundled/videomae"])
def test_a_still_clip_gets_an_even_curve(name: str, method: str, limit: float) -> None:
    model, clip = load_model(name), still_clip(7)
    divided, plain = (explain(clip, model, method=method, profile=profile).temporal for profile in ("auto", None))
    assert total_variation(divided) <= limit
    assert total_variation(divided) < total_variation(plain)


def test_the_profile_is_the_mean_curve_of_four_still_clips(model: VideoModel) -> None:
    size = max(128, *model.geometry.input_size)
    clips = [still_clip(22_000_000 + number, size=size) for number in range(4)]
    curves = [explain(clip, model, profile=None).temporal for clip in clips]
    np.testing.assert_allclose(time_profile(model), np.mean(curves, axis=0), rtol=1e-4)


def test_only_the_curve_over_time_is_divided(video: Path, model: VideoModel) -> None:
    plain, divided = explain(video, model, profile=None), explain(video, model)
    shares = time_profile(model)
    expected = plain.temporal / shares
    np.testing.assert_allclose(divided.temporal, expected / expected.sum(), rtol=1e-4)
    for before, after in zip(plain.maps, divided.maps, strict=True):
        np.testing.assert_allclose(after / after.sum(), before / before.sum(), rtol=1e-4)


def test_a_hook_changes_the_profile_and_its_removal_brings_it_back(model: VideoModel) -> None:
    before = time_profile(model)
    module: Any = model.module
    embeddings = module.timesformer.embeddings
    hook = embeddings.register_forward_hook(lambda module, inputs, output: output * 3)
    assert np.abs(time_profile(model) - before).max() > 1e-4
    hook.remove()
    np.testing.assert_array_equal(time_profile(model), before)


def test_changed_weights_change_the_profile() -> None:
    module = tiny_timesformer()
    model = load_model(module, processor=tiny_timesformer_model().transform)
    before = time_profile(model)
    with torch.no_grad():
        module.timesformer.embeddings.time_embeddings.mul_(5)
    assert np.abs(time_profile(model) - before).max() > 1e-4


def test_a_profile_is_computed_once_even_without_the_cache(video: Path, model: VideoModel, passes: list[int]) -> None:
    explain(video, model, cache=False)
    first = len(passes)
    explain(video, model, cache=False)
    mean = explain(video, model, cache=False, layers="mean")
    assert passes[:first].count(4) == 1
    # Other layers have a profile of their own, from the same passes.
    assert passes[first:].count(4) == 0
    assert mean.provenance["time"]["profile"] != time_profile(model).tolist()


def test_a_later_process_finds_the_profile_in_the_cache(video: Path, model: VideoModel, passes: list[int]) -> None:
    explain(video, model)
    assert passes.count(4) == 1
    profiles._profiles.clear()
    profiles._records.clear()
    explain(video, model, end=2)
    assert passes.count(4) == 1


def test_all_classes_share_the_profile_of_a_class_specific_method(video: Path, model: VideoModel) -> None:
    first, second = (explain(video, model, method="staa_logit", target=target) for target in (0, 1))
    curves = [e.provenance["time"]["profile"] for e in (first, second)]
    assert curves[0] == curves[1] == time_profile(model, "staa_logit").tolist()
    assert curves[0] != time_profile(model).tolist()


def test_numbers_of_the_caller_are_used_and_wrong_ones_refused(video: Path, model: VideoModel) -> None:
    shares = [0.1, 0.2, 0.3, 0.4]
    plain, divided = explain(video, model, profile=None), explain(video, model, profile=np.array(shares))
    expected = plain.temporal / shares
    np.testing.assert_allclose(divided.temporal, expected / expected.sum(), rtol=1e-4)
    for wrong in ([0.5, 0.5], [0, 0, 0, 1], "even", [[1, 1, 1, 1]], [1, 1, 1, float("nan")]):
        with pytest.raises(ParameterError, match="profile"):
            explain(video, model, profile=wrong)


def test_the_variation_over_time_is_said(video: Path, model: VideoModel) -> None:
    e = explain(video, model)
    shares = np.array(e.provenance["time"]["profile"])
    plain = explain(video, model, profile=None)
    assert e.variation_over_time == pytest.approx(np.abs(plain.temporal - shares).sum() / 2, rel=1e-4)
    assert plain.variation_over_time is None
    bundled = load_model()
    moving, still = (explain(clip, bundled).variation_over_time for clip in (action_clip(3), still_clip(7)))
    assert moving is not None
    assert still is not None
    assert moving > 3 * still


def test_attribute_divides_by_the_profile_too(model: VideoModel) -> None:
    pixels = torch.rand(model.geometry.frames, 3, *model.geometry.input_size)
    plain = attribute(model, pixels, profile=None).sum((1, 2))
    divided = attribute(model, pixels).sum((1, 2))
    expected = plain / time_profile(model)
    np.testing.assert_allclose(divided / divided.sum(), expected / expected.sum(), rtol=1e-4)
