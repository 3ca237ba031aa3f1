"""The attention of one patch, compared with the models' own eager code, and its passes and cache entries."""

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
from tests.helpers.entries import entries_of_clips
from tests.helpers.joint_models import JOINT, eager_attentions
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.small_records import scale_to_sum_one
from tests.helpers.timesformers import TYPES, run_eager, tiny_timesformer_model
from tests.helpers.tiny import PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

H, METHOD = 4, "patch_attention"
PATCHES = [(0, 0, 0), (1, 2, 0), (1, 0, 1)]
QUIET: dict[str, Any] = {"preview": False, "progress": False}


def record_patch_rows(model: VideoModel, patch: tuple[int, int, int]) -> np.ndarray:
    (patch_record,) = record(model, random_pixels(1), Needs(patch=patch), [None])
    assert patch_record.patch_rows is not None
    assert patch_record.patch_rows.flags.c_contiguous
    return patch_record.patch_rows


def record_attention(module: Any) -> list[torch.Tensor]:
    """Return the probabilities of each call of eager attention, in order, ``(n, H, q, k)``."""
    copied = deepcopy(module)
    copied.set_attn_implementation("eager")
    modeling: Any = sys.modules[type(module).__module__]
    attend, probabilities = modeling.eager_attention_forward, []

    def attend_and_note(*args: Any, **settings: Any) -> Any:
        out = attend(*args, **settings)
        probabilities.append(out[1].detach())
        return out

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(modeling, "eager_attention_forward", attend_and_note)
        copied(pixel_values_videos=random_pixels(1))
    return probabilities


