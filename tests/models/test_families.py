"""What holds for every family that is registered."""

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


def test_every_family_that_attends_has_a_small_model() -> None:
    assert list(TINY_CONFIGS) == ATTENDING


@pytest.mark.parametrize("family", ATTENDING)
def test_the_geometry_is_that_of_the_tokens(family: str) -> None:
    """Cells that say their number come out of the embedding in the order in which `fold` takes them."""
    module, layout = tiny_classifier(family, std=0.0), tiny_video_model(family).geometry
    embedding = next(part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Conv3d))
    nn.init.constant_(embedding.weight[0], 1 / embedding.weight[0].numel())
    shape = layout.slices, layout.height, layout.width
    ids = torch.arange(layout.slices * layout.height * layout.width, dtype=torch.float32).reshape(shape)
    cells = ids.repeat_interleave(layout.tubelet, 0)
    for axis, length in enumerate(layout.input_size, 1):
        cells = cells.repeat_interleave(length // cells.shape[axis], axis)
    seen: list[torch.Tensor] = []
    FAMILIES[family].layers(module)[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][..., 0]))
    pixels = cells[None, :, None].expand(1, -1, 3, -1, -1)
    with torch.no_grad():
        for shown in (pixels, 0 * pixels):
            module(**{layout.input_name: shown})
    # Whatever says where a token stands is there without a clip too.
    tokens = (seen[0] - seen[1])[:, layout.prefix :].reshape(-1)
    np.testing.assert_allclose(layout.to_grid(tokens.numpy()), ids, atol=1e-4)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_changed_slice_changes_only_itself_in_the_first_layer(family: str) -> None:
    module = tiny_classifier(family, **TINY_CONFIGS[family].separate_slices)
    for name, parameter in module.named_parameters():
        # Time is attended before space: frames are separate if it carries nothing.
        if name.endswith("layer.0.temporal_dense.weight"):
            nn.init.zeros_(parameter)
    model = load_model(module, processor=PROCESSOR)
    pixels = random_pixels(1).repeat(2, 1, 1, 1, 1)
    pixels[1, -1] += 1
    # What is given to other slices scales with what is given to this one; within them nothing moves.
    before, after = (
        (one.rows[0] / one.rows[0].sum(-1, keepdims=True)).mean(0)
        for one in record(model, pixels, Needs(rows=True), [None, None])
        if one.rows is not None
    )
    changed = np.abs(before - after).max(-1) > 1e-6
    np.testing.assert_array_equal(changed, np.arange(len(changed)) == len(changed) - 1)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("family", ATTENDING)
def test_logits_are_those_of_the_untapped_model(family: str, implementation: str) -> None:
    module, model, pixels = tiny_classifier(family), tiny_video_model(family), random_pixels(2)
    if implementation == "sdpa" and not module._supports_sdpa:
        pytest.skip("transformers runs it without sdpa only")
    if family in INTERFACE_FAMILIES:
        module.set_attn_implementation(implementation)
        model = load_model(module, processor=PROCESSOR)
    with torch.no_grad():
        plain = module(**{model.geometry.input_name: pixels}).logits.reshape(2, -1).numpy()
    # What is swapped rounds otherwise; what is only listened to is the same to the last bit.
    off = 0 if family in INTERFACE_FAMILIES else 1e-5
    for needs in (Needs(), ALL_NEEDS):
        found = record(model, pixels, needs, [None, 3])
        np.testing.assert_allclose([r.logits for r in found], plain, rtol=0, atol=off)
    with open_classifier(model) as classify, torch.no_grad():
        np.testing.assert_allclose(classify(pixels), plain, rtol=0, atol=off)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_batch_gives_what_its_clips_give_one_by_one(family: str) -> None:
    model, pixels, targets = tiny_video_model(family), random_pixels(3), [None, 1, 4]
    for i, found in enumerate(record(model, pixels, ALL_NEEDS, targets)):
        (alone,) = record(model, pixels[i : i + 1], ALL_NEEDS, targets[i : i + 1])
        assert alone.target == found.target
        assert_records_close(found, alone)
        for name, array in record_arrays(found).items():
            assert array.dtype == (np.float16 if name == "spatial" else np.float32), name
            assert array.flags.c_contiguous, name


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("family", ATTENDING)
def test_the_model_is_left_exactly_as_found(family: str, fails: bool) -> None:
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


