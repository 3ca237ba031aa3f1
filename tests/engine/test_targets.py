"""Targets: a difference of two classes, or a function of the logits, in place of a class."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import staa_widgets as staa
from staa_widgets.engine.assemble import window_weights
from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.explanation.sentence import summarize
from staa_widgets.export.code import explain_call
from staa_widgets.methods import METHODS
from staa_widgets.models import load_model
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs
from staa_widgets.records.target import LogitFunction, resolve_target, target_name, target_slopes, target_values
from staa_widgets.widget.payload import pack
from tests.helpers.method_inputs import make_inputs
from tests.helpers.tiny import ATTENDING, PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

pytestmark = pytest.mark.usefixtures("folder")

LABELS = ("wave", "clap", "jump", "spin", "fall")
CLIP = staa.action_clip(1, size=48, fps=4)
QUIET: dict[str, Any] = {"preview": False, "progress": False}
LINEAR: dict[str, dict[str, Any]] = {
    name: {"steps": 3} if name == "integrated_gradients" else {}
    for name in ("occlusion", "loco", "shapley", "input_x_gradient", "integrated_gradients")
}
"""Methods whose maps are linear in the logits."""


def margin(logits: Tensor) -> Tensor:
    """Return the logit of "wave" less that of all other classes together."""
    return logits[0] - logits[1:].logsumexp(0)


def model(family: str = "vivit", **settings: Any) -> Any:
    module = tiny_classifier(family, id2label=dict(enumerate(LABELS)), **settings)
    return load_model(module, processor=PROCESSOR, id="tiny")


@pytest.fixture(scope="module")
def vivit() -> Any:
    return model()


def test_values_and_derivatives_by_hand() -> None:
    logits = np.array([[1.0, 2.0, 4.0], [0.0, 3.0, -1.0]], np.float32)
    square = resolve_target(lambda z: z[0] * z[2], ("a", "b", "c"))
    assert isinstance(square, LogitFunction)
    for target, values, slopes in (
        (1, [2, 3], [[0, 1, 0], [0, 1, 0]]),
        ((2, 0), [3, -1], [[-1, 0, 1], [-1, 0, 1]]),
        (square, [4, 0], [[4, 0, 1], [-1, 0, 0]]),
    ):
        np.testing.assert_array_equal(target_values(logits, target), values)
        np.testing.assert_array_equal(target_values(torch.from_numpy(logits), target), values)
        np.testing.assert_array_equal(target_slopes(logits, target), slopes)


def test_targets_are_given_by_label_or_index_and_named() -> None:
    for pair in (("wave", "Clap"), [0, 1], (np.int64(0), "clap"), np.array([0, 1])):
        assert resolve_target(pair, LABELS) == (0, 1)
    assert target_name((0, 1), LABELS) == "wave − clap"
    for function, name in ((margin, "margin(logits)"), (partial(margin), "margin(logits)")):
        target = resolve_target(function, LABELS)
        assert target is not None
        assert target_name(target, LABELS) == name
    anonymous = resolve_target(lambda z: z.max(), LABELS)
    assert isinstance(anonymous, LogitFunction)
    assert anonymous.name == "function of the logits"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (("wave", "clap", "jump"), "3 parts"),
        (("wave",), "1 parts"),
        (("wave", None), "not two classes"),
        (("wave", "wave"), "always zero"),
        (("wave", "walk"), "no class 'walk'"),
        (lambda z: z, "a tensor \\(5,\\), not one number"),
        (lambda _: 1.5, "a float, not one number"),
        (lambda z: z.argmax(), "torch can differentiate"),
        (lambda z: z.detach()[0], "torch can differentiate"),
        (lambda _: torch.tensor(1.0), "torch can differentiate"),
        (lambda z: z[:, 0], "failed: too many indices"),
        (lambda _: 1 / 0, "failed: division by zero"),
    ],
)
def test_what_is_no_target_is_refused_before_the_model_runs(vivit: Any, target: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        staa.explain(CLIP, vivit, "occlusion", target=target, cache=False, **QUIET)
    assert caught.value.hint


@pytest.mark.parametrize("family", ATTENDING)
def test_contributions_to_a_difference_are_the_difference_of_contributions(family: str) -> None:
    """Exact by linearity: the last normalization is held at its scale for all classes."""
    video_model, pixels = tiny_video_model(family), random_pixels(1, model=tiny_video_model(family))
    needs = Needs(contributions=True)

    def contributions(target: Any) -> Any:
        (clip_record,) = record(video_model, pixels, needs, [target])
        assert clip_record.target == target
        return clip_record.contributions

    difference = contributions((3, 1))
    np.testing.assert_allclose(difference, contributions(3) - contributions(1), atol=1e-5 * np.abs(difference).max())
    function = LogitFunction(lambda z: z[3] - z[1], "difference")
    np.testing.assert_array_equal(contributions(function), difference)


def test_an_mlp_head_takes_a_difference() -> None:
    module = tiny_classifier("vivit")
    module.classifier = torch.nn.Sequential(torch.nn.Linear(32, 16), torch.nn.GELU(), torch.nn.Linear(16, 5))
    video_model = load_model(module, processor=PROCESSOR)
    pixels = random_pixels(1, model=video_model)
    first, second, difference = (
        record(video_model, pixels, Needs(contributions=True), [target])[0].contributions for target in (1, 0, (1, 0))
    )
    assert first is not None
    assert second is not None
    assert difference is not None
    np.testing.assert_allclose(difference, first - second, atol=1e-5 * np.abs(first).max())


@pytest.mark.parametrize("method", LINEAR)
def test_maps_of_a_difference_are_the_difference_of_the_maps(vivit: Any, method: str) -> None:
    pixels = random_pixels(1, model=vivit)[0]
    maps = [attribute(vivit, pixels, method, target=target, **LINEAR[method]) for target in (0, 3, (0, 3))]
    np.testing.assert_allclose(maps[2], maps[0] - maps[1], atol=1e-4 * np.abs(maps[2]).max())


CHEAP: dict[str, dict[str, Any]] = {
    "rise": {"masks": 8},
    "lime": {"samples": 8},
    "kernel_shap": {"samples": 8},
    "smooth_grad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "integrated_gradients": {"steps": 2},
}
ANSWERING = [
    name
    for name, method in METHODS.items()
    if method.depends_on_class() and not method.explains_probability and not method.exploratory
]


@pytest.mark.parametrize("method", ANSWERING)
def test_every_method_gives_one_map_for_a_difference_and_for_its_function(vivit: Any, method: str) -> None:
    pixels, settings = random_pixels(1, model=vivit)[0], CHEAP.get(method, {})
    pair = attribute(vivit, pixels, method, target=(0, 3), **settings)
    function = attribute(vivit, pixels, method, target=LogitFunction(lambda z: z[0] - z[3], "f"), **settings)
    np.testing.assert_allclose(pair, function, atol=1e-6 * np.abs(pair).max())
    assert np.abs(pair - attribute(vivit, pixels, method, target=0, **settings)).max() > 1e-3 * np.abs(pair).max()


def test_a_function_is_explained_as_it_is_by_perturbation_and_by_its_derivatives_by_staa_logit() -> None:
    square = LogitFunction(lambda z: z[1] ** 2, "square")
    inputs = make_inputs(lambda clips: torch.stack([clips.sum((1, 2, 3, 4)), clips[:, 0].mean((1, 2, 3))], 1))
    hidden = METHODS["occlusion"](inputs, cells=(2, 2, 3), filler="median")
    of_logit = METHODS["occlusion"](make_inputs(inputs.forward), cells=(2, 2, 3), filler="median").sum()
    logit = inputs.record.logits[1]
    expected = logit**2 - (logit - of_logit) ** 2
    of_square = METHODS["occlusion"](make_inputs(inputs.forward, target=square), cells=(2, 2, 3), filler="median")
    assert hidden.sum() == pytest.approx(of_logit)
    assert of_square.sum() == pytest.approx(expected, rel=1e-4)
    video_model = tiny_video_model("vivit")
    pixels = random_pixels(1, model=video_model)
    (plain,) = record(video_model, pixels, Needs(contributions=True), [1])
    (clip_record,) = record(video_model, pixels, Needs(contributions=True), [square])
    assert plain.contributions is not None
    assert clip_record.contributions is not None
    np.testing.assert_allclose(
        clip_record.contributions, 2 * plain.logits[1] * plain.contributions, rtol=2e-4, atol=1e-6
    )


def test_window_weights_by_hand() -> None:
    logits = np.log([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert window_weights(logits, (0, 2)) == pytest.approx([1 / 12, 0, 1 / 12])
    assert window_weights(logits, LogitFunction(lambda z: z[0] - 3 * z[1], "f")) == pytest.approx([1 / 24, 1 / 8, 0])
    assert window_weights(-logits, (0, 2), "regression") == [1, 1, 1]


def test_a_difference_is_named_in_all_that_shows_it(vivit: Any, tmp_path: Path) -> None:
    e = staa.explain(CLIP, vivit, "staa_logit", target=("wave", "clap"), window=1.0, cache=False, **QUIET)
    assert (e.target, e.target_minus, e.explained_target, e.target_name) == (0, 1, (0, 1), "wave − clap")
    value = float(e.logits[0] - e.logits[1])
    assert e.provenance["target"] == {"name": "wave − clap", "value": pytest.approx(value, abs=1e-5), "local": False}
    assert e.window_logits is not None
    weights = e.provenance["sampling"]["window_weights"]
    assert weights == pytest.approx(window_weights(e.window_logits, (0, 1)))
    assert "for 'wave − clap'" in repr(e)
    assert " for wave − clap " in summarize(e)
    meta = pack(e)[0]
    assert (meta["target"], meta["target_name"]) == (-1, "wave − clap")
    assert ["explained", "wave − clap"] in meta["run_details"]
    assert 'target=("wave", "clap")' in explain_call(e)
    other = staa.explain(CLIP, vivit, "staa_logit", target="wave", window=1.0, cache=False, **QUIET)
    assert list(staa.Comparison.of(e, other)) == ["wave − clap", "wave"]
    again = staa.Explanation.load(e.save(tmp_path / "pair.safetensors"))
    assert (again.explained_target, again.target_name) == ((0, 1), "wave − clap")
    for suffix in ("html", "png", "csv"):
        assert e.export(tmp_path / f"pair.{suffix}").stat().st_size > 0


def test_a_function_is_named_and_said_to_be_local(vivit: Any) -> None:
    e = staa.explain(CLIP, vivit, "staa_logit", target=margin, **QUIET)
    assert (e.target, e.explained_target, e.target_name) == (int(e.logits.argmax()), None, "margin(logits)")
    assert e.provenance["cache"] == "off"
    assert e.provenance["target"]["local"]
    assert e.provenance["target"]["value"] == pytest.approx(float(margin(torch.from_numpy(e.logits.copy()))), abs=1e-5)
    assert (
        "target=target, " in explain_call(e)
        or "target=target)" in explain_call(e)
        or "target=target,\n" in explain_call(e)
    )
    assert 'target: the function "margin(logits)"' in explain_call(e)
    again = staa.Explanation.from_bytes(e.to_bytes())
    assert (again.target_name, again.explained_target) == ("margin(logits)", None)
    exact = staa.explain(CLIP, vivit, "occlusion", target=margin, **QUIET)
    assert not exact.provenance["target"]["local"]


def test_a_difference_is_cached_apart_from_its_classes_and_a_function_is_not(vivit: Any) -> None:
    def explain(target: Any, method: str = "staa_logit") -> Any:
        return staa.explain(CLIP, vivit, method, target=target, **QUIET)

    for method in ("staa_logit", "input_x_gradient"):
        plain = explain("wave", method)
        first = explain(("wave", "clap"), method)
        assert first.provenance["cache"] == "miss"
        second = explain((0, 1), method)
        assert second.provenance["cache"] == "hit"
        np.testing.assert_array_equal(second.maps, first.maps)
        opposite = explain(("clap", "wave"), method)
        assert opposite.provenance["cache"] == "miss"
        assert np.abs(opposite.maps - first.maps).max() > 1e-4
        assert np.abs(plain.maps - first.maps).max() > 1e-4
    doubled = [explain(lambda z, factor=factor: factor * z[0], "input_x_gradient") for factor in (1, 2)]
    np.testing.assert_allclose(doubled[1].maps, 2 * doubled[0].maps, rtol=1e-4)


def test_functions_of_one_comparison_share_its_pass(vivit: Any) -> None:
    both = staa.compare(CLIP, vivit, ["staa_logit", "attention_gradient", "motion_energy"], target=margin, **QUIET)
    assert [e.target_name for e in both.values()][:2] == 2 * ["margin(logits)"]
    alone = staa.explain(CLIP, vivit, "staa_logit", target=margin, **QUIET)
    np.testing.assert_allclose(both["staa_logit"].maps, alone.maps, atol=1e-6)


def test_many_videos_take_a_difference(vivit: Any) -> None:
    clips = [CLIP, staa.action_clip(2, size=48, fps=4)]
    outcomes = [*staa.explain_many(clips, vivit, "staa_logit", target=("wave", "clap"), **QUIET)]
    for clip, outcome in zip(clips, outcomes, strict=True):
        assert outcome.explanation is not None
        alone = staa.explain(clip, vivit, "staa_logit", target=("wave", "clap"), cache=False, **QUIET)
        np.testing.assert_allclose(outcome.explanation.maps, alone.maps, atol=1e-6)
    (window, *_) = staa.stream(CLIP, vivit, "staa_logit", target=("wave", "clap"), progress=False)
    assert window.target_name == "wave − clap"


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.explains_probability])
def test_a_method_that_explains_a_probability_refuses_a_difference(vivit: Any, method: str) -> None:
    for target in (("wave", "clap"), margin):
        with pytest.raises(UnsupportedRequestError, match="probability of one class") as caught:
            staa.explain(CLIP, vivit, method, target=target, **QUIET)
        assert "staa_logit" in caught.value.hint


def test_a_method_that_is_the_same_for_every_class_refuses_a_difference(vivit: Any) -> None:
    for target in (("wave", "clap"), margin):
        with pytest.raises(UnsupportedRequestError, match="'staa' does not depend on the class") as caught:
            staa.explain(CLIP, vivit, target=target, **QUIET)
        assert "staa_logit" in caught.value.hint
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        staa.compare(CLIP, vivit, target=("wave", "clap"), cache=False, **QUIET)
    assert staa.explain(CLIP, vivit, target=("wave", "clap"), weighting="logit", **QUIET).target_minus == 1


def test_one_class_is_needed_where_scores_are_computed(vivit: Any) -> None:
    pair: Any = ("wave", "clap")
    with pytest.raises(ParameterError, match="One class is needed") as caught:
        staa.evaluate([CLIP], ["staa_logit"], model=vivit, target=pair, progress=False)
    assert "explain" in caught.value.hint


def test_the_player_keeps_a_difference_when_the_method_changes(vivit: Any) -> None:
    player = staa.Player(staa.explain(CLIP, vivit, "staa_logit", target=("wave", "clap"), cache=False))
    assert player.target == -1
    player.method = "input_x_gradient"
    assert player.explanation.target_name == "wave − clap"
    operation = player.operation("compute", {"method": "staa_logit"})
    assert operation.compute(lambda *_: None).target_name == "wave − clap"
    player.target = 0
    assert (player.explanation.target_name, player.target) == ("wave", 0)
    player.compute(target=("jump", "wave"))
    assert player.explanation.target_name == "jump − wave"
    assert player.compute(target=("jump", "wave")) is player.explanation
    player.close()
