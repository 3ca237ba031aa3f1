"""Fine-tunes: adapters of PEFT read as their merged weights, and classifiers inside wrappers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import peft
import pytest
import torch
from torch import Tensor, nn
from transformers import TimesformerModel, VideoMAEModel

from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models import load_model
from tests.helpers.records import module_state
from tests.helpers.tiny import ATTENDING, PROCESSOR, TINY_CONFIGS, fill_at_random, random_pixels, tiny_classifier

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning",  # PEFT reads it under its old name.
    "ignore:Unsupported layer type:UserWarning",  # Of its adapter of LayerNorms.
)
METHODS: dict[str, dict[str, Any]] = {
    "staa_logit": {},
    "staa": {"weighting": "value"},
    "rollout": {},
    "attention_gradient": {},
}


def linear_names(module: nn.Module) -> list[str]:
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    return [name for name in names if name != "classifier"]


def peft_model(family: str, *adapters: str, **settings: Any) -> Any:
    """A model with random adapters of every linear layer; the last one is active."""
    module = tiny_classifier(family)
    config = peft.LoraConfig(target_modules=linear_names(module), r=2, **settings)
    model = peft.get_peft_model(module, config, adapter_name=adapters[0] if adapters else "default")
    for name in adapters[1:]:
        model.add_adapter(name, config)
        model.set_adapter(name)
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_" in name and "magnitude" not in name:
            nn.init.normal_(parameter, std=0.15, generator=generator)
    return model.eval()


def maps(module: Any, method: str, **params: Any) -> Any:
    model = load_model(module, processor=PROCESSOR)
    return attribute(model, random_pixels(1, model=model)[0], method, target=1, **params)


def assert_equal_maps(one: Any, other: Any, methods: dict[str, dict[str, Any]] = METHODS) -> None:
    for method, params in methods.items():
        expected = maps(other, method, **params)
        # As shares of the whole. Rollout stores attention in float16, so that single entries differ by more.
        mass = np.abs(expected).sum()
        np.testing.assert_allclose(maps(one, method, **params) / mass, expected / mass, atol=1e-5)


@pytest.mark.parametrize("family", ATTENDING)
def test_maps_of_lora_are_those_of_the_merged_model(family: str) -> None:
    model = peft_model(family, modules_to_save=["classifier"])
    base = maps(tiny_classifier(family), "staa_logit")
    merged = copy.deepcopy(model).merge_and_unload()
    assert_equal_maps(model, merged)
    assert_equal_maps(model.get_base_model(), merged, {"staa_logit": {}})
    assert np.abs(maps(model, "staa_logit") - base).sum() > 0.05 * np.abs(base).sum()


CONFIGS: dict[str, dict[str, Any]] = {
    "DoRA": {"use_dora": True},
    "rsLoRA": {"use_rslora": True, "lora_alpha": 3},
    "bias": {"lora_bias": True},
    "dropout": {"lora_dropout": 0.5},
}


@pytest.mark.parametrize("config", CONFIGS)
def test_variants_of_lora_are_read_as_merged(config: str) -> None:
    model = peft_model("timesformer", **CONFIGS[config])
    # In training, dropout would change the weights; explaining is done in evaluation mode.
    model.train()
    state = module_state(model)
    merged = copy.deepcopy(model).eval().merge_and_unload()
    assert_equal_maps(model, merged, {"staa_logit": {}})
    assert module_state(model) == state


OTHER_ADAPTERS: dict[str, Callable[[list[str]], Any]] = {
    "LoHa": lambda names: peft.LoHaConfig(target_modules=names, r=2, init_weights=False),
    "LoKr": lambda names: peft.LoKrConfig(target_modules=names, r=2, init_weights=False),
    "IA3": lambda names: peft.IA3Config(target_modules=names, feedforward_modules=[], init_ia3_weights=False),
    "LayerNorm": lambda _: peft.LNTuningConfig(target_modules=["layernorm"]),
}


@pytest.mark.parametrize("adapter", OTHER_ADAPTERS)
def test_other_adapters_are_read_as_merged(adapter: str) -> None:
    module = tiny_classifier("timesformer")
    model: Any = peft.get_peft_model(module, OTHER_ADAPTERS[adapter](linear_names(module)))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    merged = copy.deepcopy(model).merge_and_unload()
    assert_equal_maps(model, merged, {"staa_logit": {}})


def test_active_disabled_scaled_and_several_adapters() -> None:
    model = peft_model("vivit", "one", "two")
    for name in ("one", "two"):
        model.set_adapter(name)
        assert_equal_maps(model, copy.deepcopy(model).merge_and_unload(), {"staa_logit": {}})
    model.base_model.set_adapter(["one", "two"])
    both = copy.deepcopy(model).merge_and_unload(adapter_names=["one", "two"])
    assert_equal_maps(model, both, {"staa_logit": {}})
    with model.disable_adapter():
        assert_equal_maps(model, tiny_classifier("vivit"), {"staa_logit": {}})
    model.set_adapter("one")
    for layer in (part for part in model.modules() if isinstance(part, peft.tuners.lora.LoraLayer)):
        layer.scale_layer(0.5)
    assert_equal_maps(model, copy.deepcopy(model).merge_and_unload(), {"staa_logit": {}})
    merged_in_place = copy.deepcopy(model)
    merged_in_place.merge_adapter()
    assert_equal_maps(model, merged_in_place, {"staa_logit": {}})


class Gate(nn.Module):
    """A bottleneck with an activation in the place of a linear layer."""

    def __init__(self, inner: nn.Linear) -> None:
        super().__init__()
        self.inner, self.in_features, self.out_features = inner, inner.in_features, inner.out_features

    def forward(self, tokens: Tensor) -> Tensor:
        return self.inner(tokens) + self.inner(tokens).relu()


def test_a_projection_that_is_not_linear_is_refused_where_it_is_read() -> None:
    module = tiny_classifier("timesformer")
    output = module.timesformer.encoder.layer[1].attention.output
    output.dense = Gate(output.dense)
    with pytest.raises(UnsupportedModelError, match="Gate in the place of a linear layer"):
        maps(module, "staa_logit")
    assert np.isfinite(maps(module, "rollout")).all()


def test_wrappers_are_taken_off() -> None:
    model = peft_model("videomae")
    expected = maps(model.get_base_model(), "staa_logit")
    parallel: Any = nn.DataParallel(model)
    compiled: Any = torch.compile(model)
    wrapped: Any
    for wrapped in (parallel, torch.compile(parallel), nn.DataParallel(compiled)):
        np.testing.assert_array_equal(maps(wrapped, "staa_logit"), expected)
    compiled = torch.compile(parallel)
    assert load_model(compiled, processor=PROCESSOR).compile
    assert not load_model(nn.DataParallel(model), processor=PROCESSOR).compile
    assert load_model(model, processor=PROCESSOR).id == "VideoMAEForVideoClassification"


class Around(nn.Module):
    """A module of one's own around a classifier, as in Lightning."""

    def __init__(self, model: nn.Module, factor: float = 1.0) -> None:
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, clips: Tensor) -> Tensor:
        return self.factor * self.model(clips).logits


