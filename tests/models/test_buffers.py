"""What is computed elsewhere or in pieces while a pass is read is what the model computes, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from staa_widgets.models import load_model
from staa_widgets.models.attention import chunked as activation
from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.chunked import apply_in_chunks
from staa_widgets.models.capture import record
from staa_widgets.models.family import attention_and_projection, submodules_of
from staa_widgets.records.record import Needs
from tests.helpers.joint_models import JOINT
from tests.helpers.tiny import PROCESSOR, random_pixels, tiny_classifier

FAST = ACT2FN["gelu_fast"]


def test_what_is_held_of_all_layers_lies_in_one_piece_of_memory() -> None:
    buffer, given = TensorBuffer(3), list(torch.rand(4, 2, 5))
    held = [buffer.store(tensor.clone()) for tensor in given]
    assert len({tensor.untyped_storage().data_ptr() for tensor in held}) == 2  # the fourth is one too many
    assert held[0].untyped_storage().nbytes() == 3 * given[0].nbytes
    for tensor, kept in zip(given, held, strict=True):
        torch.testing.assert_close(kept, tensor, rtol=0, atol=0)
    other = torch.rand(3)
    assert TensorBuffer(2).store(other) is not other
    buffer = TensorBuffer(2)
    buffer.store(given[0])
    assert buffer.store(other) is other


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("family", JOINT)
def test_a_pass_that_is_read_is_the_models_own(
    family: str, bias: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EXACT_TOKENS", 4)
    monkeypatch.setattr(activation, "_CHUNK", 512)
    made: list[nn.Linear] = []
    projected = TensorBuffer.project

    def note_and_project(buffer: TensorBuffer, linear: nn.Linear, tokens: Tensor) -> Tensor:
        made.append(linear)
        return projected(buffer, linear, tokens)

    monkeypatch.setattr(TensorBuffer, "project", note_and_project)
    module = tiny_classifier(family, hidden_size=96, intermediate_size=320, qkv_bias=bias).to(getattr(torch, dtype))
    model = load_model(module, processor=PROCESSOR)
    pixels, needs = random_pixels(2), Needs(rows=True, spatial=True)
    with torch.no_grad():
        stock = model.module(pixel_values=pixels.to(model.dtype)).logits.float().numpy()
    found = record(model, pixels, needs, [None, None])
    np.testing.assert_array_equal([one.logits for one in found], stock)
    attending = [part for part in module.modules() if hasattr(part, "scaling")]
    # Older VideoMAEs take the weights out of their layers, so that queries and keys are copied.
    own = [] if hasattr(attending[0], "q_bias") else attending
    assert {id(part) for part in made} == {id(part) for at in own for part in submodules_of(at, nn.Linear)[:2]}
    assert len(made) == 2 * len(own)
    model = replace(model, family=replace(model.family, replacements=lambda *_: {}))
    for one, other in zip(found, record(model, pixels, needs, [None, None]), strict=True):
        for name in ("rows", "rollout"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_queries_and_keys_are_the_first_projections() -> None:
    for family in JOINT:
        module = tiny_classifier(family)
        attending = next(part for part in module.modules() if hasattr(part, "scaling"))
        first = submodules_of(attending, nn.Linear)[:2]
        found = {name for name, part in attending.named_modules() if any(part is one for one in first)}
        assert found in ({"q_proj", "k_proj"}, {"query", "key"})


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  as it is there
        return 2 * super().forward(input)


def test_layers_that_were_changed_go_on_computing_as_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "EXACT_TOKENS", 4)
    module = tiny_classifier("vivit", qkv_bias=False)
    first, second, _ = (
        attention_and_projection(block)[0] for block in module.modules() if type(block).__name__ == "VivitAttention"
    )
    name = next(name for name, part in first.named_children() if isinstance(part, nn.Linear))
    doubled = Doubled(32, 32, bias=False)
    doubled.load_state_dict(getattr(first, name).state_dict())
    setattr(first, name, doubled)
    own = getattr(second, name).forward
    getattr(second, name).forward = lambda tokens: own(tokens) + 1
    model, pixels = load_model(module, processor=PROCESSOR), random_pixels(2)
    with torch.no_grad():
        stock = module(pixel_values=pixels).logits.numpy()
    found = record(model, pixels, Needs(spatial=True), [None, None])
    np.testing.assert_array_equal([one.logits for one in found], stock)


@pytest.mark.parametrize("how", ["plain", "gradients", "autocast", "strided", "flat", "too many"])
def test_only_plain_projections_are_made_where_they_are_held(how: str) -> None:
    torch.manual_seed(0)
    linear, tokens, buffer = nn.Linear(32, 64), torch.randn(2, 7, 32), TensorBuffer(1)
    if how == "strided":
        tokens = torch.randn(7, 2, 32).transpose(0, 1)
    elif how == "flat":
        tokens = tokens[0]
    elif how == "too many":
        buffer.store(torch.zeros(3))
    with torch.set_grad_enabled(how == "gradients"), torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        expected, found = linear(tokens), buffer.project(linear, tokens)
    with torch.no_grad():
        again = buffer.store(found)
    assert torch.equal(found, expected)
    assert found.dtype == expected.dtype
    assert found.requires_grad == (how == "gradients")
    assert (again is found) == (how in {"plain", "too many"})


# Where a core's share ends within a vector, another processor's library may round its end otherwise.
@pytest.mark.parametrize(
    ("size", "off"), [((1, 700, 3072), 0), ((2, 196, 640), 0), ((3, 41, 977), 1e-6), ((250_001,), 1e-6), ((7,), 0)]
)
def test_an_activation_in_pieces_is_the_activation(size: tuple[int, ...], off: float) -> None:
    tensor = 3 * torch.randn(size, generator=torch.Generator().manual_seed(0))
    tensor.view(-1)[:4] = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0])
    sizes: list[int] = []

    def own(piece: Tensor) -> Tensor:
        sizes.append(piece.numel())
        return FAST(piece)

    with torch.no_grad():
        torch.testing.assert_close(apply_in_chunks(own, tensor), FAST(tensor), rtol=off, atol=off, equal_nan=True)
    assert sum(sizes) == tensor.numel()
    assert max(sizes) <= activation._CHUNK * torch.get_num_threads()


@pytest.mark.parametrize("how", ["gradients", "strided"])
def test_an_activation_is_applied_at_once_where_pieces_would_not_do(how: str) -> None:
    tensor: Any = torch.randn(600, 900).t() if how == "strided" else torch.randn(900, 600, requires_grad=True)
    calls: list[Tensor] = []

    def own(piece: Tensor) -> Tensor:
        calls.append(piece)
        return FAST(piece)

    with torch.set_grad_enabled(how == "gradients"):
        found = apply_in_chunks(own, tensor)
    assert len(calls) == 1
    assert calls[0] is tensor
    assert found.requires_grad == (how == "gradients")
