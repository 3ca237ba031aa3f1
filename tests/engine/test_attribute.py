"""Methods that run the model again, from video to explanation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from staa_widgets import compare, explain, explain_many, load_model, open_clip, stream
from staa_widgets.engine.attribute import attribute, open_inputs
from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import request_of
from staa_widgets.errors import (
    CancelledError,
    IncompleteAttributionWarning,
    MethodError,
    ParameterError,
    WrongInputError,
)
from staa_widgets.methods import METHODS
from staa_widgets.methods.fillers import FILLERS
from staa_widgets.methods.registry import method
from staa_widgets.models import VideoModel
from staa_widgets.models.batching import max_batch_size
from staa_widgets.models.capture import record as record_pixels
from staa_widgets.records.record import Needs
from staa_widgets.widget.run_details import run_details
from tests.helpers.entries import entries_of_clips
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.timesformers import TYPES, tiny_timesformer, tiny_timesformer_model
from tests.helpers.tiny import random_pixels

NAMES_WITH_PASSES = [name for name, method in METHODS.items() if method.needs_model]
FEW_PASSES: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 8},
    "smooth_grad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "occlusion": {"cells": (2, 2, 2)},
    "lime": {"samples": 20, "segments": (2, 2, 2)},
    "kernel_shap": {"samples": 20, "segments": (2, 2, 2)},
    "shapley": {"segments": (3, 1, 1)},
    "loco": {"segments": (2, 2, 2)},
    "step": {"steps": 3},
    "extremal": {"steps": 3},
    "rise": {"masks": 20},
}
RANDOM_NAMES = (
    *("random", "random_smooth", "other_clip", "smooth_grad", "gradient_shap", "lime", "kernel_shap"),
    *("step", "extremal", "rise"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class CountedModel:
    """A model whose passes are counted."""

    def __init__(self, seed: int = 0) -> None:
        self.module = tiny_timesformer(seed=seed)
        self.model = load_model(self.module, processor=tiny_timesformer_model().transform, id="counted")
        self.inputs: list[int] = []
        self.module.register_forward_pre_hook(self._count, with_kwargs=True)

    def __reduce_ex__(self, _: Any) -> str:
        """Refuse to be described: a hook whose list grows with each pass would give the model another digest."""
        raise TypeError

    def _count(self, _: Any, positional: Any, keywords: dict[str, Any]) -> None:
        self.inputs.append(len(keywords["pixel_values"]))


def module_state(module: torch.nn.Module) -> Any:
    parts = list(module.modules())
    return (
        [part.training for part in parts],
        [sorted(vars(part)) for part in parts],
        [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in parts],
        [(p.requires_grad, p.grad, p._version) for p in module.parameters()],
    )


@pytest.mark.parametrize("name", NAMES_WITH_PASSES)
def test_every_method_with_passes_gives_an_explanation(name: str, video: Path, model: VideoModel):
    params = FEW_PASSES.get(name, {})
    explanation = explain(video, model, name, **params)
    assert explanation.maps.shape == (4, 3, 3)
    assert explanation.maps.any()
    assert (explanation.maps.min() >= 0) or METHODS[name].signed
    pixels = model.pixels(open_clip(video).frames([4, 12, 20, 28]))
    if name not in RANDOM_NAMES:
        direct = attribute(model, pixels, name, target=explanation.target, **params)
        np.testing.assert_allclose(explanation.maps, direct, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["saliency", "occlusion"])
def test_a_class_can_be_chosen(name: str, video: Path, model: VideoModel):
    predicted = explain(video, model, name, **FEW_PASSES.get(name, {}))
    other = explain(video, model, name, target=(predicted.target + 1) % 5, **FEW_PASSES.get(name, {}))
    assert other.target == (predicted.target + 1) % 5
    assert not np.allclose(predicted.maps, other.maps)
    with_target = explain(video, model, name, target=predicted.target, **FEW_PASSES.get(name, {}))
    np.testing.assert_array_equal(predicted.maps, with_target.maps)
    request = request_of(predicted)
    assert request is not None
    assert request.class_specific
    assert answer_request(request.with_changes(target=other.target)).provenance["cache"] == "hit"


def test_a_control_does_not_depend_on_the_class(video: Path, model: VideoModel):
    predicted = explain(video, model, "uniform").target
    with pytest.warns(UserWarning, match="does not depend on the class"):
        assert explain(video, model, "uniform", target=(predicted + 1) % 5).target == predicted


def test_cached_maps_take_no_further_pass(video: Path):
    counter = CountedModel()
    first = explain(video, counter.model, "occlusion", cells=(1, 3, 3))
    assert sum(counter.inputs) == 1 + 4
    again = explain(video, counter.model, "occlusion", cells=[1, 3, 3])
    assert again.provenance["cache"] == "hit"
    without = explain(video, counter.model, "occlusion", cells=(1, 3, 3), attention=False)
    assert without.provenance["cache"] == "miss"
    assert sum(counter.inputs) == 1 + 4
    np.testing.assert_array_equal(first.maps, without.maps)
    explain(video, counter.model, "occlusion", cells=(1, 3, 3), filler="median")
    assert sum(counter.inputs) == 1 + 4 + 4
    explain(video, CountedModel(seed=1).model, "occlusion", cells=(1, 3, 3))
    assert entries_of_clips() == {"explanation": 4, "maps": 3, "preview": 1, "record": 2}


def test_damaged_maps_are_computed_again(video: Path, folder: Path):
    counter = CountedModel()
    first = explain(video, counter.model, "occlusion", cells=(1, 3, 3))
    for path in (*folder.glob("explanation/*/*"), *folder.glob("maps/*/*")):
        path.write_bytes(path.read_bytes()[:-7])
    again = explain(video, counter.model, "occlusion", cells=(1, 3, 3))
    assert sum(counter.inputs) == 1 + 4 + 4
    np.testing.assert_array_equal(first.maps, again.maps)


def test_without_cache_nothing_is_written(video: Path, model: VideoModel, folder: Path):
    explain(video, model, "saliency", cache=False)
    assert not folder.exists()


def test_random_maps_depend_on_the_content_of_the_video(video: Path, model: VideoModel, tmp_path: Path):
    other = tmp_path / "other.mp4"
    other.write_bytes(video.read_bytes())
    one, same = (explain(path, model, "random", cache=False).maps for path in (video, other))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, explain(video, model, "random", start=1, cache=False).maps)


def test_provenance_states_the_cost(video: Path, model: VideoModel):
    provenance = explain(video, model, "integrated_gradients", steps=3).provenance
    # The recorded pass, three points and the baseline.
    assert provenance["cost"] == {"forwards": 5, "backwards": 3}
    assert provenance["seconds"]["method"] > 0
    assert "captum" in provenance["versions"]
    assert explain(video, model).provenance["cost"] == {"forwards": 1, "backwards": 0}
    assert explain(NoiseVideo(20), model, "saliency", window=4).provenance["cost"] == {"forwards": 10, "backwards": 5}


@pytest.mark.filterwarnings("ignore::staa_widgets.errors.IncompleteAttributionWarning")
def test_provenance_states_the_completeness_gap(video: Path):
    counter = CountedModel()
    pixels = counter.model.pixels(open_clip(video).frames([4, 12, 20, 28]))
    for steps in (1, 2):
        explanation = explain(video, counter.model, "integrated_gradients", steps=steps)
        with torch.no_grad():
            baseline = counter.module(pixel_values=FILLERS["blur"](pixels)[None]).logits[0, explanation.target]
        difference = float(explanation.logits[explanation.target] - baseline)
        expected = abs(float(explanation.maps.sum()) - difference) / abs(difference)
        assert explanation.provenance["completeness_gap"] == pytest.approx(expected, rel=0.01, abs=1e-4)
        assert ("completeness_gap", f"{explanation.provenance['completeness_gap']:.5g}") in run_details(explanation)
        # The gap is stored beside the maps.
        passes = sum(counter.inputs)
        again = explain(video, counter.model, "integrated_gradients", steps=steps, attention=False)
        assert sum(counter.inputs) == passes
        assert again.provenance["completeness_gap"] == explanation.provenance["completeness_gap"]
    assert explain(video, counter.model, "shapley", segments=(3, 1, 1)).provenance["completeness_gap"] < 1e-3
    assert "completeness_gap" not in explain(video, counter.model, "saliency").provenance


def test_a_large_completeness_gap_gives_a_warning(video: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def explain_with_gap(gap: float, **options: Any) -> None:
        monkeypatch.setattr("staa_widgets.methods.gradient.completeness_gap", lambda *_: gap)
        explain(video, model, "integrated_gradients", steps=3, preview=False, **options)

    with pytest.warns(IncompleteAttributionWarning, match=r"differs by 6% .* steps=6") as warned:
        explain_with_gap(0.06)
    assert [warning.filename for warning in warned] == [__file__]
    # The warning comes from the cached explanation too, and from every function that explains.
    calls: list[Callable[[], object]] = [
        lambda: explain(video, model, "integrated_gradients", steps=3, preview=False),
        lambda: compare(video, model, [("integrated_gradients", {"steps": 3})], preview=False),
        lambda: list(stream(video, model, "integrated_gradients", steps=3)),
        lambda: list(explain_many([video], model, "integrated_gradients", steps=3, preview=False)),
    ]
    for call in calls:
        with pytest.warns(IncompleteAttributionWarning, match="differs by 6%") as warned:
            call()
        assert [warning.filename for warning in warned] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain_with_gap(0.05, cache=False)


# --- windows ---


def test_all_windows_are_explained_for_one_class(model: VideoModel):
    explanation = explain(NoiseVideo(20, seed=2), model, "saliency", window=4)
    assert explanation.window_logits is not None
    assert len(set(explanation.window_logits.argmax(1).tolist())) > 1, "the windows are to disagree"
    with_target = explain(NoiseVideo(20, seed=2), model, "saliency", target=explanation.target, cache=False, window=4)
    np.testing.assert_array_equal(explanation.maps, with_target.maps)
    weights = explanation.provenance["sampling"]["window_weights"]
    np.testing.assert_allclose(explanation.maps.reshape(5, -1).sum(1), weights, rtol=1e-5)


def test_progress_counts_passes_window_by_window(model: VideoModel):
    steps: list[tuple[str, int, int]] = []
    explain(NoiseVideo(14), model, "occlusion", cells=(1, 3, 3), progress=lambda *step: steps.append(step), window=4)
    windows = [f"running the method, window {n} of 4" for n in (1, 2, 3, 4)]
    assert [step for step in steps if step[0] in windows] == [(step, n, 4) for step in windows for n in (0, 4)]
    steps.clear()
    explain(NoiseVideo(4), model, "occlusion", cells=(1, 3, 3), progress=lambda *step: steps.append(step))
    assert [step[1:] for step in steps if step[0] == "running the method"] == [(0, 4), (4, 4)]


def test_cancelled_work_keeps_the_windows_that_were_finished():
    counter = CountedModel()
    before = module_state(counter.module)

    def cancel(step: str, done: int, total: int) -> None:
        if "window 3" in step and done:
            raise CancelledError("Stopped.")

    for _ in range(2):
        with pytest.raises(CancelledError):
            explain(NoiseVideo(20), counter.model, "occlusion", cells=(1, 3, 3), progress=cancel, window=4)
    assert module_state(counter.module) == before
    assert sum(counter.inputs) == 5 + 3 * 4 + 4  # the third window ran twice, the others once
    explain(NoiseVideo(20), counter.model, "occlusion", cells=(1, 3, 3), window=4)
    assert sum(counter.inputs) == 5 + 3 * 4 + 4 + 3 * 4


# --- leaving things as they are ---


@pytest.mark.parametrize("name", NAMES_WITH_PASSES)
def test_the_model_and_the_generators_are_left_unchanged(name: str, video: Path):
    def generators() -> tuple[bytes, str]:
        return torch.get_rng_state().numpy().tobytes(), str(np.random.get_state())  # noqa: NPY002

    module = tiny_timesformer()
    module.train()
    module.classifier.eval()
    module.classifier.bias.grad = torch.ones(5)
    own_model = load_model(module, processor=tiny_timesformer_model().transform)
    before = module_state(module), generators(), torch.is_grad_enabled()
    explain(video, own_model, name, cache=False, **FEW_PASSES.get(name, {}))
    assert (module_state(module), generators(), torch.is_grad_enabled()) == before
    torch.testing.assert_close(module.classifier.bias.grad, torch.ones(5))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", ["saliency", "gradient_shap", "occlusion", "motion_energy"])
def test_the_gradient_mode_of_the_caller_makes_no_difference(name: str, mode: Any, video: Path, model: VideoModel):
    expected = explain(video, model, name, cache=False, **FEW_PASSES.get(name, {}))
    with mode():
        explanation = explain(video, model, name, cache=False, **FEW_PASSES.get(name, {}))
    np.testing.assert_allclose(explanation.maps, expected.maps, rtol=1e-5, atol=1e-7)


def test_a_frozen_model_is_explained_too(video: Path, model: VideoModel):
    module = tiny_timesformer().requires_grad_(requires_grad=False)
    frozen = load_model(module, processor=model.transform)
    expected = explain(video, model, "saliency", cache=False).maps
    explanation = explain(video, frozen, "saliency", cache=False)
    np.testing.assert_allclose(explanation.maps, expected, rtol=1e-4, atol=1e-6)
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "occlusion", "shapley", "lime", "random"])
def test_methods_explain_every_kind_of_attention(kind: str, name: str):
    maps = attribute(tiny_timesformer_model(kind), random_pixels(1)[0], name, **FEW_PASSES.get(name, {}))
    assert maps.shape == (4, 3, 3)
    assert maps.any()


# --- inputs ---


def test_inputs_hold_what_methods_need(model: VideoModel):
    pixels = random_pixels(1)[0]
    with open_inputs(model, pixels, needs=Needs(rows=True), seed=9, batch_size=3) as inputs:
        assert inputs.record.rows is not None
        assert inputs.target == int(inputs.record.logits.argmax())
        assert (inputs.seed, inputs.batch_size, inputs.shape) == (9, 3, (4, 3, 3))
        assert len(inputs.layers) == 3
        torch.testing.assert_close(inputs.pixels, pixels)
        again = inputs.forward(torch.stack([pixels, pixels]))
        np.testing.assert_allclose(again.detach().numpy(), [inputs.record.logits] * 2, rtol=1e-4, atol=1e-5)
    with open_inputs(model, pixels, target=2, record=inputs.record) as other:
        assert other.record is inputs.record
        assert other.target == 2


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ParameterError, {"target": 5}),
        (ParameterError, {"target": -1}),
        (ParameterError, {"batch_size": 0}),
        (WrongInputError, {"pixels": torch.zeros(3, 3, 24, 24)}),
    ],
    ids=str,
)
def test_wrong_inputs_are_refused(error: type[Exception], arguments: dict[str, Any], model: VideoModel):
    pixels = arguments.pop("pixels", random_pixels(1)[0])
    with pytest.raises(error), open_inputs(model, pixels, **arguments):
        pass


def test_attention_methods_read_the_record(model: VideoModel):
    (record,) = record_pixels(model, random_pixels(1), METHODS["staa_logit"].needs(), [3])
    maps = attribute(model, random_pixels(1)[0], "staa_logit", target=3, profile=None)
    np.testing.assert_array_equal(maps, METHODS["staa_logit"](record, profile=None))


def test_maps_that_are_not_finite_are_refused(model: VideoModel, monkeypatch: pytest.MonkeyPatch, video: Path):
    monkeypatch.setattr("staa_widgets.methods.registry.METHODS", METHODS.copy())

    @method("broken", class_specific=False, needs_model=True)
    def broken(inputs: Any) -> np.ndarray:
        return np.full(inputs.shape, np.nan)

    monkeypatch.setitem(METHODS, "broken", broken)
    with pytest.raises(MethodError, match="finite"):
        explain(video, model, "broken")


def test_batches_are_smaller_for_larger_models_and_for_gradients():
    small = tiny_timesformer_model()
    assert max_batch_size(small) == max_batch_size(small, backward=True) == 8
    long = replace(small.geometry, frames=96, height=14, width=14)
    large = replace(small, geometry=long)
    assert 1 <= max_batch_size(large, backward=True) < max_batch_size(large) <= 8