class OwnHead(nn.Module):
    """An encoder and a linear head."""

    def __init__(self, encoder: nn.Module, read: Callable[[Tensor], Tensor], classes: int = 3) -> None:
        super().__init__()
        self.encoder, self.read = encoder, read
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, classes)

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(self.read(self.encoder(clips).last_hidden_state))


def test_a_classifier_inside_a_module_of_ones_own_is_found() -> None:
    module = tiny_classifier("vivit")
    around = Around(module).train()
    state = module_state(around)
    assert load_model(around, processor=PROCESSOR).module is module
    assert module_state(around) == state
    with pytest.raises(UnsupportedModelError, match="computes other logits") as caught:
        load_model(Around(module, 2.0), processor=PROCESSOR)
    assert "wrap_model" in caught.value.hint


def test_an_encoder_and_a_head_are_found() -> None:
    config = tiny_classifier("timesformer").config
    model = fill_at_random(OwnHead(TimesformerModel(config), lambda tokens: tokens[:, 0])).eval()
    loaded = load_model(model, processor=PROCESSOR)
    assert (loaded.family.name, len(loaded.labels), loaded.id) == ("timesformer", 3, "OwnHead")
    pixels = random_pixels(1)
    whole: Any = loaded.module
    torch.testing.assert_close(whole(pixels).logits, model(pixels))
    assert whole.classifier is model.head
    assert maps(model, "staa_logit").shape == (4, 3, 3)


