"""How many inputs a model is given at once: what its device holds, and less once that has proved too much."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from staa_widgets.errors import DeviceMemoryError
from staa_widgets.records.record import Needs

if TYPE_CHECKING:
    from torch import device, nn

    from staa_widgets.models import VideoModel

Result = TypeVar("Result")
_NO_NEEDS = Needs()

MAX_BATCH = 8
"""Inputs a pass at most: more makes a CPU no faster."""

CPU_MEMORY = 500_000_000
"""Bytes that the activations of one pass on a CPU may take, roughly."""

MAX_BATCH_ACCELERATOR = 64
"""Inputs a pass at most on an accelerator."""

ACCELERATOR_MEMORY_SHARE = 0.4
"""Part of an accelerator's free memory that the activations of one pass may take."""

# Allocators that raise no error of their own: CPU (two wordings), mps, cuBLAS and others.
_OUT_OF_MEMORY_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
_proven_limits: WeakKeyDictionary[nn.Module, dict[bool, int]] = WeakKeyDictionary()


def max_batch_size(model: VideoModel, *, needs: Needs = _NO_NEEDS, backward: bool = False) -> int:
    """Say how many inputs a pass may take for its activations to stay within what the device has.

    Parameters
    ----------
    model
        Whose layers are counted.
    needs
        What is recorded: rollout through joint attention holds queries and keys of every layer to the end.
    backward
        Whether gradients are asked for besides, for which the activations of every layer are held at once.

    Returns
    -------
    int
        1 to `MAX_BATCH`, or to `MAX_BATCH_ACCELERATOR` on an accelerator; never more than `run_within_memory` has
        found to fit.
    """
    grid, config = model.geometry, getattr(model.module, "config", None)
    tokens = grid.prefix + grid.slices * grid.height * grid.width
    width, layers = getattr(config, "hidden_size", 768), getattr(config, "num_hidden_layers", 12)
    backward = backward or needs.backward
    # About twelve arrays as wide as the tokens live at once: queries, keys, values, what feeds forward, residuals.
    arrays = 12 * layers if backward else 12
    if needs.spatial and not backward and samples_queries(model):
        arrays += 2 * layers
    # Attention is recorded in float32 whatever the model computes in.
    each = 4 * tokens * width * arrays
    free = _free_memory(model.device)
    memory, most = (CPU_MEMORY, MAX_BATCH) if free is None else (ACCELERATOR_MEMORY_SHARE * free, MAX_BATCH_ACCELERATOR)
    return min(int(np.clip(memory // each, 1, most)), _proven_limit(model, backward=backward))


def samples_queries(model: VideoModel) -> bool:
    """Say whether some queries stand for all where it is recorded: joint attention over many tokens."""
    from staa_widgets.models import FAMILIES

    reading = FAMILIES[model.family].read(model.module, model.geometry, _NO_NEEDS)
    found = bool(getattr(reading, "sampled", False))
    # It and what it listens with hold each other.
    vars(reading).clear()
    return found


def run_within_memory(
    model: VideoModel,
    use: Callable[[int], Result],
    *,
    needs: Needs = _NO_NEEDS,
    backward: bool = False,
    max_size: int | None = None,
    count: int | None = None,
) -> Result:
    """Call a function with the number of inputs that it may give the model at once, fewer if memory runs out.

    What proved too much is remembered for this model as long as the process runs.

    Parameters
    ----------
    model
        Who is asked.
    use
        Called with a number; called again with half of it where memory ran out.
    needs, backward
        As for `max_batch_size`; what asks for gradients is remembered apart.
    max_size
        Upper bound, by default that of `max_batch_size`.
    count
        How many inputs there are.

    Raises
    ------
    DeviceMemoryError
        If one input is too much.
    """
    backward = backward or needs.backward
    bound = max_size or max_batch_size(model, needs=needs, backward=backward)
    before = _proven_limit(model, backward=backward)
    while True:
        size = min(bound, count or bound, _proven_limit(model, backward=backward))
        try:
            return use(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # Where not even one fits, others may hold the memory: that says nothing of batches.
            _proven_limits.setdefault(model.module, {})[backward] = size // 2 or before
        # Out here the error is gone, and with it all that its frames kept alive.
        _release_memory(model.device)
        if size == 1:
            raise DeviceMemoryError(
                f"One window of {model.id!r} does not fit the memory of {model.device}.",
                "Free some, use a smaller model or dtype='bfloat16', or load it with device='cpu'.",
            )


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on whatever device: not every allocator of torch raises an error of its own."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _OUT_OF_MEMORY_MESSAGES)


def _proven_limit(model: VideoModel, *, backward: bool) -> int:
    return _proven_limits.get(model.module, {}).get(backward, 1 << 30)


def _free_memory(place: device) -> int | None:
    """Bytes that an accelerator has left; ``None`` for a CPU, and where it does not say."""
    import torch

    if place.type == "cuda":
        cached = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return torch.cuda.mem_get_info(place)[0] + cached
    if place.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def trim_heap() -> None:
    """Give memory that nobody uses back to the system.

    glibc keeps what lies below the last piece in use, and over hours of video that grows: passes leave holes of many
    sizes. Other C libraries have nothing to call here.
    """
    give_back = _malloc_trim()
    if give_back is not None:
        give_back(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def _release_memory(place: device) -> None:
    import torch

    gc.collect()
    if place.type == "cuda":
        torch.cuda.empty_cache()
    elif place.type == "mps":
        torch.mps.empty_cache()
