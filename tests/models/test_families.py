"""Tests that hold for every registered family."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from staa_widgets import action_clip, explain
from staa_widgets.errors import UnsupportedModelError, UnsupportedRequestError, WrongInputError
from staa_widgets.methods import METHODS
from staa_widgets.models import BUNDLED_MODELS, FAMILIES, load_model, weights_digest
from staa_widgets.models.capture import open_classifier, record
from staa_widgets.models.family import submodules_of
from staa_widgets.records.record import Needs, Record
from tests.helpers.paths import ROOT
from tests.helpers.records import assert_records_close, module_state, record_arrays
from tests.helpers.tiny import (
    ALL_NEEDS,
    ATTENDING,
    INTERFACE_FAMILIES,
    MISSING_FAMILIES,
    PROCESSOR,
    TINY_CONFIGS,
    random_pixels,
    tiny_classifier,
    tiny_video_model,
)


def module_of(family: str) -> Any:
    return tiny_video_model(family).module


def test_every_family_with_attention_has_a_tiny_model() -> None:
    assert list(TINY_CONFIGS) == ATTENDING


@pytest.mark.parametrize("family", ATTENDING)
def test_the_geometry_matches_the_order_of_the_tokens(family: str) -> None:
    """Cells that hold their own index leave the embedding in the order that `to_grid` expects."""
    module, layout = tiny_classifier(family, std=0.0), tiny_video_model(family).geometry
    embedding = next(part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Conv3d))
    nn.init.constant_(embedding.weight[0], 1 / embedding.weight[0].numel())
    shape = layout.slices, layout.height, layout.width
    ids = torch.arange(layout.slices * layout.height * layout.width, dtype=torch.float32).reshape(shape)
    cells = ids.repeat_interleave(layout.tubelet, 0)
    for axis, length in enumerate(layout.input_size, 1):
        cells = cells.repeat_interleave(length // cells.shape[axis], axis)
    inputs_of_first_layer: list[torch.Tensor] = []
    first_layer = FAMILIES[family].layers(module)[0]
    first_layer.register_forward_pre_hook(lambda _, inputs: inputs_of_first_layer.append(inputs[0][..., 0]))
    pixels = cells[None, :, None].expand(1, -1, 3, -1, -1)
    with torch.no_grad():
        for clip in (pixels, 0 * pixels):
            module(**{layout.input_name: clip})
    # Subtract the position embedding, which an empty clip has too.
    tokens = (inputs_of_first_layer[0] - inputs_of_first_layer[1])[:, layout.prefix :].reshape(-1)
    np.testing.assert_allclose(layout.to_grid(tokens.numpy()), ids, atol=1e-4)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_changed_slice_changes_only_its_own_rows_in_the_first_layer(family: str) -> None:
    module = tiny_classifier(family, **TINY_CONFIGS[family].separate_slices)
    for name, parameter in module.named_parameters():
        # Time is attended before space: frames are separate if it carries nothing.
        if name.endswith("layer.0.temporal_dense.weight"):
            nn.init.zeros_(parameter)
    model = load_model(module, processor=PROCESSOR)
    pixels = random_pixels(1).repeat(2, 1, 1, 1, 1)
    pixels[1, -1] += 1
    # Rows of other slices are rescaled by the changed one, so they are compared normalized.
    before, after = (
        (one.rows[0] / one.rows[0].sum(-1, keepdims=True)).mean(0)
        for one in record(model, pixels, Needs(rows=True), [None, None])
        if one.rows is not None
    )
    changed = np.abs(before - after).max(-1) > 1e-6
    np.testing.assert_array_equal(changed, np.arange(len(changed)) == len(changed) - 1)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ATTENDING)
def test_capturing_does_not_change_the_logits(family: str, implementation: str) -> None:
    module, model, pixels = tiny_classifier(family), tiny_video_model(family), random_pixels(2)
    if implementation == "sdpa" and not module._supports_sdpa:
        pytest.skip("transformers runs it without sdpa only")
    if family in INTERFACE_FAMILIES:
        module.set_attn_implementation(implementation)
        model = load_model(module, processor=PROCESSOR)
    with torch.no_grad():
        logits = module(**{model.geometry.input_name: pixels}).logits.reshape(2, -1).numpy()
    # Replaced attention rounds differently; captured attention is bit-identical.
    tolerance = 0 if family in INTERFACE_FAMILIES else 1e-5
    for needs in (Needs(), ALL_NEEDS):
        records = record(model, pixels, needs, [None, 3])
        np.testing.assert_allclose([r.logits for r in records], logits, rtol=0, atol=tolerance)
    with open_classifier(model) as classify, torch.no_grad():
        np.testing.assert_allclose(classify(pixels), logits, rtol=0, atol=tolerance)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_batch_equals_its_clips_one_by_one(family: str) -> None:
    model, pixels, targets = tiny_video_model(family), random_pixels(3), [None, 1, 4]
    for i, batched in enumerate(record(model, pixels, ALL_NEEDS, targets)):
        (single,) = record(model, pixels[i : i + 1], ALL_NEEDS, targets[i : i + 1])
        assert single.target == batched.target
        assert_records_close(batched, single)
        for name, array in record_arrays(batched).items():
            assert array.dtype == (np.float16 if name in ("heads", "spatial", "first_frame") else np.float32), name
            assert array.flags.c_contiguous, name


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("family", ATTENDING)
def test_the_model_is_restored(family: str, fails: bool) -> None:
    module = tiny_classifier(family).train()
    blocks: Any = FAMILIES[family].layers(module)
    blocks[1].eval()
    module.classifier.weight.requires_grad_(requires_grad=False)
    module.classifier.bias.grad = torch.ones(5)
    if fails:

        def fail(*_: Any) -> None:
            raise RuntimeError("midway")

        submodules_of(blocks[1], nn.LayerNorm)[-1].register_forward_hook(fail)
    before, config = module_state(module), vars(module.config).copy()
    model = load_model(module, processor=PROCESSOR)
    if fails:
        with pytest.raises(RuntimeError, match="midway"):
            record(model, random_pixels(1), ALL_NEEDS, [None])
        with pytest.raises(RuntimeError, match="midway"), open_classifier(model) as classify:
            classify(random_pixels(1))
    else:
        record(model, random_pixels(1), ALL_NEEDS, [None])
    assert module_state(module) == before
    assert vars(module.config) == config


@pytest.mark.parametrize(
    "needs", [ALL_NEEDS, Needs(rows=True, rollout=True, temporal=True, spatial=True), Needs(patch="middle")]
)
@pytest.mark.parametrize("family", ATTENDING)
def test_tensors_of_a_pass_are_freed_without_garbage_collection(family: str, needs: Needs) -> None:
    """Long videos are many passes, and the garbage collector runs at unknown times."""

    def count_tensors() -> int:
        return sum(type(value) is torch.Tensor for value in gc.get_objects())

    model, pixels = tiny_video_model(family), random_pixels(2)
    record(model, pixels, needs, [None, 1])
    gc.collect()
    gc.disable()
    try:
        before = count_tensors()
        records = record(model, pixels, needs, [None, 1])
        assert count_tensors() == before
    finally:
        gc.enable()
    # The arrays of one clip are not views that keep the whole batch.
    assert all(array.base is None for clip_record in records for array in record_arrays(clip_record).values())


@pytest.mark.parametrize("family", ATTENDING)
def test_threads_and_models_that_share_a_configuration_do_not_mix(family: str) -> None:
    module, pixels, needs = (
        tiny_classifier(family),
        random_pixels(12),
        Needs(rows=True, temporal=True, contributions=True),
    )
    other = type(module)(module.config).eval()
    models = [load_model(part, processor=PROCESSOR) for part in (module, other)]
    expected = [record(models[i // 2 % 2], clip[None], needs, [1])[0] for i, clip in enumerate(pixels)]
    start = threading.Barrier(4)

    def work(offset: int) -> dict[int, Record]:
        start.wait(10)
        return {i: record(models[i // 2 % 2], pixels[i : i + 1], needs, [1])[0] for i in range(offset, 12, 4)}

    before = module.config._attn_implementation
    with ThreadPoolExecutor(4) as pool:
        records = {i: r for part in pool.map(work, range(4)) for i, r in part.items()}
    for i, r in records.items():
        assert_records_close(r, expected[i])
    assert module.config._attn_implementation == before


@pytest.mark.parametrize("family", ATTENDING)
def test_a_forward_pass_in_another_thread_is_not_captured(family: str) -> None:
    module, pixels = tiny_classifier(family), random_pixels(2)
    model, needs = load_model(module, processor=PROCESSOR), Needs(rows=True, rollout=True, temporal=True, spatial=True)
    expected = record(model, pixels[:1], needs, [None])[0]
    inputs = {model.geometry.input_name: pixels[1:]}
    with torch.no_grad():
        expected_logits = module(**inputs).logits
    logits_of_owner: list[torch.Tensor] = []

    def run_as_owner() -> None:
        with torch.no_grad():
            logits_of_owner.append(module(**inputs).logits)

    recording_thread = threading.get_ident()

    def run_other_thread(*_: Any) -> None:
        if threading.get_ident() == recording_thread:
            thread = threading.Thread(target=run_as_owner)
            thread.start()
            thread.join()

    FAMILIES[family].layers(module)[1].register_forward_pre_hook(run_other_thread)
    clip_record = record(model, pixels[:1], needs, [None])[0]
    for name, array in record_arrays(clip_record).items():
        np.testing.assert_array_equal(array, record_arrays(expected)[name], err_msg=name)
    torch.testing.assert_close(logits_of_owner, [expected_logits], rtol=0, atol=0)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_saved_folder_is_loaded_and_explained(family: str, tmp_path: Path) -> None:
    module = tiny_classifier(family)
    folder = tmp_path / "tiny-ssv2"  # By this name, the model was trained on whole clips.
    module.save_pretrained(folder)
    with pytest.warns(UserWarning, match="without a processor"):
        model = load_model(folder)
    assert model.family.name == family
    assert weights_digest(model) == weights_digest(module)
    (clip_record,) = record(model, random_pixels(1), ALL_NEEDS, [2])
    (expected,) = record(tiny_video_model(family), random_pixels(1), ALL_NEEDS, [2])
    assert_records_close(clip_record, expected)
    e = explain(action_clip(1, size=48, fps=4), model, cache=False, preview=False, progress=False)
    assert e.maps.shape == (model.geometry.slices, 3, 3)
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)
    assert e.attention is not None


@pytest.mark.parametrize("family", ATTENDING)
def test_layers_are_in_forward_order(family: str) -> None:
    module, called_blocks = tiny_classifier(family), []
    blocks = FAMILIES[family].layers(module)
    for block in blocks:
        block.register_forward_pre_hook(lambda part, _: called_blocks.append(part))
    with torch.no_grad():
        module(**{tiny_video_model(family).geometry.input_name: random_pixels(1)})
    assert called_blocks == list(blocks)
    assert len(called_blocks) >= 3


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.group == "attention"])
@pytest.mark.parametrize("family", ATTENDING)
def test_every_attention_method_computes_maps_or_is_refused(family: str, name: str) -> None:
    clip = action_clip(1, size=48, fps=4)
    settings: dict[str, Any] = {"cache": False, "preview": False, "progress": False}
    (clip_record,) = record(tiny_video_model(family), random_pixels(1), Needs(), [None])
    if name == "staa_original_code" and clip_record.attention_type != "divided":
        with pytest.raises(UnsupportedRequestError, match="divided"):
            explain(clip, tiny_video_model(family), name, **settings)
        return
    targets = range(5) if METHODS[name].class_specific else [None]
    model = tiny_video_model(family)
    maps = np.stack([explain(clip, model, name, target=target, **settings).maps for target in targets])
    assert maps.shape[1:] == (tiny_video_model(family).geometry.slices, 3, 3)
    assert maps.min() >= 0
    # For one class of a random model the map may be zero, but not for all five.
    assert maps.max() > 0


@pytest.mark.parametrize("frames", [2, 6, 8])
@pytest.mark.parametrize("family", ATTENDING)
def test_another_number_of_frames_is_refused(family: str, frames: int) -> None:
    with pytest.raises(WrongInputError, match=f"expects 4 frames, got {frames}"):
        record(tiny_video_model(family), torch.zeros(1, frames, 3, 24, 24), Needs(rows=True), [None])


@pytest.mark.parametrize("family", INTERFACE_FAMILIES)
def test_an_unknown_attention_implementation_is_refused(family: str) -> None:
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    module.config._attn_implementation = "nobody_made_it"
    before = module_state(module)
    with pytest.raises(UnsupportedModelError, match=r"no attention implementation 'nobody_made_it'.*sdpa"):
        record(model, random_pixels(1), Needs(rows=True), [None])
    assert module.config._attn_implementation == "nobody_made_it"
    assert module_state(module) == before


@pytest.mark.parametrize("family", ATTENDING)
def test_a_layer_without_captured_attention_is_refused(family: str) -> None:
    """A replaced block shows no attention, which must not be taken for uniform attention."""
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    block: Any = FAMILIES[family].layers(module)[1]
    outputs: list[Any] = []
    with torch.no_grad(), block.register_forward_hook(lambda *arguments: outputs.append(arguments[-1])):
        module(**{model.geometry.input_name: random_pixels(1)})
    block.forward = lambda hidden, *_, **__: (hidden, None) if isinstance(outputs[0], tuple) else hidden
    before = state_of_forwards(module)
    with pytest.raises(
        UnsupportedModelError, match=r"Could not capture the attention of .*Attention.*load the model again"
    ):
        record(model, random_pixels(1), Needs(rows=True, rollout=True), [None])
    assert state_of_forwards(module) == before


def state_of_forwards(module: nn.Module) -> list[set[str]]:
    return [set(vars(part)) for part in module.modules()]


@pytest.mark.parametrize("family", ATTENDING)
def test_gradient_checkpointing_does_not_change_the_record(family: str) -> None:
    module = tiny_classifier(family).train()
    # Newer releases of transformers deprecate the older name.
    newer = getattr(module, "activation_checkpointing_enable", None)
    (newer or module.gradient_checkpointing_enable)()
    (clip_record,), (expected,) = (
        record(model, random_pixels(1), ALL_NEEDS, [2])
        for model in (load_model(module, processor=PROCESSOR), tiny_video_model(family))
    )
    assert_records_close(clip_record, expected)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_module_compiled_in_place_is_refused(family: str) -> None:
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    FAMILIES[family].layers(module)[1].compile(backend="eager")
    with pytest.raises(UnsupportedModelError, match=r"Layer was compiled in place.*compile=True"):
        record(model, random_pixels(1), Needs(rows=True), [None])


@pytest.mark.parametrize("family", ATTENDING)
def test_only_classification_uses_the_compiled_model(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_modules: list[Any] = []

    def fake_compile(module: nn.Module) -> Any:
        compiled_modules.append(deepcopy(module))
        return compiled_modules[-1]

    monkeypatch.setattr(torch, "compile", fake_compile)
    model = load_model(tiny_classifier(family), processor=PROCESSOR, compile=True)
    (clip_record,) = record(model, random_pixels(1), Needs(rows=True), [None])
    assert compiled_modules == []
    with open_classifier(model) as classify, torch.no_grad():
        np.testing.assert_allclose(classify(random_pixels(1))[0], clip_record.logits, atol=1e-5)
        nn.init.zeros_(compiled_modules[0].classifier.weight)
        assert not np.allclose(classify(random_pixels(1))[0], clip_record.logits)
    assert len(compiled_modules) == 1


def test_a_compiled_model_is_recorded_through_its_original_module() -> None:
    module = tiny_classifier("vivit")
    compiled: Any = torch.compile(module, backend="eager")
    model = load_model(compiled, processor=PROCESSOR)
    assert model.module is module
    assert model.compile


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values.ravel(), kind="stable")).astype(np.float64)


@pytest.mark.parametrize(("dtype", "min_correlation"), [("float16", 0.999), ("bfloat16", 0.998)])
@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_half_precision_ranks_cells_like_float32(name: str, dtype: str, min_correlation: float) -> None:
    clip = action_clip(3, size=96, fps=8)
    settings: dict[str, Any] = {"cache": False, "preview": False, "progress": False, "profile": None}
    float32, half = (explain(clip, load_model(name, device="cpu", dtype=d), **settings) for d in ("float32", dtype))
    assert np.corrcoef(ranks(float32.maps), ranks(half.maps))[0, 1] >= min_correlation


def test_the_page_of_families_lists_every_family_with_its_class() -> None:
    page = (ROOT / "docs" / "families.md").read_text("utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    documented = {name.strip(" `"): kind.split("`")[1] for name, kind in rows}
    registered = {name: family.architecture.__name__ for name, family in FAMILIES.items()}
    assert {name: kind for name, kind in documented.items() if name not in MISSING_FAMILIES} == registered
    assert documented.keys() >= MISSING_FAMILIES
