"""Where the attention of one patch went is what the models' own eager code says, asked once and cached by patch."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets.models.capture
from staa_widgets import METHODS, compare, explain, explain_many, stream
from staa_widgets.engine.attribute import attribute
from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import request_of
from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.models import FAMILIES, VideoModel, load_model
from staa_widgets.models.capture import record
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs
from staa_widgets.storage import cache
from tests.helpers.joint_models import JOINT, eager_attentions
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.small_records import scale_to_sum_one
from tests.helpers.timesformers import TYPES, run_eager, tiny_timesformer_model
from tests.helpers.tiny import PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

H, METHOD = 4, "patch_attention"
PATCHES = [(0, 0, 0), (1, 2, 0), (1, 0, 1)]
QUIET: dict[str, Any] = {"preview": False, "progress": False}


def record_patch_rows(model: VideoModel, patch: tuple[int, int, int]) -> np.ndarray:
    (found,) = record(model, random_pixels(1), Needs(patch=patch), [None])
    assert found.patch_rows is not None
    assert found.patch_rows.flags.c_contiguous
    return found.patch_rows


def record_attention(module: Any) -> list[torch.Tensor]:
    """Probabilities of each call of eager attention, in order, ``(n, H, q, k)``."""
    copied = deepcopy(module)
    copied.set_attn_implementation("eager")
    modeling: Any = sys.modules[type(module).__module__]
    attend, kept = modeling.eager_attention_forward, []

    def keep(*args: Any, **settings: Any) -> Any:
        out = attend(*args, **settings)
        kept.append(out[1].detach())
        return out

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(modeling, "eager_attention_forward", keep)
        copied(pixel_values_videos=random_pixels(1))
    return kept


@pytest.mark.parametrize("patch", PATCHES)
def test_divided_attention_goes_on_through_time_from_what_the_patch_sees(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(), patch
    truth, place = run_eager(model.module, random_pixels(1)[0]), 3 * row + column
    found = record_patch_rows(model, patch)
    assert found.shape == (3, H, 4, 9)
    for layer in range(3):
        space, time = truth["space"][layer][t, :, 1 + place, 1:], truth["time"][layer].mean(1)
        np.testing.assert_allclose(time.sum(-1), 1, atol=1e-5)
        for later in range(4):
            np.testing.assert_allclose(found[layer, :, later], space * time[:, t, later], atol=1e-6)
        np.testing.assert_allclose(
            found[layer].sum((1, 2)), 1 - truth["space"][layer][t, :, 1 + place, 0].numpy(), atol=1e-5
        )


@pytest.mark.parametrize("patch", PATCHES)
def test_attention_within_frames_stays_in_the_frame(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(TYPES[2]), patch
    truth, found = (
        run_eager(model.module, random_pixels(1)[0]),
        record_patch_rows(tiny_timesformer_model(TYPES[2]), patch),
    )
    for layer in range(3):
        expected = np.zeros((H, 4, 9))
        expected[:, t] = truth["space"][layer][t, :, 1 + 3 * row + column, 1:]
        np.testing.assert_allclose(found[layer], expected, atol=1e-6)


@pytest.mark.parametrize("patch", PATCHES)
def test_the_row_of_joint_attention_with_time_fastest(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(TYPES[1]), patch
    truth, found = run_eager(model.module, random_pixels(1)[0]), record_patch_rows(model, patch)
    for layer in range(3):
        expected = truth["space"][layer][0, :, 1 + 4 * (3 * row + column) + t, 1:]
        np.testing.assert_allclose(found[layer], expected.reshape(H, 9, 4).transpose(1, 2), atol=1e-6)


@pytest.mark.parametrize("family", JOINT)
@pytest.mark.parametrize("patch", PATCHES)
def test_the_row_of_joint_attention_slice_by_slice(family: str, patch: tuple[int, int, int]) -> None:
    model, (s, row, column) = tiny_video_model(family), patch
    prefix = model.geometry.prefix
    truth, found = eager_attentions(model.module, random_pixels(1)[0], 0)[0], record_patch_rows(model, patch)
    assert found.shape == (3, H, 2, 9)
    for layer, matrix in zip(found, truth, strict=True):
        expected = matrix[:, prefix + 9 * s + 3 * row + column, prefix:]
        np.testing.assert_allclose(layer, expected.reshape(H, 2, 9), rtol=1e-5, atol=1e-6)
        if not prefix:
            np.testing.assert_allclose(layer.sum((1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize("patch", PATCHES)
def test_a_model_with_a_pooler_is_asked_in_the_layers_before_it(patch: tuple[int, int, int]) -> None:
    model, (s, row, column) = tiny_video_model("vjepa2"), patch
    *truth, pooler = record_attention(model.module)
    assert pooler.shape[2] == 1
    assert len(truth) == 5  # three of the encoder, two of the pooler
    found = record_patch_rows(model, patch)
    for layer, matrix in zip(found, truth, strict=True):
        expected = matrix[0, :, 9 * s + 3 * row + column]
        np.testing.assert_allclose(layer, expected.reshape(H, 2, 9), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(layer.sum((1, 2)), 1, atol=1e-5)


@pytest.mark.skipif("videoprism_vision_model" not in FAMILIES, reason="this transformers has no VideoPrism")
@pytest.mark.parametrize("patch", PATCHES)
def test_layers_within_frames_and_over_time_each_show_what_they_see(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_video_model("videoprism_vision_model"), patch
    *truth, _ = record_attention(model.module)
    found, place = record_patch_rows(model, patch), 3 * row + column
    for layer, matrix in zip(found, truth, strict=True):
        expected = np.zeros((H, 4, 9))
        if len(matrix) == 4:
            expected[:, t] = matrix[t, :, place]
        else:
            expected[:, :, place] = matrix[place, :, t]
        np.testing.assert_allclose(layer, expected, atol=1e-6)
    assert [len(matrix) for matrix in truth] == [4, 4, 9, 9]


def test_maps_are_the_mean_over_heads_of_the_layers_chosen() -> None:
    model, pixels = tiny_video_model("vivit"), random_pixels(1)[0]
    rows = record_patch_rows(model, (1, 2, 0)).mean(1).reshape(3, 2, 3, 3)
    for layers, chosen in (("mean", [0, 1, 2]), ("last", [2]), ([0, -1], [0, 2])):
        maps = attribute(model, pixels, METHOD, patch=(1, 2, 0), layers=layers)
        np.testing.assert_allclose(maps, scale_to_sum_one(rows[chosen].sum(0)), atol=1e-6)
    np.testing.assert_array_equal(
        attribute(model, pixels, METHOD, patch=(1, 2, 0)),
        attribute(model, pixels, METHOD, patch=[1, 2, 0], layers="mean"),
        attribute(model, pixels, METHOD, patch=[1, 2, 0], layers="mean"),
    )
    with pytest.raises(ParameterError, match="layers 0 to 2"):
        attribute(model, pixels, METHOD, layers=[3])


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.attends])
def test_by_default_the_middle_patch_is_asked_and_everything_fits(family: str) -> None:
    model = tiny_video_model(family)
    slices = model.geometry.slices
    e = explain(NoiseVideo(2), model, METHOD, cache=False, **QUIET)
    same = explain(NoiseVideo(2), model, METHOD, patch=(slices // 2, 1, 1), cache=False, **QUIET)
    np.testing.assert_array_equal(e.maps, same.maps)
    assert e.maps.shape == (slices, 3, 3)
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)
    assert e.maps.min() >= 0
    assert e.target == int(e.logits.argmax())
    assert e.attention is not None
    assert e.attention.shape[2:] == e.maps.shape
    np.testing.assert_allclose(scale_to_sum_one(e.attention.astype(float).mean((0, 1))), e.maps, atol=1e-3)


def test_other_clips_of_a_batch_do_not_show() -> None:
    model, needs = tiny_video_model("timesformer"), Needs(patch=(1, 2, 0))
    for i, found in enumerate(record(model, random_pixels(3), needs, [None] * 3)):
        (alone,) = record(model, random_pixels(3)[i : i + 1], needs, [None])
        assert found.patch_rows is not None
        assert alone.patch_rows is not None
        np.testing.assert_allclose(found.patch_rows, alone.patch_rows, atol=1e-6)


def test_half_precision_asks_the_same() -> None:
    model = load_model(tiny_classifier("timesformer").bfloat16(), processor=PROCESSOR)
    np.testing.assert_allclose(
        record_patch_rows(model, (1, 2, 0)), record_patch_rows(tiny_video_model("timesformer"), (1, 2, 0)), atol=0.05
    )


@pytest.mark.usefixtures("folder")
def test_one_pass_answers_a_query_and_the_cache_the_same_query(forwards: list[int]) -> None:
    model, video = tiny_timesformer_model(), NoiseVideo(2)
    first = explain(video, model, **QUIET)
    assert forwards == [1]
    asked = explain(video, model, METHOD, patch=(2, 1, 0), **QUIET)
    assert forwards == [1, 1]
    np.testing.assert_allclose(asked.logits, first.logits, atol=1e-5)
    again = explain(video, model, METHOD, patch=[2, 1, 0], **QUIET)
    assert forwards == [1, 1]
    assert again.provenance["cache"] == "hit"
    np.testing.assert_array_equal(again.maps, asked.maps)
    other = explain(video, model, METHOD, patch=(2, 1, 1), **QUIET)
    assert forwards == [1, 1, 1]
    assert np.abs(other.maps - asked.maps).max() > 1e-3
    # What the readout read is there as before, and no record of a patch beside it.
    assert cache.info().entries == {"explanation": 3, "record": 1}
    explain(video, model, layers="last", **QUIET)
    assert forwards == [1, 1, 1]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.usefixtures("folder")
def test_several_methods_of_one_clip_take_a_pass_and_the_query_one_more(kept: bool, forwards: list[int]) -> None:
    methods = {"staa": {}, METHOD: {"patch": (3, 0, 2)}, "rollout": {}}
    found = compare(NoiseVideo(2), tiny_timesformer_model(), methods, cache=kept, **QUIET)
    assert forwards == [1, 1]
    alone = explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=(3, 0, 2), cache=False, **QUIET)
    np.testing.assert_allclose(found[METHOD].maps, alone.maps, atol=1e-6)


@pytest.mark.usefixtures("folder")
def test_no_more_is_recorded_than_the_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Needs] = []

    def record_and_note(model: VideoModel, pixels: Any, needs: Needs, *rest: Any) -> Any:
        asked.append(needs)
        return record(model, pixels, needs, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record_and_note)
    explain(NoiseVideo(2), tiny_timesformer_model(), **QUIET)
    explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=(2, 1, 0), **QUIET)
    assert asked[1:] == [Needs(patch=(2, 1, 0))]


@pytest.mark.usefixtures("folder")
def test_each_of_many_videos_takes_one_pass(forwards: list[int]) -> None:
    found = list(explain_many([NoiseVideo(2), NoiseVideo(2, seed=1)], tiny_timesformer_model(), METHOD, **QUIET))
    assert all(outcome.explanation is not None for outcome in found)
    assert forwards == [1, 1]


@pytest.mark.usefixtures("folder")
def test_of_several_windows_only_the_one_that_saw_the_patch_answers(forwards: list[int]) -> None:
    model, video = tiny_timesformer_model(), NoiseVideo(4)
    first = explain(video, model, window=1, stride=0.5, **QUIET)
    assert len(first.maps) == 16
    before = len(forwards)
    e = explain(video, model, METHOD, patch=(9, 1, 1), window=1, stride=0.5, **QUIET)
    # Windows of 4 slices, 2 apart: slice 9 is the second of that which begins at 8, the last but one of that at 6.
    assert forwards[before:] == [1]
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)
    shown = np.flatnonzero(e.maps.any((1, 2)))
    assert shown.tolist() in ([6, 7, 8, 9], [8, 9, 10, 11])
    weights = e.provenance["sampling"]["window_weights"]
    assert sum(weights) == 1
    frames = e.provenance["sampling"]["frames"][weights.index(1)]
    pixels = model.pixels(video.frames[frames])
    local = (9 - int(shown[0]), 1, 1)
    np.testing.assert_allclose(e.maps[shown], attribute(model, pixels, METHOD, patch=local), atol=1e-6)
    np.testing.assert_allclose(e.logits, first.logits, atol=1e-5)
    assert e.attention is not None
    assert not e.attention[:, :, np.setdiff1d(np.arange(16), shown)].any()
    np.testing.assert_allclose(scale_to_sum_one(e.attention.astype(float).mean((0, 1))), e.maps, atol=1e-3)
    end = explain(video, model, METHOD, patch=(15, 1, 1), window=1, stride=0.5, **QUIET)
    assert np.flatnonzero(end.maps.any((1, 2))).tolist() == [12, 13, 14, 15]


@pytest.mark.usefixtures("folder")
def test_a_window_of_a_stream_is_asked_by_itself() -> None:
    windows = list(stream(NoiseVideo(4), tiny_timesformer_model(), METHOD, patch=(3, 2, 2), window=1, **QUIET))
    assert len(windows) == 4
    for e in windows:
        assert e.maps.sum() == pytest.approx(1, abs=1e-5)
        question = request_of(e)
        assert question is not None
        np.testing.assert_allclose(answer_request(question).maps, e.maps, atol=1e-6)
    with pytest.raises(ParameterError, match="4 slices"):
        next(stream(NoiseVideo(4), tiny_timesformer_model(), METHOD, patch=(4, 2, 2), window=1, **QUIET))


@pytest.mark.parametrize("patch", [(4, 0, 0), (0, 3, 0), (0, 0, 3)])
def test_a_patch_outside_is_refused_before_the_model_runs(patch: tuple[int, int, int], forwards: list[int]) -> None:
    with pytest.raises(ParameterError, match=r"grid of 4 slices of 3x3 patches.*slice from 0 to 3, a row to 2"):
        explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=patch, cache=False, **QUIET)
    assert forwards == []
    with pytest.raises(ParameterError, match="grid of 4 slices"):
        attribute(tiny_timesformer_model(), random_pixels(1)[0], METHOD, patch=patch)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"patch": (0, 0)}, "patch is"),
        ({"patch": (0, -1, 0)}, "patch is"),
        ({"patch": (0.0, 1, 0)}, "patch is"),
        ({"patch": "middle"}, "patch is"),
        ({"patch": 3}, "patch is"),
        ({"patch": (True, 0, 0)}, "patch is"),
        ({"layers": "rollout"}, "mean, last"),
        ({"layers": []}, "mean, last"),
    ],
)
def test_what_is_no_query_is_refused(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        METHODS[METHOD].needs(params)


def test_a_model_without_attention_says_so() -> None:
    from tests.helpers.wrapped_model import Corner, video, wrap

    with pytest.raises(UnsupportedRequestError, match="reads attention"):
        explain(video(), wrap(Corner()), METHOD, cache=False, **QUIET)


def test_it_is_to_be_looked_at_and_not_scored_unless_named() -> None:
    assert [name for name, method in METHODS.items() if method.exploratory] == [METHOD]
    assert not METHODS[METHOD].depends_on_class()


def test_a_patch_and_its_token_are_those_of_fold() -> None:
    for order, prefix in (("patch_major", 1), ("time_major", 0), ("time_major", 1)):
        layout = Geometry(6, 2, 3, 4, order, prefix, (24, 32))  # pyright: ignore[reportArgumentType]
        tokens = layout.to_grid(np.arange(36.0))
        for patch in np.ndindex(3, 3, 4):
            assert layout.token_index(patch) - prefix == tokens[patch]
        assert layout.resolve_patch("middle") == (1, 1, 2)
