"""How many inputs a model is given at once: what its device holds, and less once that has proved too much."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from staa_widgets.errors import DeviceMemoryError

if TYPE_CHECKING:
    from torch import device, nn

    from staa_widgets.models import VideoModel

T = TypeVar("T")

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


def passes_at_once(model: VideoModel, *, backwards: bool = False) -> int:
    """Say how many inputs a pass may take for its activations to stay within what the device has.

    Parameters
    ----------
    model
        Whose layers are counted.
    backwards
        Whether gradients are asked for, for which the activations of every layer are held at once.

    Returns
    -------
    int
        1 to `MOST`, or to `MOST_DEVICE` on an accelerator; never more than `within_memory` has found to fit.
    """
    grid, config = model.geometry, getattr(model.module, "config", None)
    tokens = grid.prefix + grid.slices * grid.height * grid.width
    width = getattr(config, "hidden_size", 768)
    held = getattr(config, "num_hidden_layers", 12) if backwards else 1
    # About twelve arrays as wide as the tokens live at once: queries, keys, values, what feeds forward, residuals.
    # Attention is recorded in float32 whatever the model computes in.
    each = 12 * 4 * tokens * width * held
    free = _free(model.device)
    memory, most = (MEMORY, MOST) if free is None else (SHARE * free, MOST_DEVICE)
    return min(int(np.clip(memory // each, 1, most)), _limit(model, backwards=backwards))


def within_memory(
    model: VideoModel,
    use: Callable[[int], T],
    *,
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
    backwards
        Whether gradients are asked for; remembered apart.
    most
        Upper bound, by default that of `passes_at_once`.
    count
        How many inputs there are.

    Raises
    ------
    DeviceMemoryError
        If one input is too much.
    """
    bound = most or passes_at_once(model, backwards=backwards)
    before = _limit(model, backwards=backwards)
    while True:
        size = min(bound, count or bound, _limit(model, backwards=backwards))
        try:
            return use(size)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if size == 1:
                # Where not even one fits, others may hold the memory: that says nothing of batches.
                _proved.setdefault(model.module, {})[backwards] = before
                raise DeviceMemoryError(
                    f"One window of {model.id!r} does not fit the memory of {model.device}.",
                    "Free some, use a smaller model or dtype='bfloat16', or load it with device='cpu'.",
                ) from error
            _proved.setdefault(model.module, {})[backwards] = size // 2
        # Out here the error is gone, and with it all that its frames kept alive.
        _release(model.device)


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


def _release(place: device) -> None:
    import torch

    gc.collect()
    if place.type == "cuda":
        torch.cuda.empty_cache()
    elif place.type == "mps":
        torch.mps.empty_cache()