def test_an_encoder_whose_mean_is_read_is_found_with_and_without_a_norm() -> None:
    config = tiny_classifier("videomae").config
    plain = fill_at_random(OwnHead(VideoMAEModel(config), lambda tokens: tokens.mean(1)))
    del plain.norm
    normed = fill_at_random(OwnHead(VideoMAEModel(config), lambda tokens: tokens.mean(1)))
    normed.read = lambda tokens: normed.norm(tokens.mean(1))
    for model in (plain, normed):
        contributions = maps(model, "staa_logit")
        assert contributions.max() > 0
    # A classifier with the same parts gives the same maps.
    whole = tiny_classifier("videomae", num_labels=3)
    whole.videomae, whole.fc_norm, whole.classifier = normed.encoder, normed.norm, normed.head
    np.testing.assert_allclose(maps(normed, "staa_logit"), maps(whole, "staa_logit"), rtol=1e-5)


def test_another_way_to_read_the_tokens_is_told_how_to_load() -> None:
    config = tiny_classifier("timesformer").config
    model = OwnHead(TimesformerModel(config), lambda tokens: tokens.amax(1))
    with pytest.raises(UnsupportedModelError, match="parts of a TimesformerForVideoClassification") as caught:
        load_model(model, processor=PROCESSOR)
    assert ".timesformer is your encoder and whose .classifier is your head" in caught.value.hint


def mlp_head(width: int, activation: nn.Module) -> Any:
    head = nn.Sequential(nn.Linear(width, 16), activation, nn.Dropout(0.5), nn.Linear(16, 5))
    return fill_at_random(head, seed=2)


@pytest.mark.parametrize("family", ATTENDING)
def test_heads_of_several_layers_are_read_by_their_gradient(family: str) -> None:
    width = TINY_CONFIGS[family].settings["hidden_size"]
    module, linear = tiny_classifier(family), tiny_classifier(family)
    module.classifier = mlp_head(width, nn.Identity())
    first, last = module.classifier[0], module.classifier[3]
    linear.classifier = nn.Linear(width, 5)
    with torch.no_grad():
        linear.classifier.weight.copy_(last.weight @ first.weight)
        linear.classifier.bias.copy_(last.weight @ first.bias + last.bias)
    # Two linear layers are one linear layer: the gradient is exact.
    assert_equal_maps(module, linear, {"staa_logit": {}})
    module.classifier = mlp_head(width, nn.GELU())
    contributions = maps(module.train(), "staa_logit")
    assert np.isfinite(contributions).all()
    assert module.training


def test_the_gradient_of_a_head_is_taken_at_the_readout() -> None:
    """Against a linear head with the weights that the activation leaves at this readout."""
    module, local = tiny_classifier("vivit"), tiny_classifier("vivit")
    module.classifier = head = mlp_head(32, nn.ReLU()).eval()
    readouts: list[Tensor] = []
    handle = module.vivit.layernorm.register_forward_hook(lambda *values: readouts.append(values[2][:, 0]))
    with torch.no_grad():
        module(random_pixels(1))
        handle.remove()
        kept = (head[0](readouts[0][0]) > 0).float()
        local.classifier = nn.Linear(32, 5)
        local.classifier.weight.copy_(head[3].weight @ (kept[:, None] * head[0].weight))
    # The profile over time is read from other clips, for which the head has another gradient.
    assert_equal_maps(module, local, {"staa_logit": {"profile": None}})