@pytest.mark.parametrize("patch", PATCHES)
def test_divided_attention_is_the_product_of_space_and_time(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(), patch
    eager, place = run_eager(model.module, random_pixels(1)[0]), 3 * row + column
    rows = record_patch_rows(model, patch)
    assert rows.shape == (3, H, 4, 9)
    for layer in range(3):
        space, time = eager["space"][layer][t, :, 1 + place, 1:], eager["time"][layer].mean(1)
        np.testing.assert_allclose(time.sum(-1), 1, atol=1e-5)
        for later in range(4):
            np.testing.assert_allclose(rows[layer, :, later], space * time[:, t, later], atol=1e-6)
        np.testing.assert_allclose(
            rows[layer].sum((1, 2)), 1 - eager["space"][layer][t, :, 1 + place, 0].numpy(), atol=1e-5
        )


@pytest.mark.parametrize("patch", PATCHES)
def test_attention_within_frames_stays_in_the_frame(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(TYPES[2]), patch
    eager, rows = run_eager(model.module, random_pixels(1)[0]), record_patch_rows(model, patch)
    for layer in range(3):
        expected = np.zeros((H, 4, 9))
        expected[:, t] = eager["space"][layer][t, :, 1 + 3 * row + column, 1:]
        np.testing.assert_allclose(rows[layer], expected, atol=1e-6)


@pytest.mark.parametrize("patch", PATCHES)
def test_the_row_of_joint_attention_with_time_fastest(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_timesformer_model(TYPES[1]), patch
    eager, rows = run_eager(model.module, random_pixels(1)[0]), record_patch_rows(model, patch)
    for layer in range(3):
        expected = eager["space"][layer][0, :, 1 + 4 * (3 * row + column) + t, 1:]
        np.testing.assert_allclose(rows[layer], expected.reshape(H, 9, 4).transpose(1, 2), atol=1e-6)


@pytest.mark.parametrize("family", JOINT)
@pytest.mark.parametrize("patch", PATCHES)
def test_the_row_of_joint_attention_slice_by_slice(family: str, patch: tuple[int, int, int]) -> None:
    model, (s, row, column) = tiny_video_model(family), patch
    prefix = model.geometry.prefix
    eager, rows = eager_attentions(model.module, random_pixels(1)[0], 0)[0], record_patch_rows(model, patch)
    assert rows.shape == (3, H, 2, 9)
    for layer, matrix in zip(rows, eager, strict=True):
        expected = matrix[:, prefix + 9 * s + 3 * row + column, prefix:]
        np.testing.assert_allclose(layer, expected.reshape(H, 2, 9), rtol=1e-5, atol=1e-6)
        if not prefix:
            np.testing.assert_allclose(layer.sum((1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize("patch", PATCHES)
def test_a_model_with_a_pooler_is_read_before_its_cross_attention(patch: tuple[int, int, int]) -> None:
    model, (s, row, column) = tiny_video_model("vjepa2"), patch
    *eager, pooler = record_attention(model.module)
    assert pooler.shape[2] == 1
    assert len(eager) == 5  # three of the encoder, two of the pooler
    rows = record_patch_rows(model, patch)
    for layer, matrix in zip(rows, eager, strict=True):
        expected = matrix[0, :, 9 * s + 3 * row + column]
        np.testing.assert_allclose(layer, expected.reshape(H, 2, 9), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(layer.sum((1, 2)), 1, atol=1e-5)


@pytest.mark.skipif("videoprism_vision_model" not in FAMILIES, reason="this transformers has no VideoPrism")
@pytest.mark.parametrize("patch", PATCHES)
def test_layers_within_frames_and_over_time_have_their_own_rows(patch: tuple[int, int, int]) -> None:
    model, (t, row, column) = tiny_video_model("videoprism_vision_model"), patch
    *eager, _ = record_attention(model.module)
    rows, place = record_patch_rows(model, patch), 3 * row + column
    for layer, matrix in zip(rows, eager, strict=True):
        expected = np.zeros((H, 4, 9))
        if len(matrix) == 4:
            expected[:, t] = matrix[t, :, place]
        else:
            expected[:, :, place] = matrix[place, :, t]
        np.testing.assert_allclose(layer, expected, atol=1e-6)
    assert [len(matrix) for matrix in eager] == [4, 4, 9, 9]


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
def test_the_default_is_the_middle_patch(family: str) -> None:
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


def test_other_clips_of_a_batch_do_not_matter() -> None:
    model, needs = tiny_video_model("timesformer"), Needs(patch=(1, 2, 0))
    for i, batch_record in enumerate(record(model, random_pixels(3), needs, [None] * 3)):
        (single_record,) = record(model, random_pixels(3)[i : i + 1], needs, [None])
        assert batch_record.patch_rows is not None
        assert single_record.patch_rows is not None
        np.testing.assert_allclose(batch_record.patch_rows, single_record.patch_rows, atol=1e-6)


def test_half_precision_gives_nearly_the_same_rows() -> None:
    model = load_model(tiny_classifier("timesformer").bfloat16(), processor=PROCESSOR)
    np.testing.assert_allclose(
        record_patch_rows(model, (1, 2, 0)), record_patch_rows(tiny_video_model("timesformer"), (1, 2, 0)), atol=0.05
    )


@pytest.mark.usefixtures("folder")
def test_each_patch_takes_one_pass_and_is_cached(forwards: list[int]) -> None:
    model, video = tiny_timesformer_model(), NoiseVideo(2)
    first = explain(video, model, **QUIET)
    assert forwards == [1]
    patch_explanation = explain(video, model, METHOD, patch=(2, 1, 0), **QUIET)
    assert forwards == [1, 1]
    np.testing.assert_allclose(patch_explanation.logits, first.logits, atol=1e-5)
    again = explain(video, model, METHOD, patch=[2, 1, 0], **QUIET)
    assert forwards == [1, 1]
    assert again.provenance["cache"] == "hit"
    np.testing.assert_array_equal(again.maps, patch_explanation.maps)
    other = explain(video, model, METHOD, patch=(2, 1, 1), **QUIET)
    assert forwards == [1, 1, 1]
    assert np.abs(other.maps - patch_explanation.maps).max() > 1e-3
    # The record of the readout stays, and patches have no records of their own.
    assert entries_of_clips() == {"explanation": 3, "record": 1}
    explain(video, model, layers="last", **QUIET)
    assert forwards == [1, 1, 1]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.usefixtures("folder")
def test_several_methods_of_one_clip_share_a_pass_and_the_patch_takes_one_more(
    cached: bool, forwards: list[int]
) -> None:
    methods = {"staa": {}, METHOD: {"patch": (3, 0, 2)}, "rollout": {}}
    comparison = compare(NoiseVideo(2), tiny_timesformer_model(), methods, cache=cached, **QUIET)
    assert forwards == [1, 1]
    single = explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=(3, 0, 2), cache=False, **QUIET)
    np.testing.assert_allclose(comparison[METHOD].maps, single.maps, atol=1e-6)


@pytest.mark.usefixtures("folder")
def test_only_the_patch_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_needs: list[Needs] = []

    def record_and_note(model: VideoModel, pixels: Any, needs: Needs, *rest: Any) -> Any:
        recorded_needs.append(needs)
        return record(model, pixels, needs, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record_and_note)
    explain(NoiseVideo(2), tiny_timesformer_model(), **QUIET)
    explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=(2, 1, 0), **QUIET)
    assert recorded_needs[1:] == [Needs(patch=(2, 1, 0))]


@pytest.mark.usefixtures("folder")
def test_each_of_many_videos_takes_one_pass(forwards: list[int]) -> None:
    outcomes = list(explain_many([NoiseVideo(2), NoiseVideo(2, seed=1)], tiny_timesformer_model(), METHOD, **QUIET))
    assert all(outcome.explanation is not None for outcome in outcomes)
    assert forwards == [1, 1]


@pytest.mark.usefixtures("folder")
def test_of_several_windows_only_one_with_the_patch_has_a_map(forwards: list[int]) -> None:
    model, video = tiny_timesformer_model(), NoiseVideo(4)
    first = explain(video, model, window=1, stride=0.5, **QUIET)
    assert len(first.maps) == 16
    before = len(forwards)
    e = explain(video, model, METHOD, patch=(9, 1, 1), window=1, stride=0.5, **QUIET)
    # Windows of 4 slices, 2 apart: slice 9 lies in the window from 6 and in the window from 8.
    assert forwards[before:] == [1]
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)
    slices = np.flatnonzero(e.maps.any((1, 2)))
    assert slices.tolist() in ([6, 7, 8, 9], [8, 9, 10, 11])
    weights = e.provenance["sampling"]["window_weights"]
    assert sum(weights) == 1
    frames = e.provenance["sampling"]["frames"][weights.index(1)]
    pixels = model.pixels(video.frames[frames])
    local = (9 - int(slices[0]), 1, 1)
    np.testing.assert_allclose(e.maps[slices], attribute(model, pixels, METHOD, patch=local), atol=1e-6)
    np.testing.assert_allclose(e.logits, first.logits, atol=1e-5)
    assert e.attention is not None
    assert not e.attention[:, :, np.setdiff1d(np.arange(16), slices)].any()
    np.testing.assert_allclose(scale_to_sum_one(e.attention.astype(float).mean((0, 1))), e.maps, atol=1e-3)
    end = explain(video, model, METHOD, patch=(15, 1, 1), window=1, stride=0.5, **QUIET)
    assert np.flatnonzero(end.maps.any((1, 2))).tolist() == [12, 13, 14, 15]


@pytest.mark.usefixtures("folder")
def test_each_window_of_a_stream_is_explained_by_itself() -> None:
    windows = list(stream(NoiseVideo(4), tiny_timesformer_model(), METHOD, patch=(3, 2, 2), window=1, **QUIET))
    assert len(windows) == 4
    for e in windows:
        assert e.maps.sum() == pytest.approx(1, abs=1e-5)
        request = request_of(e)
        assert request is not None
        np.testing.assert_allclose(answer_request(request).maps, e.maps, atol=1e-6)
    with pytest.raises(ParameterError, match="4 slices"):
        next(stream(NoiseVideo(4), tiny_timesformer_model(), METHOD, patch=(4, 2, 2), window=1, **QUIET))


@pytest.mark.parametrize("patch", [(4, 0, 0), (0, 3, 0), (0, 0, 3)])
def test_a_patch_outside_is_refused_before_the_model_runs(patch: tuple[int, int, int], forwards: list[int]) -> None:
    with pytest.raises(ParameterError, match=r"grid of 4 slices of 3x3 patches.*slice from 0 to 3, a row from 0 to 2"):
        explain(NoiseVideo(2), tiny_timesformer_model(), METHOD, patch=patch, cache=False, **QUIET)
    assert forwards == []
    with pytest.raises(ParameterError, match="grid of 4 slices"):
        attribute(tiny_timesformer_model(), random_pixels(1)[0], METHOD, patch=patch)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"patch": (0, 0)}, "patch must be"),
        ({"patch": (0, -1, 0)}, "patch must be"),
        ({"patch": (0.0, 1, 0)}, "patch must be"),
        ({"patch": "middle"}, "patch must be"),
        ({"patch": 3}, "patch must be"),
        ({"patch": (True, 0, 0)}, "patch must be"),
        ({"layers": "rollout"}, "'mean', 'last'"),
        ({"layers": []}, "'mean', 'last'"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        METHODS[METHOD].needs(params)


def test_a_model_without_attention_says_so() -> None:
    from tests.helpers.wrapped_model import Corner, video, wrap

    with pytest.raises(UnsupportedRequestError, match="reads attention"):
        explain(video(), wrap(Corner()), METHOD, cache=False, **QUIET)


def test_the_method_is_exploratory() -> None:
    assert [name for name, method in METHODS.items() if method.exploratory] == [METHOD]
    assert not METHODS[METHOD].depends_on_class()


def test_token_indices_match_the_grid() -> None:
    for order, prefix in (("patch_major", 1), ("time_major", 0), ("time_major", 1)):
        geometry = Geometry(6, 2, 3, 4, order, prefix, (24, 32))  # pyright: ignore[reportArgumentType]
        tokens = geometry.to_grid(np.arange(36.0))
        for patch in np.ndindex(3, 3, 4):
            assert geometry.token_index(patch) - prefix == tokens[patch]
        assert geometry.resolve_patch("middle") == (1, 1, 2)
