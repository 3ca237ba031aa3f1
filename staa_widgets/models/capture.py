"""Capture the attention of one forward pass without changing the model.

Every change to the model is made by a context manager, which undoes it when it closes, on exceptions too. Attention
weights are recomputed from queries and keys, and only the weights that are needed. The model computes with the
attention implementation that it is configured to use; TimeSformer, which has only an eager implementation, computes
with sdpa.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig

from staa_widgets.errors import ForkedProcessError, ModelError, ParameterError, UnsupportedModelError, WrongInputError
from staa_widgets.models.family import CaptureCallback, Family, release_captured
from staa_widgets.models.heads import SplitHead, split_logit
from staa_widgets.models.video_model import VideoModel
from staa_widgets.models.wrap import WrappedModel
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target, check_target
from staa_widgets.utils.fork import begin_computation, renew_in_forked_child

_LOCKS: dict[int, threading.RLock] = {}
_LOCKS_GUARD = threading.Lock()
_CALLBACKS: dict[tuple[int, nn.Module], CaptureCallback] = {}
"""Capture callbacks by thread and attention module. Passes in other threads are ignored."""


def record(model: VideoModel, pixels: Tensor, needs: Needs, targets: Sequence[Target | None]) -> list[Record]:
    """Run clips through the model once and record its attention.

    Parameters
    ----------
    model
        The model to run. Its forwards, hooks, mode and gradients are left exactly as they were.
    pixels
        ``(B, T, 3, H, W)``, the model's input.
    needs
        Quantities to record. Gradients cost one backward pass.
    targets
        Target to explain for each clip, a class, a difference or a function; ``None`` for the predicted class.

    Returns
    -------
    list[Record]
        One record for each clip. A record does not depend on the other clips of the call.

    Raises
    ------
    WrongInputError
        If the pixels have the wrong shape, or the logits are not finite. With another number of frames, TimeSformer
        would run but mix frames with patches.
    ParameterError
        If the number of targets is wrong, or a target is no class of the model.
    UnsupportedModelError
        If attention cannot be captured, because the model is compiled in place or computes attention in an unknown way.
    UnsupportedRequestError
        If attention is needed, but the model has none that can be read.
    """
    _check_inputs(model, pixels, targets)
    family = model.family
    with (
        model_lock(model.module),
        torch.inference_mode(mode=False),
        torch.set_grad_enabled(needs.backward),
        evaluation_mode(model.module),
    ):
        reader = family.make_reader(model.module, model.geometry, needs)
        if model.splits_logit:
            reader.classifier = SplitHead(reader.classifier)
        if reader.captures:
            _refuse_compiled(model.module)
        inputs = pixels.detach().to(model.device, model.dtype, copy=True).requires_grad_(needs.backward)
        not_called = set(reader.captures)
        full_precision = partial(torch.autocast, model.device.type, enabled=False)
        captures = {
            module: partial(_note_and_capture, not_called, module, full_precision()(callback))
            for module, callback in reader.captures.items()
        }
        with (
            _capture_attention(family, captures),
            _patched_methods(family.replacements(model.module, reader)),
            _forward_pre_hook(reader.norm, full_precision()(reader.capture_readout)),
        ):
            output = model.module(
                **{model.geometry.input_name: inputs},
                output_attentions=False,
                output_hidden_states=False,
                return_dict=True,
            )
        if not_called:
            raise UnsupportedModelError(
                f"Could not capture the attention of {len(not_called)} of {len(captures)} attention modules: "
                f"{_class_names(not_called)}.",
                "Other code runs in their place: load the model again without changing it.",
            )
        logits = _class_logits(model, output.logits)
        if not output.logits.isfinite().all():
            raise WrongInputError(
                "The model's logits are not finite.",
                "Check the pixels and the weights, or use dtype='float32'.",
            )
        with full_precision():
            records = reader.records(logits.float(), targets)
        release_captured(reader)
        return records


@contextmanager
def open_classifier(model: VideoModel) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield a function that classifies pixels: from ``(n, T, 3, H, W)`` to float32 logits ``(n, K)``.

    If gradients are enabled, they reach the pixels, but never the model's own parameters. The model is locked and in
    evaluation mode until the context closes; then its former mode is restored.
    """

    def classify(pixels: Tensor) -> Tensor:
        _check_inputs(model, pixels, [None] * len(pixels))
        inputs = pixels.to(model.device, model.dtype)
        try:
            logits = model.prediction_module(**{model.geometry.input_name: inputs}, return_dict=True).logits
        except Exception as error:
            if not (model.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))):
                raise
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"The model cannot be compiled: {reason}", "Load it with compile=False.") from error
        logits = _class_logits(model, logits)
        return logits.float().reshape(len(pixels), -1, logits.shape[-1]).mean(1)

    with model_lock(model.module), evaluation_mode(model.module), torch.inference_mode(mode=False):
        yield classify


