"""A digest of a model's weights, remembered as long as they do not change."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from staa_widgets.models.family import VideoModel
from staa_widgets.models.fingerprint.code import told
from staa_widgets.models.wrap import Wrapped

# What a configuration says that has no part in the result.
_IDLE = frozenset({"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"})
_PROBES = 64
_known: WeakKeyDictionary[nn.Module, tuple[Any, str]] = WeakKeyDictionary()
_lock = threading.Lock()


def weights_digest(model: VideoModel | nn.Module) -> str:
    """Digest a model's weights and the settings they run under.

    It is remembered until a weight is replaced or changed in place. Changes are seen by address, by torch's version
    counter and, because writing through ``.data`` does not count there, by 64 values spread over each tensor. Of a
    wrapped module its settings and code count too, see `staa_widgets.models.fingerprint.code`; where something of it
    cannot be told, and of a wrapped function, each wrapping has a digest of its own.

    Parameters
    ----------
    model
        A loaded model, or its module.

    Returns
    -------
    str
        sha256, in hexadecimal.
    """
    module = model.module if isinstance(model, VideoModel) else model
    state, settings = _state(module), _settings(module)
    mark = settings, tuple((name, t.data_ptr(), 0 if t.is_inference() else t._version) for name, t in state.items())
    mark = *mark, _probe(state)
    with _lock:
        if module not in _known or _known[module][0] != mark:
            _known[module] = mark, _digest(settings, state)
        return _known[module][1]


def _state(module: nn.Module) -> dict[str, Tensor]:
    if isinstance(module, Wrapped):
        # Buffers that are not saved count as well: nothing is known of what they are for.
        return {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return module.state_dict()


def _settings(module: nn.Module) -> str:
    if isinstance(module, Wrapped):
        inner: Any = module.inner
        known = told(inner, _state(module), module.token) if isinstance(inner, nn.Module) else module.token
        return f"{module.layout} {known}"
    config: Any = module.config
    kept = {key: value for key, value in config.to_dict().items() if key not in _IDLE}
    return type(module).__name__ + json.dumps(kept, sort_keys=True, default=str)


@torch.no_grad()
def _probe(state: dict[str, Tensor]) -> bytes:
    spread = [t.reshape(-1)[:: max(1, t.numel() // _PROBES)].float().cpu() for t in state.values()]
    return torch.cat(spread).numpy().tobytes() if spread else b""


def _digest(settings: str, state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
