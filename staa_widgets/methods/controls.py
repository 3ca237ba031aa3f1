"""Controls: maps made without the model. A method that does not beat them explains nothing."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.records.record import Needs

FREQUENCY_FILE = Path(__file__).with_name("slot_frequency.json")
"""Share of the training clips in which each cell is part of the action, by kind; `training/frequency.py` writes it."""

BELL_WIDTH = 1.5 / 8
"""Standard deviation of the bell in time, as a share of the clip: with 8 slices, 1.5 slices."""


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


def bell(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a Gaussian around the middle of the clip's time, the same in every place."""
    slices = shape[0]
    time = (np.arange(slices) + 0.5) / slices - 0.5
    prior = np.exp(-(time**2) / (2 * BELL_WIDTH**2))
    return np.broadcast_to(prior[:, None, None], shape).astype(np.float32)


def center_bell(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return `center` times `bell`: a Gaussian around the middle of space and time."""
    return center(shape) * bell(shape)


def slot_frequency(shape: tuple[int, int, int], kind: str = "anywhere") -> NDArray[np.float32]:
    """Return the share of training clips in which each cell belongs to the action.

    It is the strongest map that does not depend on the clip.

    Parameters
    ----------
    shape
        ``(S, h, w)``; for other grids than that of the table, its mean over the area of each cell.
    kind
        Kind of the training clips: ``"anywhere"``, or ``"middle"`` for those of earlier models.

    Raises
    ------
    ParameterError
        If there is no table of this kind.
    """
    tables = _read_frequencies()
    if not isinstance(kind, str) or kind not in tables:
        raise ParameterError(
            f"There is no table of frequencies for kind {kind!r}.", f"Choose from {', '.join(tables)}."
        )
    table = tables[kind]
    for axis, count in enumerate(shape):
        table = _mean_over_cells(table, axis, count)
    return table.astype(np.float32)


@cache
def _read_frequencies() -> dict[str, NDArray[np.floating]]:
    document = json.loads(FREQUENCY_FILE.read_text())
    return {name: np.array(table) for name, table in document.items() if isinstance(table, list)}


def _mean_over_cells(table: NDArray[np.floating], axis: int, count: int) -> NDArray[np.floating]:
    """Return the means of `table`, taken as a step function along `axis`, over `count` cells of equal length."""
    table = np.moveaxis(table, axis, 0)
    sums = np.concatenate([np.zeros((1, *table.shape[1:])), table.cumsum(axis=0)])
    edges = np.linspace(0, len(table), count + 1)
    below = np.minimum(edges.astype(int), len(table) - 1)
    share = (edges - below).reshape(-1, *[1] * (table.ndim - 1))
    at_edges = sums[below] + share * table[below]
    return np.moveaxis(np.diff(at_edges, axis=0) * count / len(table), 0, axis)


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


@method("random_smooth", title="Smooth random", group="control", class_specific=False, needs_model=True)
def _random_smooth(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: random smooth blobs."""
    return random_smooth(inputs.shape, inputs.seed)


@method("center", group="control", class_specific=False, needs_model=True)
def _center(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: a Gaussian at the center of the frame, the same for every clip."""
    return center(inputs.shape)


@method("bell", title="Middle of time", group="control", class_specific=False, needs_model=True)
def _bell(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: a Gaussian at the middle of the clip's time, the same for every clip."""
    return bell(inputs.shape)


@method("center_bell", title="Center and middle", group="control", class_specific=False, needs_model=True)
def _center_bell(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: a Gaussian at the center of the frame and the middle of time, the same for every clip."""
    return center_bell(inputs.shape)


def _frequency_needs(kind: str) -> Needs:
    slot_frequency((1, 1, 1), kind)
    return Needs()


@method(
    "slot_frequency",
    title="Usual place",
    group="control",
    class_specific=False,
    needs_model=True,
    needs=_frequency_needs,
)
def _slot_frequency(inputs: MethodInputs, *, kind: str = "anywhere") -> NDArray[np.float32]:
    """Control: the share of training clips in which each cell belongs to the action, the same for every clip."""
    return slot_frequency(inputs.shape, kind)


@method("motion_energy", group="control", class_specific=False, needs_model=True)
def _motion_energy(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: motion energy (frame differences), computed without the model."""
    return motion_energy(inputs.pixels.permute(0, 2, 3, 1).numpy(), inputs.shape)


@method(
    "other_clip",
    title="STAA of another clip",
    group="control",
    reads_attention=True,
    class_specific=False,
    needs_model=True,
    cost=Cost(2),
)
def _other_clip(inputs: MethodInputs) -> NDArray[np.float32]:
    """Control: the map of `staa` for another clip, a synthetic one that the seed chooses."""
    if inputs.other_clip_maps is None:
        raise UnsupportedRequestError("These inputs have no maps of another clip.", "Choose another control.")
    return inputs.other_clip_maps()
