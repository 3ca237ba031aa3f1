"""Batches by memory: chosen, halved where memory runs out, remembered, and left alone otherwise."""

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
from staa_widgets.models.attention import query_sampling as queries
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
def fresh() -> VideoModel:
    """A model of its own: what it has proved to be too large for is remembered."""
    return load_model(tiny_timesformer(), processor=tiny_timesformer_model().transform, id="tiny")


def limit_memory(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Let memory run out above so many inputs; give the sizes that were tried."""
    tried: list[int] = []
    original = staa_widgets.models.capture.record

    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        tried.append(len(pixels))
        if len(pixels) > most:
            raise error
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record)
    return tried


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU), RuntimeError(NEW_CPU), RuntimeError(MPS)],
    ids=["cuda", "cpu", "newer cpu", "mps"],
)
def test_batches_are_halved_and_the_model_remembered(
    error: Exception, fresh: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    expected = explain(NoiseVideo(40), fresh, cache=False, preview=False, batch_size=2).maps
    tried = limit_memory(monkeypatch, 2, error)
    found = explain(NoiseVideo(40), fresh, cache=False, preview=False)
    assert tried == [8, 4, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(found.maps, expected, rtol=1e-4)
    tried.clear()
    explain(NoiseVideo(40), fresh, cache=False, preview=False)
    assert tried == [2] * 5
    tried.clear()
    explain(NoiseVideo(40), fresh, cache=False, preview=False, batch_size=10)
    assert tried == [2] * 5
    other = load_model(tiny_timesformer(), processor=fresh.transform)
    assert max_batch_size(other) == 8


def test_what_is_finished_is_not_computed_again(fresh: VideoModel, monkeypatch: pytest.MonkeyPatch):
    """Memory may run out late: when another program has taken it."""
    original, tried = staa_widgets.models.capture.record, list[int]()

    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        tried.append(len(pixels))
        if tried in ([4, 4], [4, 4, 2]):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.models.capture, "record", record)
    explain(NoiseVideo(40), fresh, cache=False, preview=False, batch_size=4)
    assert tried == [4, 4, 2, 1, 1, 1, 1, 1, 1]


def test_a_window_that_does_not_fit_is_a_typed_error(fresh: VideoModel, monkeypatch: pytest.MonkeyPatch):
    limit_memory(monkeypatch, 0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(DeviceMemoryError, match="does not fit") as refused:
        explain(NoiseVideo(20), fresh, cache=False, preview=False)
    assert "bfloat16" in refused.value.hint
    assert max_batch_size(fresh) == 8  # memory may be there another time


def test_the_error_keeps_nothing_of_the_pass_that_failed(fresh: VideoModel):
    """Who collects errors would otherwise hold the activations of each."""
    alive = list[weakref.ref[Any]]()

    def fail(size: int) -> None:
        activations = torch.zeros(10)
        alive.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(DeviceMemoryError) as refused:
        run_within_memory(fresh, fail, max_size=2)
    assert len(alive) == 2
    assert [made() for made in alive] == [None, None]
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_other_errors_pass(fresh: VideoModel):
    def fail(size: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        run_within_memory(fresh, fail)
    assert max_batch_size(fresh) == 8
    assert not is_out_of_memory(ValueError("out of memory"))


def test_passes_of_methods_that_ask_are_halved_apart(fresh: VideoModel):
    sizes: list[int] = []

    def use(size: int) -> int:
        sizes.append(size)
        if size > 3:
            raise MemoryError
        return size

    assert run_within_memory(fresh, use, backward=True) == 2
    assert sizes == [8, 4, 2]
    assert (max_batch_size(fresh, backward=True), max_batch_size(fresh)) == (2, 8)
    assert run_within_memory(fresh, lambda size: size, backward=True, count=1) == 1


def test_an_accelerator_takes_what_its_memory_holds(fresh: VideoModel, monkeypatch: pytest.MonkeyPatch):
    each = 12 * 4 * (1 + 4 * 9) * 32
    for free, expected in ((10**12, 64), (each * 10 / 0.4, 10), (0, 1)):
        monkeypatch.setattr(staa_widgets.models.batching, "_free_memory", lambda _, free=free: int(free) + 1)
        assert max_batch_size(fresh) == expected


def test_rollout_through_many_tokens_takes_more_memory(monkeypatch: pytest.MonkeyPatch):
    """Queries and keys of all three layers are held until the last one is done; of few tokens they are not."""
    vivit, divided = tiny_joint_model("vivit"), tiny_timesformer_model()
    each = 4 * (1 + 2 * 9) * 32
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", each * 40)
    rollout, rows = Needs(spatial=True), Needs(rows=True)
    assert [max_batch_size(vivit, needs=needs) for needs in (rollout, rows)] == [3, 3]
    monkeypatch.setattr(queries, "EXACT_TOKENS", 0)
    assert [max_batch_size(vivit, needs=needs) for needs in (rollout, rows, replace(rollout, exact=True))] == [2, 3, 2]
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", 4 * (1 + 4 * 9) * 32 * 40)
    assert max_batch_size(divided, needs=rollout) == 3
    sizes = list[int]()
    monkeypatch.setattr(
        staa_widgets.models.capture, "record", note_batch_sizes(staa_widgets.models.capture.record, sizes)
    )
    monkeypatch.setattr(staa_widgets.models.batching, "CPU_MEMORY", each * 40)
    explain(NoiseVideo(20), vivit, cache=False, preview=False)
    assert sizes == [2, 2, 1]
    outcomes = explain_many([NoiseVideo(2, seed) for seed in range(3)], vivit, cache=False, preview=False)
    assert len([one.explanation for one in outcomes if one.explanation]) == 3
    assert sizes == [2, 2, 1, 2, 1]


def note_batch_sizes(original: Any, sizes: list[int]) -> Any:
    def record(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        sizes.append(len(pixels))
        return original(model, pixels, *rest)

    return record


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients"])
def test_methods_that_ask_take_no_larger_batches_than_wanted(
    method: str, fresh: VideoModel, monkeypatch: pytest.MonkeyPatch
):
    sizes = list[int]()
    original = staa_widgets.engine.window_maps.open_inputs

    def note_batch_size(*asked: Any, batch_size: int, **rest: Any) -> Any:
        sizes.append(batch_size)
        return original(*asked, batch_size=batch_size, **rest)

    monkeypatch.setattr(staa_widgets.engine.window_maps, "open_inputs", note_batch_size)
    explain(NoiseVideo(2), fresh, method, cache=False, preview=False, batch_size=3)
    explain(NoiseVideo(2), fresh, method, cache=False, preview=False)
    assert sizes == [3, 8]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_records_are_float32_in_half_precision(dtype: torch.dtype, fresh: VideoModel):
    half = load_model(tiny_timesformer().to(dtype), processor=fresh.transform)
    assert half.dtype == dtype
    found = explain(NoiseVideo(20), half, cache=False, preview=False)
    exact = explain(NoiseVideo(20), replace(fresh), cache=False, preview=False)
    assert found.maps.dtype == found.logits.dtype == np.float32
    assert found.provenance["dtype"] == str(dtype).removeprefix("torch.")
    assert np.corrcoef(found.maps.ravel(), exact.maps.ravel())[0, 1] > 0.95