def _check_inputs(model: VideoModel, pixels: Tensor, targets: Sequence[Target | None]) -> None:
    if model.device.type == "cuda" and torch.cuda._is_in_bad_fork():
        raise ForkedProcessError(
            "This process was forked from a process that had used CUDA.",
            "Start processes with multiprocessing.get_context('spawn').",
        )
    geometry = model.geometry
    height, width = geometry.input_size
    if pixels.ndim != 5 or pixels.shape[2] != 3:
        raise WrongInputError(
            f"Pixels must have shape (clips, frames, 3, height, width), got {tuple(pixels.shape)}.",
            "Stack the output of VideoModel.pixels for each clip.",
        )
    if pixels.shape[1] != geometry.frames:
        raise WrongInputError(
            f"The model expects {geometry.frames} frames, got {pixels.shape[1]}.",
            f"Sample {geometry.frames} frames from the clip.",
        )
    if pixels.shape[3:] != (height, width):
        raise WrongInputError(
            f"The model expects frames of {width}x{height} pixels, got {pixels.shape[4]}x{pixels.shape[3]}.",
            "Use VideoModel.pixels, or pass load_model a processor with this output size.",
        )
    if len(targets) != len(pixels):
        raise ParameterError(f"Got {len(pixels)} clips but {len(targets)} targets.", "Give one target for each clip.")
    for target in targets:
        check_target(target, len(model.labels))


def _class_logits(model: VideoModel, logits: Tensor) -> Tensor:
    """Return one logit for each label; raise if the model gives another number."""
    if model.splits_logit and logits.shape[-1] == 1:
        logits = split_logit(logits)
    if logits.shape[-1] != len(model.labels):
        raise ModelError(
            f"The model has {logits.shape[-1]} logits, but {len(model.labels)} labels.",
            "Give id2label of its configuration one label for each class.",
        )
    return logits


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Run a module in evaluation mode, then restore the mode of every submodule."""
    modes = [(submodule, submodule.training) for submodule in module.modules()]
    if any(training for _, training in modes):  # Setting the mode of every submodule takes long for a small model.
        module.eval()
    try:
        yield
    finally:
        for submodule, training in modes:
            if submodule.training != training:
                submodule.training = training


def _capture_attention(family: Family, captures: Mapping[nn.Module, CaptureCallback]) -> AbstractContextManager[None]:
    """Call the callback of each attention module with the tensors that pass through it."""
    if family.attention_forward is None:
        return _capture_by_interface(captures)
    return _patched_methods(
        {
            (module, "forward"): partial(family.attention_forward, module, callback)
            for module, callback in captures.items()
        }
    )


@contextmanager
def _capture_by_interface(captures: Mapping[nn.Module, CaptureCallback]) -> Iterator[None]:
    """Capture through transformers' `AttentionInterface`; the configured implementation still computes the output."""
    callbacks = {(threading.get_ident(), module): callback for module, callback in captures.items()}
    configs: list[Any] = list({id(module.config): module.config for module in captures}.values())
    implementations = [config._attn_implementation for config in configs]
    for implementation in implementations:
        _find_implementation(implementation, None)
    _CALLBACKS.update(callbacks)
    try:
        for config, implementation in zip(configs, implementations, strict=True):
            name = f"staa_widgets over {implementation}"
            AttentionInterface.register(name, partial(_attend_and_capture, implementation))
            config._attn_implementation = name
        yield
    finally:
        for config, implementation in zip(configs, implementations, strict=True):
            config._attn_implementation = implementation
        for key in callbacks:
            _CALLBACKS.pop(key, None)


