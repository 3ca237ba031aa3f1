"""The digest of a model: every change of what it computes changes it, and nothing else does."""

from __future__ import annotations

import functools
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AttentionInterface

from staa_widgets import action_clip, explain
from staa_widgets.models import load_model, model_digest
from staa_widgets.models.fingerprint import digest
from tests.helpers.paths import ROOT
from tests.helpers.tiny import ATTENDING, PROCESSOR, tiny_classifier

Change = Callable[[Any], Any]


def first_part(module: nn.Module, kind: type) -> Any:
    return next(part for part in module.modules() if isinstance(part, kind))


def double(*values: Any) -> Tensor:
    return 2 * next(value for value in reversed(values) if isinstance(value, Tensor))


def doubled_logits(module: nn.Module, inputs: Any, output: Any) -> None:
    output.logits = 2 * output.logits


def doubled_by(factor: float) -> Callable[..., Tensor]:
    return lambda part, inputs, output: factor * output


@contextmanager
def with_hook(part: nn.Module, register: str, hook: Callable[..., Any], **settings: Any) -> Iterator[None]:
    handle = getattr(part, register)(hook, **settings)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def replaced_parameter(part: nn.Module, transform: nn.Module) -> Iterator[None]:
    parametrize.register_parametrization(part, "weight", transform)
    try:
        yield
    finally:
        parametrize.remove_parametrizations(part, "weight", leave_parametrized=False)


@contextmanager
def written_past_the_counter(tensor: Tensor) -> Iterator[None]:
    tensor.data.mul_(2)
    try:
        yield
    finally:
        tensor.data.div_(2)


@contextmanager
def attention_by(module: Any, function: Callable[..., Any]) -> Iterator[None]:
    implementation = module.config._attn_implementation
    AttentionInterface.register("of_a_test", function)
    module.config._attn_implementation = "of_a_test"
    try:
        yield
    finally:
        module.config._attn_implementation = implementation


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


def patched_forward(part: nn.Module, forward: Callable[..., Any]) -> Any:
    """Replace the method of a module itself, as by assigning it."""
    return mock.patch.object(part, "forward", forward)


def patched_class(part: nn.Module, forward: Callable[..., Any]) -> Any:
    return mock.patch.object(type(part), "forward", forward)


@functools.wraps(nn.LayerNorm.forward)
def forward_by_its_own_name(self: Any, inputs: Tensor) -> Tensor:
    return 2 * inputs


CHANGES: dict[str, Change] = {
    "forward hook": lambda m: with_hook(first_part(m, nn.Linear), "register_forward_hook", doubled_by(2)),
    "hook that gets keywords": lambda m: with_hook(
        first_part(m, nn.Linear), "register_forward_hook", double, with_kwargs=True
    ),
    "hook of an installed function": lambda m: with_hook(
        first_part(m, nn.Linear), "register_forward_hook", functools.partial(torch.add, alpha=0)
    ),
    "pre-hook": lambda m: with_hook(first_part(m, nn.LayerNorm), "register_forward_pre_hook", double),
    "hook on the logits": lambda m: with_hook(m, "register_forward_hook", doubled_by(2)),
    "backward hook": lambda m: with_hook(first_part(m, nn.Linear), "register_full_backward_hook", double),
    "hook on all modules": lambda m: with_hook(torch.nn.modules.module, "register_module_forward_hook", double),  # pyright: ignore[reportArgumentType]
    "assigned forward": lambda m: patched_forward(first_part(m, nn.Linear), lambda x: 2 * x),
    "assigned bound method": lambda m: patched_forward(
        first_part(m, nn.Linear), types.MethodType(double, first_part(m, nn.Linear))
    ),
    "assigned partial": lambda m: patched_forward(first_part(m, nn.Linear), functools.partial(double, 1)),
    "mocked forward": lambda m: patched_forward(first_part(m, nn.Linear), mock.Mock()),
    "patched class": lambda m: patched_class(first_part(m, nn.LayerNorm), double),
    "patched class, decorated": lambda m: patched_class(first_part(m, nn.LayerNorm), torch.no_grad()(double)),
    "patched class, own name": lambda m: patched_class(first_part(m, nn.LayerNorm), forward_by_its_own_name),
    "patched class, mock": lambda m: patched_class(first_part(m, nn.LayerNorm), mock.MagicMock()),
    "method of another class": lambda m: patched_class(first_part(m, nn.LayerNorm), nn.Identity.forward),
    "patched class of the model": lambda m: patched_class(m, double),
    "patched base class": lambda m: mock.patch.object(nn.Module, "__call__", double),
    "patched function of torch": lambda m: mock.patch.object(torch.nn.functional, "gelu", double),
    "patched function of its file": lambda m: mock.patch.object(
        sys.modules[type(m).__module__], "eager_attention_forward", double, create=True
    ),
    "LayerNorm.eps": lambda m: mock.patch.object(first_part(m, nn.LayerNorm), "eps", 0.5),
    "new attribute": lambda m: mock.patch.object(m, "temperature", 2.0, create=True),
    "negative zero": lambda m: mock.patch.object(first_part(m, nn.LayerNorm), "eps", -0.0),
    "attribute of a class": lambda m: mock.patch.object(nn.LayerNorm, "scale", 2.0, create=True),
    "setting": lambda m: mock.patch.object(m.config, "layer_norm_eps", 0.5),
    "implementation of attention": lambda m: mock.patch.object(m.config, "_attn_implementation_internal", "flex"),
    "attention of one's own": lambda m: attention_by(m, double),
    "parametrization": lambda m: replaced_parameter(first_part(m, nn.Linear), Doubled()),
    "write through .data": lambda m: written_past_the_counter(first_part(m, nn.Linear).weight),
    "submodule": lambda m: mock.patch.dict(m._modules, {next(iter(m._modules)): nn.Identity()}),
    "plain tensor": lambda m: mock.patch.object(m, "direction", torch.ones(3), create=True),
    "buffer that is not saved": lambda m: mock.patch.dict(m._buffers, {"mask": torch.ones(3)}),
    "autocast": lambda m: torch.autocast("cpu", torch.bfloat16),
    "autocast in another type": lambda m: torch.autocast("cpu", torch.float16),
    "mode of torch": lambda m: TorchDispatchMode(),
}