@pytest.mark.parametrize("needs", [ALL_NEEDS, Needs(rows=True, temporal=True, spatial=True), Needs(patch="middle")])
@pytest.mark.parametrize("family", ATTENDING)
def test_what_a_pass_took_goes_with_it(family: str, needs: Needs) -> None:
    """Hours of video are many passes, and the collector comes when it likes."""

    def tensors() -> int:
        return sum(type(held) is torch.Tensor for held in gc.get_objects())

    model, pixels = tiny_video_model(family), random_pixels(2)
    record(model, pixels, needs, [None, 1])
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        found = record(model, pixels, needs, [None, 1])
        assert tensors() == before
    finally:
        gc.enable()
    # Nor does the record of one clip keep that of the other.
    assert all(array.base is None for one in found for array in record_arrays(one).values())


@pytest.mark.parametrize("family", ATTENDING)
def test_threads_and_models_of_one_configuration_do_not_mix(family: str) -> None:
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
        found = {i: r for part in pool.map(work, range(4)) for i, r in part.items()}
    for i, r in found.items():
        assert_records_close(r, expected[i])
    assert module.config._attn_implementation == before


@pytest.mark.parametrize("family", ATTENDING)
def test_a_pass_that_its_owner_makes_meanwhile_is_not_heard(family: str) -> None:
    module, pixels = tiny_classifier(family), random_pixels(2)
    model, needs = load_model(module, processor=PROCESSOR), Needs(rows=True, temporal=True, spatial=True)
    alone = record(model, pixels[:1], needs, [None])[0]
    shown = {model.geometry.input_name: pixels[1:]}
    with torch.no_grad():
        plain = module(**shown).logits
    seen: list[torch.Tensor] = []

    def owner() -> None:
        with torch.no_grad():
            seen.append(module(**shown).logits)

    here = threading.get_ident()

    def meanwhile(*_: Any) -> None:
        if threading.get_ident() == here:
            thread = threading.Thread(target=owner)
            thread.start()
            thread.join()

    FAMILIES[family].layers(module)[1].register_forward_pre_hook(meanwhile)
    found = record(model, pixels[:1], needs, [None])[0]
    for name, array in record_arrays(found).items():
        np.testing.assert_array_equal(array, record_arrays(alone)[name], err_msg=name)
    torch.testing.assert_close(seen, [plain], rtol=0, atol=0)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_saved_folder_is_read_and_explained(family: str, tmp_path: Path) -> None:
    module = tiny_classifier(family)
    module.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="without a processor"):
        model = load_model(tmp_path)
    assert model.family.name == family
    assert weights_digest(model) == weights_digest(module)
    (found,), (same,) = (record(one, random_pixels(1), ALL_NEEDS, [2]) for one in (model, tiny_video_model(family)))
    assert_records_close(found, same)
    e = explain(action_clip(1, size=48, fps=4), model, cache=False, preview=False, progress=False)
    assert e.maps.shape == (model.geometry.slices, 3, 3)
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)
    assert e.attention is not None


@pytest.mark.parametrize("family", ATTENDING)
def test_blocks_come_first_to_last(family: str) -> None:
    module, seen = tiny_classifier(family), []
    blocks = FAMILIES[family].layers(module)
    for block in blocks:
        block.register_forward_pre_hook(lambda part, _: seen.append(part))
    with torch.no_grad():
        module(**{tiny_video_model(family).geometry.input_name: random_pixels(1)})
    assert seen == list(blocks)
    assert len(seen) >= 3


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.group == "attention"])
@pytest.mark.parametrize("family", ATTENDING)
def test_every_method_of_attention_answers_or_says_why_not(family: str, name: str) -> None:
    clip = action_clip(1, size=48, fps=4)
    asked: dict[str, Any] = {"cache": False, "preview": False, "progress": False}
    (found,) = record(tiny_video_model(family), random_pixels(1), Needs(), [None])
    if name == "staa_original_code" and found.attention_type != "divided":
        with pytest.raises(UnsupportedRequestError, match="divided"):
            explain(clip, tiny_video_model(family), name, **asked)
        return
    about = range(5) if METHODS[name].class_specific else [None]
    maps = np.stack([explain(clip, tiny_video_model(family), name, target=target, **asked).maps for target in about])
    assert maps.shape[1:] == (tiny_video_model(family).geometry.slices, 3, 3)
    assert maps.min() >= 0
    # Nothing may speak for a class of a random model, but something does for one of five.
    assert maps.max() > 0


@pytest.mark.parametrize("frames", [2, 6, 8])
@pytest.mark.parametrize("family", ATTENDING)
def test_another_number_of_frames_is_refused(family: str, frames: int) -> None:
    with pytest.raises(WrongInputError, match=f"takes 4 frames, got {frames}"):
        record(tiny_video_model(family), torch.zeros(1, frames, 3, 24, 24), Needs(rows=True), [None])


