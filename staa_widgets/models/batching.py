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

T = TypeVar("T")
_NOTHING = Needs()

MOST = 8
"""Inputs a pass at most: more makes a CPU no faster."""

MEMORY = 500_000_000
"""Bytes that the activations of one pass on a CPU may take, roughly."""

MOST_DEVICE = 64
"""Inputs a pass at most on an accelerator."""

SHARE = 0.4
"""Part of an accelerator's free memory that the activations of one pass may take."""

# Allocators that raise no error of their own: CPU (two wordings), mps, cuBLAS and others.
_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
_proved: WeakKeyDictionary[nn.Module, dict[bool, int]] = WeakKeyDictionary()


def passes_at_once(model: VideoModel, *, needs: Needs = _NOTHING, backwards: bool = False) -> int:
    """Say how many inputs a pass may take for its activations to stay within what the device has.

    Parameters
    ----------
    model
        Whose layers are counted.
    needs
        What is recorded: rollout through joint attention holds queries and keys of every layer to the end.
    backwards
        Whether gradients are asked for besides, for which the activations of every layer are held at once.

    Returns
    -------
    int
        1 to `MOST`, or to `MOST_DEVICE` on an accelerator; never more than `within_memory` has found to fit.
    """
    grid, config = model.geometry, getattr(model.module, "config", None)
    tokens = grid.prefix + grid.slices * grid.height * grid.width
    width, layers = getattr(config, "hidden_size", 768), getattr(config, "num_hidden_layers", 12)
    backwards = backwards or needs.backward
    # About twelve arrays as wide as the tokens live at once: queries, keys, values, what feeds forward, residuals.
    arrays = 12 * layers if backwards else 12
    if needs.spatial and not backwards and samples_queries(model):
        arrays += 2 * layers
    # Attention is recorded in float32 whatever the model computes in.
    each = 4 * tokens * width * arrays
    free = _free(model.device)
    memory, most = (MEMORY, MOST) if free is None else (SHARE * free, MOST_DEVICE)
    return min(int(np.clip(memory // each, 1, most)), _limit(model, backwards=backwards))


def samples_queries(model: VideoModel) -> bool:
    """Say whether some queries stand for all where it is recorded: joint attention over many tokens."""
    from staa_widgets.models import FAMILIES

    reading = FAMILIES[model.family].read(model.module, model.geometry, _NOTHING)
    found = bool(getattr(reading, "sampled", False))
    # It and what it listens with hold each other.
    vars(reading).clear()
    return found


def within_memory(
    model: VideoModel,
    use: Callable[[int], T],
    *,
    needs: Needs = _NOTHING,
    backwards: bool = False,
    most: int | None = None,
    count: int | None = None,
) -> T:
    """Call a function with the number of inputs that it may give the model at once, fewer if memory runs out.

    What proved too much is remembered for this model as long as the process runs.

    Parameters
    ----------
    model
        Who is asked.
    use
        Called with a number; called again with half of it where memory ran out.
    needs, backwards
        As for `passes_at_once`; what asks for gradients is remembered apart.
    most
        Upper bound, by default that of `passes_at_once`.
    count
        How many inputs there are.

    Raises
    ------
    DeviceMemoryError
        If one input is too much.
    """
    backwards = backwards or needs.backward
    bound = most or passes_at_once(model, needs=needs, backwards=backwards)
    before = _limit(model, backwards=backwards)
    while True:
        size = min(bound, count or bound, _limit(model, backwards=backwards))
        try:
            return use(size)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            # Where not even one fits, others may hold the memory: that says nothing of batches.
            _proved.setdefault(model.module, {})[backwards] = size // 2 or before
        # Out here the error is gone, and with it all that its frames kept alive.
        _release(model.device)
        if size == 1:
            raise DeviceMemoryError(
                f"One window of {model.id!r} does not fit the memory of {model.device}.",
                "Free some, use a smaller model or dtype='bfloat16', or load it with device='cpu'.",
            )


def out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on whatever device: not every allocator of torch raises an error of its own."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def _limit(model: VideoModel, *, backwards: bool) -> int:
    return _proved.get(model.module, {}).get(backwards, 1 << 30)


def _free(place: device) -> int | None:
    """Bytes that an accelerator has left; ``None`` for a CPU, and where it does not say."""
    import torch

    if place.type == "cuda":
        cached = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return torch.cuda.mem_get_info(place)[0] + cached
    if place.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def trim() -> None:
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


def _release(place: device) -> None:
    import torch

    gc.collect()
    if place.type == "cuda":
        torch.cuda.empty_cache()
    elif place.type == "mps":
        torch.mps.empty_cache()
