"""A digest of a model's weights, remembered as long as they do not change."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from staa_widgets.models.base import VideoModel
from staa_widgets.models.generic import Wrapped

# What a configuration says that has no part in the result.
_IDLE = frozenset({"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"})
_PROBES = 64
# What is said elsewhere, or says nothing.
_OF_MODULES = frozenset({"training", "_parameters", "_buffers", "_modules"})
_OF_CLASSES = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__firstlineno__"})
_known: WeakKeyDictionary[nn.Module, tuple[Any, str]] = WeakKeyDictionary()
_lock = threading.Lock()


def weights_digest(model: VideoModel | nn.Module) -> str:
    """Digest a model's weights and the settings they run under.

    It is remembered until a weight is replaced or changed in place. Changes are seen by address, by torch's version
    counter and, because writing through ``.data`` does not count there, by 64 values spread over each tensor. Of a
    wrapped module its structure and code count too; a wrapped function is known in its process only.

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
        return "\n".join((module.token, module.layout, *_described(module.inner)))
    config: Any = module.config
    kept = {key: value for key, value in config.to_dict().items() if key not in _IDLE}
    return type(module).__name__ + json.dumps(kept, sort_keys=True, default=str)


def _described(inner: Any) -> Iterator[str]:
    """Say what else than weights decides what a module computes: its parts, their settings and their code."""
    if not isinstance(inner, nn.Module):
        return
    yield repr(inner)
    told: set[Any] = set()
    for name, part in inner.named_modules():
        kind = type(part)
        yield f"{name} {kind.__module__}.{kind.__qualname__} {getattr(part, 'code', '')}"
        yield from _held(vars(part), told)
        # A class whose code is changed keeps its name, above all in a notebook.
        for base in kind.__mro__:
            if not base.__module__.startswith(("torch.", "builtins")):
                yield from _held({key: value for key, value in vars(base).items() if key not in _OF_CLASSES}, told)


def _held(values: Mapping[str, Any], told: set[Any]) -> Iterator[str]:
    for name, value in values.items():
        called = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if isinstance(called, FunctionType):
            yield from _code(called, told)
        elif isinstance(value, Tensor):
            yield f"{name} {_digest('', {name: value})}"
        elif name not in _OF_MODULES:
            yield f"{name}={value!r}"


def _code(function: FunctionType, told: set[Any]) -> Iterator[str]:
    """Tell the code of a function, and of the functions of its own file that it calls."""
    if function in told:
        return
    told.add(function)
    yield f"{function.__qualname__} {function.__defaults__} {function.__kwdefaults__}"
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        plain = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
        yield f"{code.co_code.hex()} {plain} {code.co_names}"
        for name in code.co_names:
            called = function.__globals__.get(name)
            if isinstance(called, FunctionType) and called.__module__ == function.__module__:
                yield from _code(called, told)
            elif isinstance(called, str | int | float | bool):
                yield f"{name}={called}"


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
