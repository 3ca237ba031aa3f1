"""Projections in buffers and activations in chunks equal the model's own computation, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from staa_widgets.models import load_model
from staa_widgets.models.attention import chunked, query_sampling
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.chunked import apply_in_chunks
from staa_widgets.models.capture import record
from staa_widgets.models.family import attention_and_projection, submodules_of
from staa_widgets.records.record import Needs
from tests.helpers.joint_models import JOINT
from tests.helpers.tiny import PROCESSOR, random_pixels, tiny_classifier

GELU = ACT2FN["gelu_fast"]


def test_tensors_of_all_layers_share_one_block_of_memory() -> None:
    buffer, tensors = TensorBuffer(3), list(torch.rand(4, 2, 5))
    stored_tensors = [buffer.store(tensor.clone()) for tensor in tensors]
    assert len({tensor.untyped_storage().data_ptr() for tensor in stored_tensors}) == 2  # The fourth does not fit.
    assert stored_tensors[0].untyped_storage().nbytes() == 3 * tensors[0].nbytes
    for tensor, stored in zip(tensors, stored_tensors, strict=True):
        torch.testing.assert_close(stored, tensor, rtol=0, atol=0)
    other = torch.rand(3)
    assert TensorBuffer(2).store(other) is not other
    buffer = TensorBuffer(2)
    buffer.store(tensors[0])
    assert buffer.store(other) is other


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("family", JOINT)
def test_recording_leaves_the_logits_bit_identical(
    family: str, bias: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_sampling, "EXACT_TOKENS", 4)
    monkeypatch.setattr(chunked, "_CHUNK", 512)
    projections: list[nn.Linear] = []
    original = TensorBuffer.project

    def note_and_project(buffer: TensorBuffer, linear: nn.Linear, tokens: Tensor) -> Tensor:
        projections.append(linear)
        return original(buffer, linear, tokens)

    monkeypatch.setattr(TensorBuffer, "project", note_and_project)
    module = tiny_classifier(family, hidden_size=96, intermediate_size=320, qkv_bias=bias).to(getattr(torch, dtype))
    model = load_model(module, processor=PROCESSOR)
    pixels, needs = random_pixels(2), Needs(rows=True, rollout=True)
    with torch.no_grad():
        logits = model.module(pixel_values=pixels.to(model.dtype)).logits.float().numpy()
    records = record(model, pixels, needs, [None, None])
    np.testing.assert_array_equal([one.logits for one in records], logits)
    attending = [part for part in module.modules() if hasattr(part, "scaling")]
    # Older VideoMAEs do not call their projections as layers, so their queries and keys are copied.
    own = [] if hasattr(attending[0], "q_bias") else attending
    expected = [part for attention in own for part in submodules_of(attention, nn.Linear)[:2]]
    assert {id(part) for part in projections} == {id(part) for part in expected}
    assert len(projections) == 2 * len(own)
    model = replace(model, family=replace(model.family, replacements=lambda *_: {}))
    for one, other in zip(records, record(model, pixels, needs, [None, None]), strict=True):
        for name in ("rows", "rollout"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_queries_and_keys_are_the_first_projections() -> None:
    for family in JOINT:
        module = tiny_classifier(family)
        attending = next(part for part in module.modules() if hasattr(part, "scaling"))
        first = submodules_of(attending, nn.Linear)[:2]
        names = {name for name, part in attending.named_modules() if any(part is one for one in first)}
        assert names in ({"q_proj", "k_proj"}, {"query", "key"})


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name in torch
        return 2 * super().forward(input)


def test_changed_layers_compute_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_sampling, "EXACT_TOKENS", 4)
    module = tiny_classifier("vivit", qkv_bias=False)
    first, second, _ = (
        attention_and_projection(block)[0] for block in module.modules() if type(block).__name__ == "VivitAttention"
    )
    name = next(name for name, part in first.named_children() if isinstance(part, nn.Linear))
    doubled = Doubled(32, 32, bias=False)
    doubled.load_state_dict(getattr(first, name).state_dict())
    setattr(first, name, doubled)
    original = getattr(second, name).forward
    getattr(second, name).forward = lambda tokens: original(tokens) + 1
    model, pixels = load_model(module, processor=PROCESSOR), random_pixels(2)
    with torch.no_grad():
        logits = module(pixel_values=pixels).logits.numpy()
    records = record(model, pixels, Needs(rollout=True), [None, None])
    np.testing.assert_array_equal([one.logits for one in records], logits)


@pytest.mark.parametrize("case", ["plain", "gradients", "autocast", "strided", "flat", "too many"])
def test_only_plain_projections_are_computed_in_the_buffer(case: str) -> None:
    torch.manual_seed(0)
    linear, tokens, buffer = nn.Linear(32, 64), torch.randn(2, 7, 32), TensorBuffer(1)
    if case == "strided":
        tokens = torch.randn(7, 2, 32).transpose(0, 1)
    elif case == "flat":
        tokens = tokens[0]
    elif case == "too many":
        buffer.store(torch.zeros(3))
    with torch.set_grad_enabled(case == "gradients"), torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        expected, projected = linear(tokens), buffer.project(linear, tokens)
    with torch.no_grad():
        stored = buffer.store(projected)
    assert torch.equal(projected, expected)
    assert projected.dtype == expected.dtype
    assert projected.requires_grad == (case == "gradients")
    assert (stored is projected) == (case in {"plain", "too many"})


# A chunk that ends within a vector register can round differently on another processor.
@pytest.mark.parametrize(
    ("size", "off"), [((1, 700, 3072), 0), ((2, 196, 640), 0), ((3, 41, 977), 1e-6), ((250_001,), 1e-6), ((7,), 0)]
)
def test_a_chunked_activation_equals_the_activation(size: tuple[int, ...], off: float) -> None:
    tensor = 3 * torch.randn(size, generator=torch.Generator().manual_seed(0))
    tensor.view(-1)[:4] = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0])
    sizes: list[int] = []

    def own(piece: Tensor) -> Tensor:
        sizes.append(piece.numel())
        return GELU(piece)

    with torch.no_grad():
        torch.testing.assert_close(apply_in_chunks(own, tensor), GELU(tensor), rtol=off, atol=off, equal_nan=True)
    assert sum(sizes) == tensor.numel()
    assert max(sizes) <= chunked._CHUNK * torch.get_num_threads()


@pytest.mark.parametrize("case", ["gradients", "strided"])
def test_an_activation_with_gradients_or_strides_is_not_chunked(case: str) -> None:
    tensor: Any = torch.randn(600, 900).t() if case == "strided" else torch.randn(900, 600, requires_grad=True)
    calls: list[Tensor] = []

    def own(piece: Tensor) -> Tensor:
        calls.append(piece)
        return GELU(piece)

    with torch.set_grad_enabled(case == "gradients"):
        result = apply_in_chunks(own, tensor)
    assert len(calls) == 1
    assert calls[0] is tensor
    assert result.requires_grad == (case == "gradients")
