"""Digests of a model's weights, and of everything that determines its output, cached until something changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from transformers import PreTrainedConfig

from staa_widgets.models.capture import model_lock
from staa_widgets.models.fingerprint.description import IGNORED_SETTINGS, Description
from staa_widgets.models.fingerprint.environment import add_environment
from staa_widgets.models.fingerprint.tensors import content_digest, is_readable, tensor_states
from staa_widgets.models.video_model import VideoModel


@dataclass(frozen=True)
class _Known:
    """The last description of a module, with its digest."""

    words: list[str]
    states: list[Hashable]
    digest: str


_known: WeakKeyDictionary[nn.Module, _Known] = WeakKeyDictionary()
_contents: WeakKeyDictionary[nn.Module, dict[Hashable, str]] = WeakKeyDictionary()
"""Digests of the tensors of a module, by the state of each tensor."""


def model_digest(model: VideoModel | nn.Module) -> str:
    """Compute a digest of all that determines a model's output.

    The digest covers weights and buffers, configuration, attributes of every part, hooks, replaced ``forward``
    methods, code that does not come from an installed package, and torch's autocast and default data types. Installed
    packages are digested by their versions. A model that holds something that cannot be read, such as an open file, or
    that was wrapped from a function, has another digest in every process.

    Weights are digested again only if they changed. Changes are detected by address, by torch's version counter and,
    because the counter misses writes through ``.data``, by 64 values spread over each tensor.

    Parameters
    ----------
    model
        A loaded model, or the module of one.

    Returns
    -------
    str
        sha256, in hexadecimal.
    """
    module = model.module if isinstance(model, VideoModel) else model
    description = Description()
    # Under the lock of the model, so that hooks of a pass that runs in another thread are not described.
    with model_lock(module):
        description.add(module)
        if isinstance(model, VideoModel):
            description.add((model.family, model.compile))
        add_environment(description, _device_of(module))
        with _disable_current_modes():
            states = tensor_states(description.tensors)
            known = _known.get(module)
            if known is None or known.words != description.words or known.states != states:
                contents = _content_digests(module, description.tensors, states)
                text = "\n".join([*description.words, *contents])
                digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
                _known[module] = known = _Known(description.words, states, digest)
    return known.digest


def weights_digest(model: VideoModel | nn.Module) -> str:
    """Compute a digest of a model's weights and configuration only, which is the same with every version of torch.

    Parameters
    ----------
    model
        A loaded model, or the module of one.

    Returns
    -------
    str
        sha256, in hexadecimal.
    """
    module: Any = model.module if isinstance(model, VideoModel) else model
    config = getattr(module, "config", None)
    settings = config.to_dict() if isinstance(config, PreTrainedConfig) else {}
    settings = {name: value for name, value in settings.items() if name not in IGNORED_SETTINGS}
    tensors = {name: tensor for name, tensor in sorted(module.state_dict().items()) if is_readable(tensor)}
    contents = _content_digests(module, [*tensors.values()], tensor_states([*tensors.values()]))
    parts = [type(module).__name__, json.dumps(settings, sort_keys=True, default=str), *tensors, *contents]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _content_digests(module: nn.Module, tensors: list[Tensor], states: list[Hashable]) -> list[str]:
    """Return the digest of each tensor; only tensors whose state is new are read."""
    known = _contents.get(module, {})
    contents = [known.get(state) or content_digest(tensor) for tensor, state in zip(tensors, states, strict=True)]
    _contents[module] = dict(zip(states, contents, strict=True))
    return contents


def _device_of(module: nn.Module) -> torch.device:
    parameter = next(module.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
