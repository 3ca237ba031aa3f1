"""Digest of a model's weights, cached until they change."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from staa_widgets.models.fingerprint.code import code_digest
from staa_widgets.models.video_model import VideoModel
from staa_widgets.models.wrap import WrappedModel

# Settings of a configuration that do not change the result.
_IGNORED_SETTINGS = frozenset(
    {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"}
)
_PROBED_VALUES = 64
_cached_digests: WeakKeyDictionary[nn.Module, tuple[Any, str]] = WeakKeyDictionary()
_lock = threading.Lock()


def weights_digest(model: VideoModel | nn.Module) -> str:
    """Compute a digest of a model's weights and settings.

    The digest is cached until a weight is replaced or changed in place. Changes are detected by address, by torch's
    version counter and, because the counter misses writes through ``.data``, by 64 values spread over each tensor.
    Attributes and code of a wrapped module are digested too, see `staa_widgets.models.fingerprint.code`. A wrapped
    function, or a wrapped module that holds something that cannot be digested, has a new digest each time it is
    wrapped.

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
    tensors, settings = _named_tensors(module), _settings_text(module)
    versions = tuple((name, t.data_ptr(), 0 if t.is_inference() else t._version) for name, t in tensors.items())
    state = settings, versions, _probe_values(tensors)
    with _lock:
        if module not in _cached_digests or _cached_digests[module][0] != state:
            _cached_digests[module] = state, _compute_digest(settings, tensors)
        return _cached_digests[module][1]


def _named_tensors(module: nn.Module) -> dict[str, Tensor]:
    if isinstance(module, WrappedModel):
        # Non-persistent buffers are digested too, because their purpose is unknown.
        return {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return module.state_dict()


def _settings_text(module: nn.Module) -> str:
    if isinstance(module, WrappedModel):
        inner: Any = module.inner
        code = (
            code_digest(inner, _named_tensors(module), module.token) if isinstance(inner, nn.Module) else module.token
        )
        return f"{module.layout} {code}"
    config: Any = module.config
    settings = {key: value for key, value in config.to_dict().items() if key not in _IGNORED_SETTINGS}
    return type(module).__name__ + json.dumps(settings, sort_keys=True, default=str)


@torch.no_grad()
def _probe_values(tensors: dict[str, Tensor]) -> bytes:
    values = [t.reshape(-1)[:: max(1, t.numel() // _PROBED_VALUES)].float().cpu() for t in tensors.values()]
    return torch.cat(values).numpy().tobytes() if values else b""


def _compute_digest(settings: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