def _attend_and_capture(
    implementation: str,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    **settings: Any,
) -> Any:
    """Compute attention by the named implementation, and call the module's callback."""
    compute = _find_implementation(implementation, sys.modules[type(module).__module__].eager_attention_forward)
    output = compute(module, query, key, value, mask, **settings)
    callback = _CALLBACKS.get((threading.get_ident(), module))
    if callback is not None:
        with torch.no_grad():
            callback(query, key, value, output[0], settings["scaling"])
    return output


def _find_implementation(name: str | None, eager: Any) -> Any:
    """Find an implementation of attention by its name in a configuration."""
    if name in (None, "eager"):
        return eager
    try:
        return AttentionInterface()[name]
    except KeyError:
        raise UnsupportedModelError(
            f"transformers has no attention implementation {name!r}.",
            "Choose another one, for example with module.set_attn_implementation('sdpa').",
        ) from None


def _refuse_compiled(module: nn.Module) -> None:
    """Raise if a submodule was compiled in place: compiled code runs without calling the callbacks."""
    compiled = {part for part in module.modules() if part._compiled_call_impl is not None or hasattr(part, "_orig_mod")}
    if compiled:
        raise UnsupportedModelError(
            f"{_class_names(compiled)} was compiled in place, so its attention cannot be captured.",
            "Load the model again; load_model(…, compile=True) compiles the passes that allow it.",
        )


def _note_and_capture(
    not_called: set[nn.Module], module: nn.Module, callback: CaptureCallback, *captured: Any
) -> Tensor | None:
    """Call a module's callback, and note that it was called."""
    not_called.discard(module)
    return callback(*captured)


def _class_names(parts: Iterable[nn.Module]) -> str:
    return ", ".join(sorted({type(part).__name__ for part in parts}))


@contextmanager
def _patched_methods(methods: Mapping[tuple[nn.Module, str], Callable[..., Any]]) -> Iterator[None]:
    """Replace methods of modules, for this thread only."""
    original_attributes = {(module, name): vars(module).get(name) for module, name in methods}
    this_thread = threading.get_ident()

    def choose(replacement: Callable[..., Any], original: Callable[..., Any], *inputs: Any, **settings: Any) -> Any:
        return (replacement if threading.get_ident() == this_thread else original)(*inputs, **settings)

    try:
        for (module, name), method in methods.items():
            setattr(module, name, partial(choose, method, getattr(module, name)))
        yield
    finally:
        for (module, name), method in original_attributes.items():
            if method is not None:
                setattr(module, name, method)
            else:
                vars(module).pop(name, None)


def _forward_pre_hook(module: nn.Module | None, callback: Callable[[Tensor], None]) -> AbstractContextManager[object]:
    """Call `callback` with the input of each forward pass of a module."""
    # The handle removes the hook when the context closes.
    return module.register_forward_pre_hook(lambda _, inputs: callback(inputs[0])) if module else nullcontext()


def model_lock(module: nn.Module) -> threading.RLock:
    """Return the lock shared by all models made from one configuration object."""
    if isinstance(module, WrappedModel) and isinstance(module.inner, nn.Module):
        module = module.inner
    config = getattr(module, "config", None)
    # On modules that are not from transformers, the attribute `config` may hold anything.
    owner = config if isinstance(config, PreTrainedConfig) else module
    begin_computation()
    with _LOCKS_GUARD:
        if id(owner) not in _LOCKS:
            _LOCKS[id(owner)] = threading.RLock()
            weakref.finalize(owner, _LOCKS.pop, id(owner), None)
        return _LOCKS[id(owner)]


def _renew_locks() -> bool:
    global _LOCKS_GUARD
    were_held = not all(lock.acquire(blocking=False) for lock in (_LOCKS_GUARD, *_LOCKS.values()))
    _LOCKS_GUARD = threading.Lock()
    _LOCKS.update({key: threading.RLock() for key in _LOCKS})
    _CALLBACKS.clear()
    # The threads in which torch computes were not copied, and it would wait for them.
    torch.set_num_threads(1)
    return were_held


renew_in_forked_child(_renew_locks)
