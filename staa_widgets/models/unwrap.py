"""Find the classifier inside a module in memory: below PEFT, `torch.compile`, DataParallel or a user's own module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.capture import evaluation_mode
from staa_widgets.models.family import Family
from staa_widgets.models.registry import FAMILIES, unsupported_error

_TOLERANCE = 1e-3
"""Maximum difference of logits that count as equal, as a share of the largest logit."""


def unwrap(module: nn.Module) -> nn.Module:
    """Return the module below wrappers that pass inputs on as they are: compiled, parallel and PEFT modules.

    Raises
    ------
    UnsupportedModelError
        If an adapter of PEFT adds tokens to the input.
    """
    while True:
        if hasattr(module, "_orig_mod"):  # Set by torch.compile.
            module = module.get_submodule("_orig_mod")
        elif isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif _is_peft(module):
            if getattr(getattr(module, "active_peft_config", None), "is_prompt_learning", False):
                raise UnsupportedModelError(
                    "An adapter of the model adds tokens to its input, so its tokens do not fit the frames.",
                    "Use an adapter that changes weights, such as LoRA.",
                )
            module = module.get_submodule("base_model").get_submodule("model")
        else:
            return module


def is_compiled(module: nn.Module) -> bool:
    """Return whether `torch.compile` made a module or one of the wrapped modules inside it."""
    inner = unwrap(module)
    while module is not inner:
        if hasattr(module, "_orig_mod"):
            return True
        module = next(child for child in module.children() if any(part is inner for part in child.modules()))
    return False


def find_classifier(module: nn.Module) -> tuple[Family, Any]:
    """Return the family and the classifier of a module, without its wrappers.

    A module of the user's own class is accepted if it holds one classifier of a supported architecture, or one encoder
    and one linear head, and gives the same logits as this classifier for a random clip.

    Raises
    ------
    UnsupportedModelError
        If there is no such classifier, or the module computes other logits.
    """
    inner = unwrap(module)
    family = _family_of(inner)
    if family is not None:
        return family, inner
    candidates = [(part_family, part) for part in inner.modules() if (part_family := _family_of(part))]
    if len(candidates) != 1:
        candidates = list(_assemble_classifiers(inner))
    if not candidates:
        raise unsupported_error(f"The module is a {type(inner).__name__}")
    for part_family, classifier in candidates:
        if _computes_same_logits(inner, part_family, classifier):
            return part_family, classifier
    part_family, classifier = candidates[0]
    architecture: Any = type(classifier)
    name, prefix = architecture.__name__, architecture.base_model_prefix
    raise UnsupportedModelError(
        f"The module {type(inner).__name__} holds the parts of a {name}, but computes other logits with them.",
        f"Put its weights into a {name} whose .{prefix} is your encoder and whose .classifier is your head, or "
        "use staa_widgets.wrap_model and a method without attention.",
    )


def _is_peft(module: nn.Module) -> bool:
    return hasattr(module, "peft_config") and type(module).__module__.partition(".")[0] == "peft"


def _family_of(module: nn.Module) -> Family | None:
    families = (family for family in FAMILIES.values() if family.attends and isinstance(module, family.architecture))
    return next(families, None)


def _assemble_classifiers(module: nn.Module) -> Iterator[tuple[Family, nn.Module]]:
    """Yield classifiers made of the encoder and the other parts of a module; parts are shared, not copied."""
    for family in FAMILIES.values():
        architecture: Any = family.architecture
        if not family.attends:
            continue
        prefix = architecture.base_model_prefix
        encoders = [part for part in module.modules() if type(part).__name__ == _encoder_name(architecture)]
        if len(encoders) != 1:
            continue
        (encoder,) = encoders
        inside = set(encoder.modules())
        outside = [part for part in module.modules() if part not in inside]
        for head in (part for part in outside if isinstance(part, nn.Linear)):
            yield from _fill_classifier(family, prefix, encoder, head, [part for part in outside if part is not head])


def _encoder_name(architecture: Any) -> str:
    """Return the name of the encoder's class: ``VideoMAEModel`` of a ``VideoMAEForVideoClassification``."""
    return architecture.__name__.replace("ForVideoClassification", "Model")


def _fill_classifier(
    family: Family, prefix: str, encoder: Any, head: nn.Linear, parts: list[nn.Module]
) -> Iterator[tuple[Family, nn.Module]]:
    config = deepcopy(encoder.config)
    if len(config.id2label) != head.out_features:
        config.num_labels = head.out_features
    architecture: Any = family.architecture
    with torch.device("meta"):
        classifier = architecture(config)
    setattr(classifier, prefix, encoder)
    classifier.classifier = head
    for name, child in list(classifier.named_children()):
        if child is encoder or child is head:
            continue
        same_class = [part for part in parts if type(part) is type(child)]
        if not same_class and isinstance(child, nn.LayerNorm):
            same_class = [nn.Identity()]
        if len(same_class) != 1:
            return
        setattr(classifier, name, same_class[0])
    classifier.train(encoder.training)
    yield family, classifier


def _computes_same_logits(module: nn.Module, family: Family, classifier: Any) -> bool:
    """Return whether both give the same logits for a random clip."""
    geometry = family.geometry(classifier.config)
    parameter = next(classifier.parameters())
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(1, geometry.frames, 3, *geometry.input_size, generator=generator)
    pixels = pixels.to(parameter.device, parameter.dtype)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: module(pixels),
        lambda: module(**{geometry.input_name: pixels}),
        lambda: module(pixels.transpose(1, 2)),
    )
    with torch.no_grad(), evaluation_mode(module), evaluation_mode(classifier):
        expected = classifier(**{geometry.input_name: pixels}).logits
        for call in calls:
            try:
                output = call()
            except Exception:  # The module takes its input in another way.
                continue
            logits = _logits_of(output)
            if logits is not None and logits.shape == expected.shape:
                difference = (logits.float() - expected.float()).abs().max()
                return bool(difference <= _TOLERANCE * expected.float().abs().max())
    return False


def _logits_of(output: Any) -> Tensor | None:
    if isinstance(output, dict):
        output = output.get("logits")
    logits = getattr(output, "logits", output)
    return logits if isinstance(logits, Tensor) else None