@pytest.mark.parametrize("family", ATTENDING)
def test_a_change_gives_another_digest_until_it_is_undone(family: str) -> None:
    module = tiny_classifier(family)
    model = load_model(module, processor=PROCESSOR)
    before = model_digest(model)
    assert model_digest(load_model(tiny_classifier(family), processor=PROCESSOR)) == before
    names = {before: "unchanged"}
    for name, change in CHANGES.items():
        with change(module):
            changed = model_digest(model)
            assert model_digest(model) == changed, name
        assert names.setdefault(changed, name) == name
        assert model_digest(model) == before, name


def print_digests() -> None:
    """Print the digest of a model of each family, with and without a hook; run in another process."""
    for family in ATTENDING:
        module = tiny_classifier(family)
        print(model_digest(module))
        nn.Linear(1, 1).register_forward_hook(double)  # Another number for the next hook.
        first_part(module, nn.Linear).register_forward_hook(double)
        print(model_digest(module))


def test_attention_that_was_set_back_is_no_change() -> None:
    module = tiny_classifier("vivit")
    implementation = module.config._attn_implementation
    before = model_digest(module)
    module.set_attn_implementation("eager")
    assert model_digest(module) != before
    module.set_attn_implementation(implementation)
    assert model_digest(module) == before


def test_another_process_gives_the_same_digests(capsys: pytest.CaptureFixture[str]) -> None:
    code = "from tests.models.test_fingerprint import print_digests; print_digests()"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    nn.Linear(1, 1).register_forward_hook(double)
    print_digests()
    assert other.stdout == capsys.readouterr().out
    assert len(set(other.stdout.split())) == 2 * len(ATTENDING)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # Asked by peft under its old name.
@pytest.mark.parametrize("family", ATTENDING)
def test_the_digest_depends_on_active_adapters(family: str) -> None:
    module = tiny_classifier(family)
    linear_names = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    config = LoraConfig(target_modules=linear_names[:2], init_lora_weights=False)
    model = get_peft_model(module, config, adapter_name="one")
    model.add_adapter("two", config)
    layer = first_part(model, LoraLayer)
    before = model_digest(module)
    digests = {before}

    def expect(*, new: bool) -> None:
        assert (model_digest(module) not in digests) is new
        digests.add(model_digest(module))

    with model.disable_adapter():
        expect(new=True)
    expect(new=False)
    model.set_adapter("two")
    expect(new=True)
    model.set_adapter("one")
    assert model_digest(module) == before
    layer.scale_layer(0.5)
    expect(new=True)
    layer.unscale_layer()
    assert model_digest(module) == before
    model.merge_adapter()
    expect(new=True)


def test_an_explanation_of_a_changed_model_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path))
    module = tiny_classifier("vivit")
    model, video = load_model(module, processor=PROCESSOR), action_clip(1, size=48, fps=4)

    def explain_video() -> Any:
        return explain(video, model, preview=False, progress=False)

    first = explain_video()
    assert first.provenance["cache"] == "miss"
    with with_hook(module, "register_forward_hook", doubled_logits):
        doubled = explain_video()
    assert doubled.provenance["cache"] == "miss"
    np.testing.assert_allclose(doubled.logits, 2 * first.logits, rtol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = explain_video()
    assert rounded.provenance["cache"] == "miss"
    assert not np.array_equal(rounded.logits, first.logits)
    again = explain_video()
    assert again.provenance["cache"] == "hit"
    np.testing.assert_array_equal(again.logits, first.logits)


def test_only_changed_weights_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tiny_classifier("timesformer")
    shapes: list[tuple[int, ...]] = []
    compute = digest.content_digest
    monkeypatch.setattr(digest, "content_digest", lambda tensor: shapes.append(tensor.shape) or compute(tensor))
    digests = [model_digest(module)]
    assert len(shapes) == len(list(module.parameters())) + len(list(module.buffers()))
    weight = module.timesformer.encoder.layer[1].intermediate.dense.weight

    def change_in_place() -> None:
        with torch.no_grad():
            weight[3, 4] += 1

    def replace_weight() -> None:
        module.classifier.weight = nn.Parameter(module.classifier.weight.detach() + 1)

    for change, shape in ((change_in_place, weight.shape), (replace_weight, module.classifier.weight.shape)):
        shapes.clear()
        change()
        digests.append(model_digest(module))
        assert shapes == [shape]
    shapes.clear()
    module.config.layer_norm_eps = 1e-3
    digests.append(model_digest(module))
    assert shapes == []
    assert len(set(digests)) == 4
