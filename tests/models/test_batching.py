"""Batch sizes by memory: chosen in advance, halved when memory runs out, and remembered per model."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets.engine.window_maps
import staa_widgets.models.batching
import staa_widgets.models.capture
from staa_widgets import explain, explain_many, load_model
from staa_widgets.errors import DeviceMemoryError
from staa_widgets.models import VideoModel
from staa_widgets.models.attention import query_sampling
from staa_widgets.models.batching import is_out_of_memory, max_batch_size, run_within_memory
from staa_widgets.records.record import Needs
from tests.helpers.joint_models import tiny_joint_model
from tests.helpers.noise_video import NoiseVideo
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model

CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
)
NEW_CPU = "DefaultCPUAllocator: not enough memory: you tried to allocate 8589934592 bytes."
MPS = "MPS backend out of memory (MPS allocated: 8.75 GB, other allocations: 9 GB, max allowed: 18 GB)."


@pytest.fixture
def model() -> VideoModel:
    """A new model for each test: a model remembers the batch sizes that did not fit."""
    return load_model(tiny_timesformer(), processor=tiny_timesformer_model().transform, id="tiny")


def limit_memory(monkeypatch: pytest.MonkeyPatch, max_size: int, error: Exception) -> list[int]:
    """Raise an error for batches above a size; return the list of tried sizes."""
    sizes: list[int] = []
    original = staa_widgets.models.capture.record

    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        sizes.append(len(pixels))
        if len(pixels) > max_size:
            raise error
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record)
    return sizes


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU), RuntimeError(NEW_CPU), RuntimeError(MPS)],
    ids=["cuda", "cpu", "newer cpu", "mps"],
)
def test_batches_are_halved_and_the_model_remembered(
    error: Exception, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    expected = explain(NoiseVideo(40), model, cache=False, preview=False, batch_size=2, window=4).maps
    sizes = limit_memory(monkeypatch, 2, error)
    explanation = explain(NoiseVideo(40), model, cache=False, preview=False, window=4)
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(explanation.maps, expected, rtol=1e-4)
    sizes.clear()
    explain(NoiseVideo(40), model, cache=False, preview=False, window=4)
    assert sizes == [2] * 5
    sizes.clear()
    explain(NoiseVideo(40), model, cache=False, preview=False, batch_size=10, window=4)
    assert sizes == [2] * 5
    other = load_model(tiny_timesformer(), processor=model.transform)
    assert max_batch_size(other) == 8


def test_finished_windows_are_not_computed_again(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    """Memory can run out in a later batch, when another program takes it."""
    original, sizes = staa_widgets.models.capture.record, list[int]()

    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        sizes.append(len(pixels))
        if sizes in ([4, 4], [4, 4, 2]):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record)
    explain(NoiseVideo(40), model, cache=False, preview=False, batch_size=4, window=4)
    assert sizes == [4, 4, 2, 1, 1, 1, 1, 1, 1]


def test_a_window_that_does_not_fit_is_a_typed_error(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    limit_memory(monkeypatch, 0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(DeviceMemoryError, match="does not fit") as caught:
        explain(NoiseVideo(20), model, cache=False, preview=False, window=4)
    assert "bfloat16" in caught.value.hint
    assert max_batch_size(model) == 8  # Memory may be free next time.


def test_the_error_holds_no_tensors_of_the_failed_pass(model: VideoModel):
    """A list of errors must not hold the activations of each."""
    references = list[weakref.ref[Any]]()

    def fail(size: int) -> None:
        activations = torch.zeros(10)
        references.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(DeviceMemoryError) as caught:
        run_within_memory(model, fail, max_size=2)
    assert len(references) == 2
    assert [reference() for reference in references] == [None, None]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_other_errors_are_raised_unchanged(model: VideoModel):
    def fail(size: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        run_within_memory(model, fail)
    assert max_batch_size(model) == 8
    assert not is_out_of_memory(ValueError("out of memory"))


def test_backward_passes_have_their_own_batch_size(model: VideoModel):
    sizes: list[int] = []

    def use(size: int) -> int:
        sizes.append(size)
        if size > 3:
            raise MemoryError
        return size

    assert run_within_memory(model, use, backward=True) == 2
    assert sizes == [8, 4, 2]
    assert (max_batch_size(model, backward=True), max_batch_size(model)) == (2, 8)
    assert run_within_memory(model, lambda size: size, backward=True, count=1) == 1


def test_batch_size_on_an_accelerator_follows_free_memory(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    input_bytes = 12 * 4 * (1 + 4 * 9) * 32
    for free, expected in ((10**12, 64), (input_bytes * 10 / 0.4, 10), (0, 1)):
        monkeypatch.setattr(staa_widgets.models.batching, "_free_memory", lambda _, free=free: int(free) + 1)
        assert max_batch_size(model) == expected


def test_rollout_through_many_tokens_takes_more_memory(monkeypatch: pytest.MonkeyPatch):
    """With many tokens, queries and keys of all three layers are stored until the last layer is done."""
    vivit, divided = tiny_joint_model("vivit"), tiny_timesformer_model()
    input_bytes = 4 * (1 + 2 * 9) * 32
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", input_bytes * 40)
    rollout, rows = Needs(rollout=True), Needs(rows=True)
    assert [max_batch_size(vivit, needs=needs) for needs in (rollout, rows)] == [3, 3]
    monkeypatch.setattr(query_sampling, "EXACT_TOKENS", 0)
    assert [max_batch_size(vivit, needs=needs) for needs in (rollout, rows, replace(rollout, exact=True))] == [2, 3, 2]
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", 4 * (1 + 4 * 9) * 32 * 40)
    assert max_batch_size(divided, needs=rollout) == 3
    sizes = list[int]()
    monkeypatch.setattr(
        staa_widgets.models.capture, "record", note_batch_sizes(staa_widgets.models.capture.record, sizes)
    )
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", input_bytes * 40)
    explain(NoiseVideo(20), vivit, profile=None, cache=False, preview=False, window=4)
    assert sizes == [2, 2, 1]
    videos = [NoiseVideo(2, seed) for seed in range(3)]
    outcomes = explain_many(videos, vivit, profile=None, cache=False, preview=False)
    assert len([outcome.explanation for outcome in outcomes if outcome.explanation]) == 3
    assert sizes == [2, 2, 1, 2, 1]


def note_batch_sizes(original: Any, sizes: list[int]) -> Any:
    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        sizes.append(len(pixels))
        return original(model, pixels, *rest)

    return record


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients"])
def test_methods_with_forward_passes_keep_to_the_given_batch_size(
    method: str, model: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    sizes = list[int]()
    original = staa_widgets.engine.window_maps.open_inputs

    def note_batch_size(*arguments: Any, batch_size: int, **keywords: Any) -> Any:
        sizes.append(batch_size)
        return original(*arguments, batch_size=batch_size, **keywords)

    monkeypatch.setattr(staa_widgets.engine.window_maps, "open_inputs", note_batch_size)
    explain(NoiseVideo(2), model, method, cache=False, preview=False, batch_size=3)
    explain(NoiseVideo(2), model, method, cache=False, preview=False)
    assert sizes == [3, 8]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_records_are_float32_in_half_precision(dtype: torch.dtype, model: VideoModel):
    half_model = load_model(tiny_timesformer().to(dtype), processor=model.transform)
    assert half_model.dtype == dtype
    half_result = explain(NoiseVideo(20), half_model, cache=False, preview=False, window=4)
    float_result = explain(NoiseVideo(20), replace(model), cache=False, preview=False, window=4)
    assert half_result.maps.dtype == half_result.logits.dtype == np.float32
    assert half_result.provenance["dtype"] == str(dtype).removeprefix("torch.")
    assert np.corrcoef(half_result.maps.ravel(), float_result.maps.ravel())[0, 1] > 0.95
