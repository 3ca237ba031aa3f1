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
from staa_widgets.models.fingerprint.code import code_digest
from staa_widgets.models.wrap import WrappedModel

# What a configuration says that has no part in the result.
_IGNORED_SETTINGS = frozenset(
    {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"}
)
_PROBED_VALUES = 64
_known_digests: WeakKeyDictionary[nn.Module, tuple[Any, str]] = WeakKeyDictionary()
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
    state, settings = _named_tensors(module), _settings_text(module)
    mark = settings, tuple((name, t.data_ptr(), 0 if t.is_inference() else t._version) for name, t in state.items())
    mark = *mark, _probe_values(state)
    with _lock:
        if module not in _known_digests or _known_digests[module][0] != mark:
            _known_digests[module] = mark, _compute_digest(settings, state)
        return _known_digests[module][1]


def _named_tensors(module: nn.Module) -> dict[str, Tensor]:
    if isinstance(module, WrappedModel):
        # Buffers that are not saved count as well: nothing is known of what they are for.
        return {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return module.state_dict()


def _settings_text(module: nn.Module) -> str:
    if isinstance(module, WrappedModel):
        inner: Any = module.inner
        known = (
            code_digest(inner, _named_tensors(module), module.token) if isinstance(inner, nn.Module) else module.token
        )
        return f"{module.layout} {known}"
    config: Any = module.config
    kept = {key: value for key, value in config.to_dict().items() if key not in _IGNORED_SETTINGS}
    return type(module).__name__ + json.dumps(kept, sort_keys=True, default=str)


@torch.no_grad()
def _probe_values(state: dict[str, Tensor]) -> bytes:
    spread = [t.reshape(-1)[:: max(1, t.numel() // _PROBED_VALUES)].float().cpu() for t in state.values()]
    return torch.cat(spread).numpy().tobytes() if spread else b""


def _compute_digest(settings: str, state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
