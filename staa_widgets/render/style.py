"""`HeatStyle`: the display settings of a heat map and their defaults, as a frozen value.

After changing a default, run `make settings`: the player's TypeScript reads a generated copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.render.colormaps import COLORMAPS, DIVERGING

CHOICES: Mapping[str, tuple[str, ...]] = {
    "colormap": tuple(name for name in COLORMAPS if name != DIVERGING),
    "normalize": ("clip", "frame"),
    "interpolation": ("nearest", "cubic"),
    "time_interpolation": ("hold", "linear"),
}
"""Accepted names of the settings that take a name."""

RANGES: Mapping[str, tuple[float, float]] = {
    "opacity": (0, 1),
    "threshold": (0, 1),
    "gamma": (0.05, 20),
    "smooth": (0, 5),
}
"""Least and greatest value of the settings that take a number."""


@dataclass(frozen=True)
class HeatStyle:
    """Display settings of a heat map; the names and defaults are those of the player's settings.

    Parameters
    ----------
    layer, head
        Layer whose attention is shown (-1: the maps of all layers instead), and its head (-1: the mean of all heads).
    mask
        In place of the maps, the mask with this index in `Explanation.masks` (-1: the maps).
    colormap
        Name in `COLORMAPS`. Signed maps are always drawn in the diverging colormap.
    opacity
        Opacity of the strongest cells, 0 … 1.
    threshold
        Share of the clip's cells that are hidden, the weakest first.
    gamma
        Exponent of the magnitudes.
    smooth
        Standard deviation, in slices and patches, of the Gaussian blur applied to the maps first.
    normalize
        ``"clip"``: 1 stands for the clip's maximum; ``"frame"``: 1 stands for the maximum of each frame.
    interpolation
        ``"cubic"``: smooth between the centers of patches, without changing the values there or the sum (see
        `staa_widgets.render.interpolation.interpolate`); ``"nearest"``: blocks.
    time_interpolation
        ``"hold"``: each frame shows the map of its slice; ``"linear"``: maps are blended between the mean times of the
        frames that the model saw for the slices.
    dim_outside
        Whether to darken the parts of the frame that the model did not see.
    show_ground_truth
        Whether images and movies outline the ground truth, if it is known, and mark its time in the chart.

    Raises
    ------
    ParameterError
        If a value is not allowed.
    """

    layer: int = -1
    head: int = -1
    mask: int = -1
    colormap: str = "inferno"
    opacity: float = 0.75
    threshold: float = 0.0
    gamma: float = 1.0
    smooth: float = 0.0
    normalize: str = "clip"
    interpolation: str = "cubic"
    time_interpolation: str = "hold"
    dim_outside: bool = False
    show_ground_truth: bool = True

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ParameterError(
                    f"{name} is {value!r}.", suggest_name(str(value), choices, f"Choose from {', '.join(choices)}.")
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
                raise ParameterError(f"{name} is {value!r}.", f"Use a number from {low:g} to {high:g}.")
        for name in ("layer", "head", "mask"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < -1:
                raise ParameterError(f"{name} is {value!r}.", "Use its index, counted from 0, or -1.")


DEFAULT_STYLE = HeatStyle()
"""The style of a new player."""
