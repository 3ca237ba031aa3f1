"""Settings of STEP and of extremal perturbations: presets, scaled to the model's frames and token grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import get_filler
from staa_widgets.methods.validation import check_flag, check_whole_number
from staa_widgets.records.geometry import Geometry
from staa_widgets.utils.registry import look_up

FRAME_SIDE = 112
"""Side of the frames in pixels for which the authors chose the lengths below; other frames scale them."""

SIGMA, BLUR, FINAL_BLUR, CORE_SIDE = 11, 20, 10, 11
"""In pixels: smoothing of the masks, strongest blur of the clip, blur of the maps, side of the core."""

MAX_TOKEN_GRID = 16
"""Maximum number of cells along the shorter side where masks follow the token grid."""

SHORT_CLIP = 8
"""Maximum number of frames of a clip for which a preset has areas of their own."""


@dataclass(frozen=True)
class Schedule:
    """Step size, and the weights of the losses over the steps.

    Parameters
    ----------
    rate
        Step size.
    area_weight, area_growth
        Weight of the area loss in the first step, and the factor by which it grows in each step.
    core_weight, core_start
        Weight of the core loss, and the first step in which it counts. Steps are numbered from 0.
    """

    rate: float
    area_weight: float
    area_growth: float
    core_weight: float
    core_start: int


@dataclass(frozen=True)
class Preset:
    """Defaults that belong together.

    Parameters
    ----------
    areas, short_areas
        Areas of the masks; those for clips of up to `SHORT_CLIP` frames.
    steps
        Number of steps.
    grid
        Number of cells along the frame's shorter side; ``None`` for the token grid.
    schedule
        Step size and weights.
    rate_cells
        Number of cells of a whole clip for which `schedule` has the right step size. The losses are means, so that the
        gradient of a cell falls with the number of cells; the step size grows with it. ``None`` for a fixed step size.
    """

    areas: tuple[float, ...]
    short_areas: tuple[float, ...]
    steps: int
    grid: int | None
    schedule: Schedule
    rate_cells: int | None = None


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        areas=(0.05, 0.1),
        short_areas=(0.05, 0.1),
        steps=40,
        grid=None,
        schedule=Schedule(rate=0.2, area_weight=100, area_growth=1.02, core_weight=300, core_start=15),
        rate_cells=8 * 8 * 8,
    ),
    "full": Preset(
        areas=(0.05, 0.1, 0.15, 0.5),
        short_areas=(0.05, 0.1, 0.15, 0.3),
        steps=1200,
        grid=16,
        schedule=Schedule(rate=0.05, area_weight=300, area_growth=1.0008668, core_weight=300, core_start=101),
    ),
}
"""By name: ``"quick"``, chosen on the bundled models, and ``"full"``, as the authors published it."""


@dataclass(frozen=True)
class StepSettings:
    """All numbers of one optimization; lengths in pixels.

    Parameters
    ----------
    areas
        Share of the canvas's voxels that each mask should cover, increasing.
    steps
        Number of steps.
    cell
        Side of a cell.
    sigma
        Smoothing of the masks.
    blur, final_blur
        Standard deviation of the strongest blur of the clip, and of the blur of the maps.
    core_frames, core_side
        Size of the core in frames and pixels.
    schedule
        Step size and weights.
    """

    areas: tuple[float, ...]
    steps: int
    cell: int
    sigma: float
    blur: float
    final_blur: float
    core_frames: int
    core_side: int
    schedule: Schedule


def resolve_settings(
    geometry: Geometry, preset: str, areas: Sequence[float] | None, steps: int | None, grid: int | None
) -> StepSettings:
    """Return the settings of a preset for a model, with the values that replace those of the preset."""
    chosen = PRESETS[preset]
    height, width = geometry.input_size
    side = min(height, width)
    scale = side / FRAME_SIDE
    tokens = geometry.height if height <= width else geometry.width
    cell = ceil(side / (grid or chosen.grid or min(MAX_TOKEN_GRID, tokens)))
    schedule = chosen.schedule
    if chosen.rate_cells is not None:
        cells = geometry.frames * ceil(height / cell) * ceil(width / cell)
        schedule = Schedule(**{**vars(schedule), "rate": schedule.rate * cells / chosen.rate_cells})
    return StepSettings(
        areas=choose_areas(preset, areas, geometry.frames),
        steps=steps or chosen.steps,
        cell=cell,
        sigma=SIGMA * scale,
        blur=BLUR * scale,
        final_blur=FINAL_BLUR * scale,
        core_frames=min(geometry.frames, max(3, geometry.frames // 2)),
        core_side=min(side, max(3, round(CORE_SIDE * scale))),
        schedule=schedule,
    )


def choose_areas(preset: str, areas: Sequence[float] | None, frames: int) -> tuple[float, ...]:
    """Return the areas of the masks of clips of `frames` frames, increasing: the given ones, or those of the preset."""
    if areas is not None:
        return tuple(sorted(map(float, areas)))
    return PRESETS[preset].short_areas if frames <= SHORT_CLIP else PRESETS[preset].areas


def check_settings(
    *, preset: str, areas: Any, steps: Any, grid: Any, filler: str, force: Any, core: Any = True
) -> None:
    """Refuse invalid parameters of `step` and `extremal`; raises `ParameterError`."""
    look_up("preset", preset, PRESETS)
    get_filler(filler)
    for name, number in (("steps", steps), ("grid", grid)):
        if number is not None:
            check_whole_number(name, number)
    for name, flag in (("core", core), ("force", force)):
        check_flag(name, flag)
    if areas is not None:
        _check_areas(areas)


def _check_areas(areas: Any) -> None:
    is_list = isinstance(areas, Sequence) and not isinstance(areas, str) and len(areas) > 0
    if not is_list or not all(_is_share(area) for area in areas) or len(set(areas)) < len(areas):
        raise ParameterError(
            f"areas must be different shares between 0 and 1, got {areas!r}.",
            "Give a list of shares of the clip, such as (0.05, 0.1).",
        )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
