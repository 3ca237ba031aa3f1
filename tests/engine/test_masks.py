"""Masks of STEP in explanations: provenance, windows, files, and the cache of finished and cancelled runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets import Explanation, explain, stream
from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.models import VideoModel
from staa_widgets.storage import cache
from tests.helpers.noise_video import NoiseVideo

FEW: dict[str, Any] = {"steps": 6, "areas": (0.1, 0.2, 0.3), "preview": False}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


def assert_same_masks(one: Explanation, other: Explanation) -> None:
    assert one.masks is not None
    assert other.masks is not None
    for name, array in vars(one.masks).items():
        np.testing.assert_array_equal(array, getattr(other.masks, name))


def test_an_explanation_holds_the_masks_and_their_figures(video: Path, model: VideoModel, tmp_path: Path):
    e = explain(video, model, "step", **FEW)
    assert e.masks is not None
    assert e.masks.values.shape == (3, *e.maps.shape)
    figures = e.provenance["masks"]
    assert figures["areas"] == [0.1, 0.2, 0.3]
    np.testing.assert_allclose(figures["frame_areas"], e.masks.frame_areas, atol=1e-4)
    np.testing.assert_allclose(figures["probabilities"], e.masks.probabilities, atol=1e-4)
    np.testing.assert_allclose(figures["clip_probabilities"], [e.probabilities[e.target]], atol=1e-4)
    assert figures["smallest_sufficient"] == e.masks.smallest_sufficient
    assert e.provenance["cost"] == {"forwards": 1 + 3 * 7, "backwards": 18}
    loaded = Explanation.load(e.save(tmp_path / "e.safetensors"))
    assert_same_masks(loaded, e)
    assert_same_masks(replace(loaded, preview=None), e)
    cached = explain(video, model, "step", **FEW)
    assert cached.provenance["cache"] == "hit"
    assert_same_masks(cached, e)
    from_maps = explain(video, model, "step", attention=False, **FEW)
    assert from_maps.provenance["cache"] == "miss"
    assert_same_masks(from_maps, e)


def test_other_methods_have_no_masks(video: Path, model: VideoModel):
    e = explain(video, model, "saliency", preview=False)
    assert e.masks is None
    assert "masks" not in e.provenance


def test_masks_of_another_grid_are_refused(video: Path, model: VideoModel):
    e = explain(video, model, "step", **FEW)
    assert e.masks is not None
    with pytest.raises(ParameterError, match="masks"):
        replace(e, masks=replace(e.masks, values=e.masks.values[..., 1:]))


def test_windows_have_their_masks_one_after_the_other(model: VideoModel):
    settings = {**FEW, "steps": 2, "cache": False}
    whole = explain(NoiseVideo(8), model, "step", window=4.0, target=0, **settings)
    parts = list(stream(NoiseVideo(8), model, "step", window=4.0, target=0, **settings))
    assert len(parts) == 2
    assert whole.masks is not None
    all_masks = [part.masks for part in parts if part.masks is not None]
    np.testing.assert_array_equal(whole.masks.values, np.concatenate([masks.values for masks in all_masks], 1))
    for name in ("frame_areas", "probabilities", "clip_probabilities"):
        np.testing.assert_array_equal(
            getattr(whole.masks, name), np.concatenate([getattr(masks, name) for masks in all_masks])
        )
    assert len(whole.provenance["masks"]["probabilities"]) == 2


def test_a_cancelled_run_continues_from_the_cache(video: Path, model: VideoModel):
    reports: list[int] = []

    def cancel(step: str, done: int, total: int) -> None:
        if step.startswith("running the method"):
            reports.append(done)
            if done >= 9:
                raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        explain(video, model, "step", progress=cancel, **FEW)
    assert cache.info().entries["checkpoint"] == 1
    assert reports == [0, 3, 6, 9]
    reports.clear()

    def note(step: str, done: int, total: int) -> None:
        if step.startswith("running the method"):
            reports.append(done)

    e = explain(video, model, "step", progress=note, **FEW)
    assert reports == [9, 12, 15, 18, 21]
    assert "checkpoint" not in cache.info().entries
    np.testing.assert_allclose(e.maps, explain(video, model, "step", **FEW, cache=False).maps, atol=1e-6)


def test_without_the_cache_a_cancelled_run_leaves_nothing(video: Path, model: VideoModel):
    def cancel(step: str, done: int, total: int) -> None:
        if step.startswith("running the method") and done >= 9:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        explain(video, model, "step", progress=cancel, cache=False, **FEW)
    assert cache.info().entries == {}


def test_the_error_of_sampled_masks_is_in_the_provenance(video: Path, model: VideoModel):
    e = explain(video, model, "rise", masks=20, preview=False)
    assert e.provenance["standard_errors"]["rise"] > 0
    assert (
        explain(video, model, "rise", masks=20, preview=False, attention=False).provenance["standard_errors"]
        == (e.provenance["standard_errors"])
    )
