"""Capturing attention changes neither the logits nor the model."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from staa_widgets.errors import ParameterError, WrongInputError
from staa_widgets.models import load_model
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs, Record
from tests.helpers.records import assert_records_close, module_state, record_arrays
from tests.helpers.timesformers import TYPES, tiny_timesformer, tiny_timesformer_model
from tests.helpers.tiny import ALL_NEEDS, random_pixels


@pytest.mark.parametrize("attention_type", TYPES)
def test_capturing_does_not_change_the_logits(attention_type: str) -> None:
    module, pixels = tiny_timesformer(attention_type), random_pixels(2)
    with torch.no_grad():
        plain = module(pixels).logits.reshape(2, -1, 5).mean(1).numpy()
    records = record(tiny_timesformer_model(attention_type), pixels, ALL_NEEDS, [None, 3])
    np.testing.assert_allclose([clip_record.logits for clip_record in records], plain, atol=1e-5)
    assert [clip_record.target for clip_record in records] == [plain[0].argmax(), 3]


@pytest.mark.parametrize("attention_type", TYPES)
def test_arrays_are_contiguous_and_of_the_stored_type(attention_type: str) -> None:
    for clip_record in record(tiny_timesformer_model(attention_type), random_pixels(2), ALL_NEEDS, [None, None]):
        for name, array in record_arrays(clip_record).items():
            assert array.flags.c_contiguous, name
            assert array.dtype == (np.float16 if name in ("heads", "spatial", "first_frame") else np.float32), name


def test_only_requested_arrays_are_recorded() -> None:
    (clip_record,) = record(tiny_timesformer_model(), random_pixels(1), Needs(rows=True), [2])
    assert set(record_arrays(clip_record)) == {"logits", "rows", "cls"}
    assert clip_record.target is None


@pytest.mark.parametrize("attention_type", TYPES)
def test_a_batch_equals_its_clips_one_by_one(attention_type: str) -> None:
    model, pixels, targets = tiny_timesformer_model(attention_type), random_pixels(3), [None, 1, 4]
    batch = record(model, pixels, ALL_NEEDS, targets)
    for i, batched in enumerate(batch):
        (single,) = record(model, pixels[i : i + 1], ALL_NEEDS, targets[i : i + 1])
        assert single.target == batched.target
        assert_records_close(batched, single)


@pytest.mark.parametrize("attention_type", TYPES)
def test_tensors_of_a_pass_are_freed(attention_type: str) -> None:
    def count_tensors() -> int:
        gc.collect()
        return sum(type(value) is torch.Tensor for value in gc.get_objects())

    model, pixels = tiny_timesformer_model(attention_type), random_pixels(1)
    record(model, pixels, ALL_NEEDS, [2])
    before = count_tensors()
    record(model, pixels, ALL_NEEDS, [2])
    assert count_tensors() == before


def test_the_same_clip_gives_the_same_record() -> None:
    models = [load_model(tiny_timesformer(seed=3), processor=tiny_timesformer_model().transform) for _ in range(2)]
    assert_records_close(*(record(model, random_pixels(1, seed=5), ALL_NEEDS, [None])[0] for model in models))


@pytest.mark.parametrize("attention_type", TYPES)
def test_the_model_is_restored(attention_type: str) -> None:
    module = tiny_timesformer(attention_type).train()
    module.timesformer.encoder.layer[1].eval()
    module.classifier.weight.requires_grad_(requires_grad=False)
    module.classifier.bias.grad = torch.ones(5)
    before, config = module_state(module), module.config.to_dict()
    record(load_model(module, processor=tiny_timesformer_model().transform), random_pixels(1), ALL_NEEDS, [None])
    assert module_state(module) == before
    assert module.config.to_dict() == config


def test_the_model_is_restored_after_an_error() -> None:
    module = tiny_timesformer().train()

    def fail(*_: Any) -> None:
        raise RuntimeError("midway")

    module.timesformer.encoder.layer[1].layernorm_before.register_forward_hook(fail)
    before = module_state(module)
    with pytest.raises(RuntimeError, match="midway"):
        record(load_model(module, processor=tiny_timesformer_model().transform), random_pixels(1), ALL_NEEDS, [None])
    assert module_state(module) == before


def test_a_forward_set_by_the_user_is_restored() -> None:
    module = tiny_timesformer()
    attention = module.timesformer.encoder.layer[0].attention.attention
    own_forward = attention.forward = lambda *args, **kwargs: type(attention).forward(attention, *args, **kwargs)
    record(load_model(module, processor=tiny_timesformer_model().transform), random_pixels(1), Needs(rows=True), [None])
    assert attention.forward is own_forward


def test_a_model_in_training_mode_is_run_without_dropout() -> None:
    without_dropout, with_dropout = (
        tiny_timesformer(),
        tiny_timesformer(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5).train(),
    )
    expected, clip_record = (
        record(load_model(module, processor=tiny_timesformer_model().transform), random_pixels(1), ALL_NEEDS, [None])[0]
        for module in (without_dropout, with_dropout)
    )
    np.testing.assert_allclose(expected.logits, clip_record.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_gradients_are_recorded_in_any_mode_and_for_frozen_weights(mode: Any) -> None:
    module = tiny_timesformer().requires_grad_(requires_grad=False)
    (expected,) = record(tiny_timesformer_model(), random_pixels(1), ALL_NEEDS, [2])
    with mode():
        pixels = random_pixels(1)
        (clip_record,) = record(
            load_model(module, processor=tiny_timesformer_model().transform), pixels, ALL_NEEDS, [2]
        )
    assert clip_record.gradient_rows is not None
    assert expected.gradient_rows is not None
    assert clip_record.gradient_rows.max() > 0
    np.testing.assert_allclose(clip_record.gradient_rows, expected.gradient_rows, rtol=1e-4, atol=1e-6)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_threads_can_record_with_one_model() -> None:
    model, needs = tiny_timesformer_model(), Needs(rows=True, temporal=True, contributions=True)
    pixels = random_pixels(24)
    before = module_state(model.module)
    expected = [record(model, one[None], needs, [1])[0] for one in pixels]
    start = threading.Barrier(4)

    def work(offset: int) -> dict[int, Record]:
        start.wait(10)
        return {i: record(model, pixels[i : i + 1], needs, [1])[0] for i in range(offset, 24, 4)}

    with ThreadPoolExecutor(4) as pool:
        records = {i: one for part in pool.map(work, range(4)) for i, one in part.items()}
    for i, one in records.items():
        assert_records_close(one, expected[i])
    assert module_state(model.module) == before


def test_models_that_share_a_configuration_run_one_at_a_time() -> None:
    module = tiny_timesformer()
    other = type(module)(module.config).eval()
    running, max_running = [0], [0]

    def enter(*_: Any) -> None:
        running[0] += 1
        max_running[0] = max(max_running[0], running[0])
        time.sleep(0.05)

    def leave(*_: Any) -> None:
        running[0] -= 1

    for part in (module, other):
        part.timesformer.embeddings.register_forward_pre_hook(enter)
        part.classifier.register_forward_hook(leave)
    models = [load_model(part, processor=tiny_timesformer_model().transform) for part in (module, other)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda model: record(model, random_pixels(1), Needs(rows=True), [None]), models))
    assert max_running == [1]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 3, 24, 24), "expects 4 frames, got 3"),
        ((1, 8, 3, 24, 24), "expects 4 frames, got 8"),
        ((1, 4, 3, 32, 24), "expects frames of 24x24 pixels, got 24x32"),
        ((4, 3, 24, 24), "shape"),
        ((1, 4, 1, 24, 24), "shape"),
    ],
)
def test_input_that_does_not_fit_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(WrongInputError, match=message):
        record(tiny_timesformer_model(), torch.zeros(shape), Needs(rows=True), [None])


def test_pixels_that_are_not_finite_are_refused() -> None:
    with pytest.raises(WrongInputError, match="not finite"):
        record(tiny_timesformer_model(), random_pixels(1) * float("nan"), Needs(rows=True), [None])


@pytest.mark.parametrize("targets", [[5], [-1], [0, 1]])
def test_targets_that_do_not_fit_are_refused(targets: list[int]) -> None:
    with pytest.raises(ParameterError):
        record(tiny_timesformer_model(), random_pixels(1), Needs(contributions=True), targets)