@pytest.mark.parametrize("family", INTERFACE_FAMILIES)
def test_an_attention_implementation_that_is_not_there_is_refused(family: str) -> None:
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    module.config._attn_implementation = "nobody_made_it"
    before = module_state(module)
    with pytest.raises(UnsupportedModelError, match=r"no attention implementation 'nobody_made_it'.*sdpa"):
        record(model, random_pixels(1), Needs(rows=True), [None])
    assert module.config._attn_implementation == "nobody_made_it"
    assert module_state(module) == before


@pytest.mark.parametrize("family", ATTENDING)
def test_attention_that_is_not_shown_is_refused(family: str) -> None:
    """A block that something else computes leaves no attention, which must not pass for a flat one."""
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    block: Any = FAMILIES[family].layers(module)[1]
    outputs: list[Any] = []
    with torch.no_grad(), block.register_forward_hook(lambda *passed: outputs.append(passed[-1])):
        module(**{model.geometry.input_name: random_pixels(1)})
    block.forward = lambda hidden, *_, **__: (hidden, None) if isinstance(outputs[0], tuple) else hidden
    before = state_of_forwards(module)
    with pytest.raises(
        UnsupportedModelError, match=r"Could not capture the attention of .*Attention.*load the model again"
    ):
        record(model, random_pixels(1), Needs(rows=True, spatial=True), [None])
    assert state_of_forwards(module) == before


def state_of_forwards(module: nn.Module) -> list[set[str]]:
    return [set(vars(part)) for part in module.modules()]


@pytest.mark.parametrize("family", ATTENDING)
def test_gradient_checkpointing_hides_nothing(family: str) -> None:
    module = tiny_classifier(family).train()
    # Newer releases warn of the older name.
    newer = getattr(module, "activation_checkpointing_enable", None)
    (newer or module.gradient_checkpointing_enable)()
    (found,), (same,) = (
        record(model, random_pixels(1), ALL_NEEDS, [2])
        for model in (load_model(module, processor=PROCESSOR), tiny_video_model(family))
    )
    assert_records_close(found, same)


@pytest.mark.parametrize("family", ATTENDING)
def test_a_module_compiled_in_place_is_refused(family: str) -> None:
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    FAMILIES[family].layers(module)[1].compile(backend="eager")
    with pytest.raises(UnsupportedModelError, match=r"Layer was compiled in place.*compile=True"):
        record(model, random_pixels(1), Needs(rows=True), [None])


@pytest.mark.parametrize("family", ATTENDING)
def test_only_questions_go_through_a_compiled_model(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def fake_compile(module: nn.Module) -> Any:
        made.append(deepcopy(module))
        return made[-1]

    monkeypatch.setattr(torch, "compile", fake_compile)
    model = load_model(tiny_classifier(family), processor=PROCESSOR, compile=True)
    (found,) = record(model, random_pixels(1), Needs(rows=True), [None])
    assert made == []
    with open_classifier(model) as classify, torch.no_grad():
        np.testing.assert_allclose(classify(random_pixels(1))[0], found.logits, atol=1e-5)
        nn.init.zeros_(made[0].classifier.weight)
        assert not np.allclose(classify(random_pixels(1))[0], found.logits)
    assert len(made) == 1


def test_what_torch_compiled_is_read_from_what_it_was_made_of() -> None:
    module = tiny_classifier("vivit")
    compiled: Any = torch.compile(module, backend="eager")
    model = load_model(compiled, processor=PROCESSOR)
    assert model.module is module
    assert model.compile


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values.ravel(), kind="stable")).astype(np.float64)


@pytest.mark.parametrize(("dtype", "least"), [("float16", 0.999), ("bfloat16", 0.998)])
@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_half_precision_ranks_cells_as_float32_does(name: str, dtype: str, least: float) -> None:
    clip = action_clip(3, size=96, fps=8)
    settings: dict[str, Any] = {"cache": False, "preview": False, "progress": False, "contrast": False}
    whole, half = (explain(clip, load_model(name, device="cpu", dtype=d), **settings) for d in ("float32", dtype))
    assert np.corrcoef(ranks(whole.maps), ranks(half.maps))[0, 1] >= least


def test_the_page_has_a_row_for_every_family_and_names_its_class() -> None:
    page = (ROOT / "docs" / "families.md").read_text("utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {name.strip(" `"): kind.split("`")[1] for name, kind in rows}
    found = {name: family.architecture.__name__ for name, family in FAMILIES.items()}
    assert {name: kind for name, kind in told.items() if name not in MISSING_FAMILIES} == found
    assert told.keys() >= MISSING_FAMILIES
