"""How heat is drawn, and which maps: what the player's settings say, as a frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.methods.postprocess import smooth
from staa_widgets.render.colormaps import COLORMAPS, DIVERGING

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

_CHOICES = {
    "colormap": tuple(name for name in COLORMAPS if name != DIVERGING),
    "normalize": ("clip", "frame"),
    "interpolation": ("nearest", "linear"),
    "time_interpolation": ("hold", "linear"),
}
_RANGES = {"opacity": (0, 1), "threshold": (0, 1), "gamma": (0.05, 20), "smooth": (0, 5)}


@dataclass(frozen=True)
class HeatStyle:
    """How heat is drawn; the names and defaults are those of the player's settings.

    Parameters
    ----------
    layer, head
        Layer whose attention is shown, and a head of it; -1 for the joint maps, and for the mean of the heads.
    colormap
        Name of a colour table. Signed maps have the diverging one whatever is chosen.
    opacity
        Cover of the strongest cells, 0 … 1.
    threshold
        Share of the clip's cells that are hidden, the weakest first.
    gamma
        Power that strengths are raised to.
    smooth
        Standard deviation, in slices and patches, of the Gaussian that the maps are blurred with before all else.
    normalize
        ``"clip"``: 1 is the clip's maximum; ``"frame"``: each frame's own.
    interpolation
        ``"linear"``, or ``"nearest"`` for blocks.
    time_interpolation
        ``"hold"``: each frame shows the map of its slice; ``"linear"``: maps pass into each other between the middles
        of what slices saw.
    dim_outside
        Whether to darken what the model did not see.

    Raises
    ------
    ParameterError
        If a value is of no use.
    """

    layer: int = -1
    head: int = -1
    colormap: str = "inferno"
    opacity: float = 0.75
    threshold: float = 0.0
    gamma: float = 1.0
    smooth: float = 0.0
    normalize: str = "clip"
    interpolation: str = "linear"
    time_interpolation: str = "hold"
    dim_outside: bool = False

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ParameterError(
                    f"{name} is {value!r}.", suggest_name(str(value), known, f"Choose from {', '.join(known)}.")
                )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
                raise ParameterError(f"{name} is {value!r}.", f"Give a number from {low:g} to {high:g}.")
        for name in ("layer", "head"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < -1:
                raise ParameterError(f"{name} is {value!r}.", "Give its number from 0, or -1.")


DEFAULT_STYLE = HeatStyle()
"""The player's at first."""


class Heat(NamedTuple):
    """The maps on show: the joint attribution, or the attention of one layer.

    Parameters
    ----------
    values
        float32 ``(S, h, w)`` within -1 … 1, over the greatest magnitude of the clip.
    scale
        Factor from `values` back to the explanation's own numbers.
    temporal, temporal_signed
        float64 ``(S,)``, as `Explanation.temporal` and `Explanation.temporal_signed`.
    """

    values: NDArray[np.float32]
    scale: float
    temporal: NDArray[np.float64]
    temporal_signed: NDArray[np.float64] | None

    @property
    def signed(self) -> bool:
        """Whether values may be negative."""
        return self.temporal_signed is not None


def compute_heat(explanation: Explanation, style: HeatStyle = DEFAULT_STYLE) -> Heat:
    """Choose what is shown: the joint maps, or the attention of a layer.

    Raises
    ------
    ParameterError
        If the explanation keeps no such layer or head.
    """
    e, attention = explanation, explanation.attention
    if style.layer < 0:
        scale = float(np.abs(e.maps).max()) or 1.0
        # The player is sent half floats.
        values = (e.maps / scale).astype(np.float16).astype(np.float32)
        heat = Heat(values, scale, e.temporal, e.temporal_signed)
        return _normalize_heat(smooth(values, style.smooth), scale, signed=heat.signed) if style.smooth else heat
    layers, heads = (0, 0) if attention is None else attention.shape[:2]
    for name, index, count in (("layer", style.layer, layers), ("head", style.head, heads)):
        if index >= count:
            hint = f"Give 0 to {count - 1}, or -1." if count else "Explain with attention=True."
            raise ParameterError(f"This explanation keeps no {name} {index}.", hint)
    assert attention is not None
    chosen = range(heads) if style.head < 0 else [style.head]
    values = np.zeros(e.maps.shape, np.float32)
    for head in chosen:
        values = (values + attention[style.layer, head].astype(np.float64) / len(chosen)).astype(np.float32)
    return _normalize_heat(smooth(values, style.smooth), 1.0, signed=False)


def _normalize_heat(values: NDArray[np.float32], scale: float, *, signed: bool) -> Heat:
    """Bring maps to their greatest magnitude, and measure what falls into each slice."""
    top = float(np.abs(values).max()) or 1.0
    values = (values.astype(np.float64) / top).astype(np.float32)
    mass = np.abs(values).sum(axis=(1, 2), dtype=np.float64)
    total = float(mass.sum())
    if total == 0:
        return Heat(values, scale * top, np.full(len(mass), 1 / len(mass)), np.zeros(len(mass)) if signed else None)
    return Heat(
        values, scale * top, mass / total, values.sum(axis=(1, 2), dtype=np.float64) / total if signed else None
    )


def compute_cutoff(heat: Heat, style: HeatStyle) -> float:
    """Return the value, of the clip's greatest, that cells must exceed to be drawn."""
    if style.threshold <= 0:
        return 0.0
    ranked = np.sort(np.abs(heat.values), axis=None)
    at = style.threshold * (ranked.size - 1)
    low = math.floor(at)
    below, above = float(ranked[low]), float(ranked[min(low + 1, ranked.size - 1)])
    return below + (above - below) * (at - low)


def choose_colormap(heat: Heat, style: HeatStyle) -> NDArray[np.uint8]:
    """Return the colour table in use, uint8 ``(256, 3)``."""
    return COLORMAPS[DIVERGING if heat.signed else style.colormap]
