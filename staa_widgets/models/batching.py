"""Choose batch sizes that fit the memory of a device, and halve them when memory runs out."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from staa_widgets.errors import DeviceMemoryError
from staa_widgets.models.attention.query_sampling import count_tokens
from staa_widgets.models.family import release_captured
from staa_widgets.models.video_model import VideoModel
from staa_widgets.records.record import Needs

Result = TypeVar("Result")
_NO_NEEDS = Needs()

MAX_BATCH = 8
"""Maximum number of inputs per pass on a CPU: larger batches are no faster."""

CPU_MEMORY = 500_000_000
"""Approximate number of bytes that the activations of one pass on a CPU may take."""

MAX_BATCH_ACCELERATOR = 64
"""Maximum number of inputs per pass on an accelerator."""

ACCELERATOR_MEMORY_SHARE = 0.4
"""Share of an accelerator's free memory that the activations of one pass may take."""

# Messages of allocators that raise no error class of their own: CPU (two wordings), mps, cuBLAS and others.
_OUT_OF_MEMORY_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
_proven_limits: WeakKeyDictionary[nn.Module, dict[bool, int]] = WeakKeyDictionary()


def max_batch_size(model: VideoModel, *, needs: Needs = _NO_NEEDS, backward: bool = False) -> int:
    """Return how many inputs a pass can take such that the activations fit into the device's memory.

    Parameters
    ----------
    model
        Model whose layers are counted.
    needs
        Recorded quantities: rollout through joint attention stores queries and keys of every layer until the end of
        the pass.
    backward
        Whether a backward pass follows, for which the activations of all layers are stored at once.

    Returns
    -------
    int
        1 to `MAX_BATCH`, or to `MAX_BATCH_ACCELERATOR` on an accelerator; never more than the size that fit in
        `run_within_memory`.
    """
    layout, config = model.geometry, getattr(model.module, "config", None)
    tokens = count_tokens(layout)
    width, layers = getattr(config, "hidden_size", 768), getattr(config, "num_hidden_layers", 12)
    backward = backward or needs.backward
    # About twelve arrays as wide as the tokens are in memory at once: queries, keys, values, feed-forward, residuals.
    arrays = 12 * layers if backward else 12
    if needs.rollout and not backward and samples_queries(model):
        arrays += 2 * layers
    # Attention is recorded in float32 for models of any dtype.
    bytes_per_input = 4 * tokens * width * arrays
    free_bytes = _free_memory(model.device)
    if free_bytes is None:
        memory, maximum = CPU_MEMORY, MAX_BATCH
    else:
        memory, maximum = ACCELERATOR_MEMORY_SHARE * free_bytes, MAX_BATCH_ACCELERATOR
    return min(int(np.clip(memory // bytes_per_input, 1, maximum)), _proven_limit(model, backward=backward))


def samples_queries(model: VideoModel) -> bool:
    """Return whether records of a model come from sampled queries, as they do for joint attention over many tokens."""
    reader = model.family.make_reader(model.module, model.geometry, _NO_NEEDS)
    samples = reader.samples_queries
    release_captured(reader)
    return samples


def run_within_memory(
    model: VideoModel,
    use: Callable[[int], Result],
    *,
    needs: Needs = _NO_NEEDS,
    backward: bool = False,
    max_size: int | None = None,
    count: int | None = None,
) -> Result:
    """Call a function with a batch size, and halve the size until memory is sufficient; return the result.

    The batch size that fits is remembered for this model as long as the process runs.

    Parameters
    ----------
    model
        The model that the function runs.
    use
        Called with the batch size.
    needs, backward
        As for `max_batch_size`; batch sizes with and without a backward pass are remembered separately.
    max_size
        Upper bound; default: `max_batch_size`.
    count
        Number of inputs.

    Raises
    ------
    DeviceMemoryError
        If even a single input does not fit.
    """
    backward = backward or needs.backward
    bound = max_size or max_batch_size(model, needs=needs, backward=backward)
    previous_limit = _proven_limit(model, backward=backward)
    while True:
        size = min(bound, count or bound, _proven_limit(model, backward=backward))
        try:
            return use(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # If not even one input fits, other programs may use the memory; then the failure says nothing about batch
            # sizes.
            _proven_limits.setdefault(model.module, {})[backward] = size // 2 or previous_limit
        # Outside the except block, because there the error and the tensors that its stack frames reference are gone.
        _release_memory(model.device)
        if size == 1:
            raise DeviceMemoryError(
                f"A single window of {model.id!r} does not fit into the memory of {model.device}.",
                "Free memory, use a smaller model or dtype='bfloat16', or load the model with device='cpu'.",
            )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out: not every allocator of torch has its own class of errors."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error).lower() for message in _OUT_OF_MEMORY_MESSAGES)


def _proven_limit(model: VideoModel, *, backward: bool) -> int:
    return _proven_limits.get(model.module, {}).get(backward, 1 << 30)


def _free_memory(device: torch.device) -> int | None:
    """Return the free bytes of an accelerator; ``None`` for a CPU, and for accelerators that do not report it."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def trim_heap() -> None:
    """Return unused memory to the system.

    glibc keeps free memory below the last block in use. Passes leave holes of many sizes, so that over hours of video
    the process grows. Other C libraries have no call for this.
    """
    malloc_trim = _find_malloc_trim()
    if malloc_trim is not None:
        malloc_trim(0)


@cache
def _find_malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def _release_memory(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
