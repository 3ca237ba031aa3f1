"""Controls: maps made without the model. A method that does not beat them explains nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import method


def uniform(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return maps ``(S, h, w)`` in which every cell has the same value."""
    return np.ones(shape, np.float32)


def random(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Return maps ``(S, h, w)`` of independent random values."""
    return np.random.default_rng([seed, 1]).random(shape, np.float32)


def random_smooth(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Return random soft blobs: noise averaged three times over neighboring slices, rows and columns: ``(S, h, w)``."""
    maps = np.random.default_rng([seed, 2]).random(shape, np.float32)
    for axis in range(3):
        for _ in range(3):
            padded = np.pad(maps, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
            maps = sum(np.take(padded, np.arange(n, n + shape[axis]), axis) for n in range(3)) / np.float32(3)
    return maps - maps.min()


def center(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a Gaussian around the frame's center, a quarter of its size wide, the same in every slice."""
    _, height, width = shape
    y = (np.arange(height) + 0.5) / height - 0.5
    x = (np.arange(width) + 0.5) / width - 0.5
    prior = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.25**2))
    return np.broadcast_to(prior, shape).astype(np.float32)


def motion_energy(frames: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the mean absolute difference to the sampled frames before and after: ``(S, h, w)``.

    Parameters
    ----------
    frames
        ``(T, H, W, 3)``, the sampled frames as the model sees them, cropped. Rows and columns of pixels beyond a
        multiple of the grid belong to no cell.
    shape
        ``(S, h, w)``.
    """
    gray = frames.astype(np.float32).mean(axis=-1)
    differences = np.abs(np.diff(gray, axis=0))
    to_previous = np.concatenate([differences[:1], differences])
    to_next = np.concatenate([differences, differences[-1:]])
    slices, height, width = shape
    rows, columns = gray.shape[1] // height, gray.shape[2] // width
    cells = ((to_previous + to_next) / 2)[:, : height * rows, : width * columns].reshape(
        slices, len(gray) // slices, height, rows, width, columns
    )
    return cells.mean(axis=(1, 3, 5))


@method("uniform", group="control", class_specific=False, needs_model=True)
def _uniform(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: the same value in every cell."""
    return uniform(inputs.shape)


@method("random", group="control", class_specific=False, needs_model=True)
def _random(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: an independent random value in every cell."""
    return random(inputs.shape, inputs.seed)


@method("random_smooth", group="control", class_specific=False, needs_model=True)
def _random_smooth(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: random smooth blobs."""
    return random_smooth(inputs.shape, inputs.seed)


@method("center", group="control", class_specific=False, needs_model=True)
def _center(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: a Gaussian at the center of the frame, the same for every clip."""
    return center(inputs.shape)


@method("motion_energy", group="control", class_specific=False, needs_model=True)
def _motion_energy(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: motion energy (frame differences), computed without the model."""
    return motion_energy(inputs.pixels.permute(0, 2, 3, 1).numpy(), inputs.shape)
