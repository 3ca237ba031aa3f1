"""Controls: maps that know nothing of the model. A method that does not beat them explains nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import method


def uniform(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Give every cell of ``(S, h, w)`` the same value."""
    return np.ones(shape, np.float32)


def random(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Draw every cell of ``(S, h, w)`` on its own."""
    return np.random.default_rng([seed, 1]).random(shape, np.float32)


def random_smooth(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Draw soft blobs: noise averaged three times over neighbouring slices, rows and columns of ``(S, h, w)``."""
    maps = np.random.default_rng([seed, 2]).random(shape, np.float32)
    for axis in range(3):
        for _ in range(3):
            padded = np.pad(maps, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
            maps = sum(np.take(padded, np.arange(n, n + shape[axis]), axis) for n in range(3)) / np.float32(3)
    return maps - maps.min()


def center(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Fall off from the middle of the frame as a Gaussian of a quarter of its size, the same in every slice."""
    _, height, width = shape
    y = (np.arange(height) + 0.5) / height - 0.5
    x = (np.arange(width) + 0.5) / width - 0.5
    prior = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.25**2))
    return np.broadcast_to(prior, shape).astype(np.float32)


def motion_energy(frames: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Mean absolute difference to the sampled frames before and after.

    Parameters
    ----------
    frames
        ``(T, H, W, 3)``, the sampled frames as the model sees them, cropped. What `H` and `W` exceed a multiple of the
        grid by belongs to no cell.
    shape
        ``(S, h, w)``.
    """
    grey = frames.astype(np.float32).mean(axis=-1)
    step = np.abs(np.diff(grey, axis=0))
    before, after = np.concatenate([step[:1], step]), np.concatenate([step, step[-1:]])
    slices, height, width = shape
    rows, columns = grey.shape[1] // height, grey.shape[2] // width
    cells = ((before + after) / 2)[:, : height * rows, : width * columns].reshape(
        slices, len(grey) // slices, height, rows, width, columns
    )
    return cells.mean(axis=(1, 3, 5))


@method("uniform", group="control", class_specific=False, needs_model=True)
def _uniform(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: give every cell the same value."""
    return uniform(inputs.shape)


@method("random", group="control", class_specific=False, needs_model=True)
def _random(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: draw every cell at random."""
    return random(inputs.shape, inputs.seed)


@method("random_smooth", group="control", class_specific=False, needs_model=True)
def _random_smooth(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: draw soft blobs at random."""
    return random_smooth(inputs.shape, inputs.seed)


@method("center", group="control", class_specific=False, needs_model=True)
def _center(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: point at the middle of the frame, always."""
    return center(inputs.shape)


@method("motion_energy", group="control", class_specific=False, needs_model=True)
def _motion_energy(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: point at whatever moves, without asking the model."""
    return motion_energy(inputs.pixels.permute(0, 2, 3, 1).numpy(), inputs.shape)
