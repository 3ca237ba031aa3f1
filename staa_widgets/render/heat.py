"""Compute the heat map of an explanation in a given style: its maps, cutoff and colormap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.postprocess import hidden_magnitude, smooth
from staa_widgets.render.colormaps import COLORMAPS, DIVERGING
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


class Heat(NamedTuple):
    """The maps to draw: the maps of all layers, one of the masks, or the attention of one layer.

    Parameters
    ----------
    values
        float32 ``(S, h, w)`` within -1 … 1: the maps divided by the clip's largest magnitude.
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
    def is_signed(self) -> bool:
        """Whether values may be negative."""
        return self.temporal_signed is not None


def count_choices(explanation: Explanation) -> dict[str, int]:
    """Return the number of layers, heads and masks of an explanation, by the field of `HeatStyle` that chooses one."""
    attention, masks = explanation.attention, explanation.masks
    layers, heads = (0, 0) if attention is None else attention.shape[:2]
    return {"layer": layers, "head": heads, "mask": 0 if masks is None else len(masks.areas)}


def compute_heat(explanation: Explanation, style: HeatStyle = DEFAULT_STYLE) -> Heat:
    """Return the maps to draw: the maps of all layers, a mask, or the attention of a layer or head.

    Raises
    ------
    ParameterError
        If the explanation has no such mask, or no attention of this layer or head.
    """
    e = explanation
    if style.layer < 0 and style.mask >= 0:
        return _normalize_heat(smooth(_mask_values(e, style.mask), style.smooth), 1.0, signed=False)
    if style.layer < 0:
        scale = float(np.abs(e.maps).max()) or 1.0
        # Rounded to half floats, because the player receives half floats.
        values = (e.maps / scale).astype(np.float16).astype(np.float32)
        heat = Heat(values, scale, e.temporal, e.temporal_signed)
        return _normalize_heat(smooth(values, style.smooth), scale, signed=heat.is_signed) if style.smooth else heat
    return _normalize_heat(smooth(_attention_values(e, style), style.smooth), 1.0, signed=False)


def map_name(e: Explanation, style: HeatStyle) -> str:
    """Return the name of the method, and of its mask, or of the layer and head that are drawn."""
    part = describe_map(e, style)
    return ", ".join(filter(None, (e.method if style.layer < 0 else "", part)))


def describe_map(e: Explanation, style: HeatStyle) -> str:
    """Return the name of the mask, or of the layer and head, that is drawn; an empty string for the maps."""
    if style.layer < 0 and style.mask >= 0 and e.masks is not None:
        return f"mask of {e.masks.areas[style.mask]:.0%} of the clip"
    if style.layer < 0:
        return ""
    return f"attention of layer {style.layer + 1}, " + (
        f"head {style.head + 1}" if style.head >= 0 else "mean of heads"
    )


def _attention_values(e: Explanation, style: HeatStyle) -> NDArray[np.float32]:
    counts = count_choices(e)
    for name in ("layer", "head"):
        index, count = getattr(style, name), counts[name]
        if index >= count:
            hint = f"Choose from 0 to {count - 1}, or -1." if count else "Explain with attention=True."
            raise ParameterError(f"The explanation has no attention of {name} {index}.", hint)
    assert e.attention is not None
    heads = range(counts["head"]) if style.head < 0 else [style.head]
    values = np.zeros(e.maps.shape, np.float32)
    for head in heads:
        values = (values + e.attention[style.layer, head].astype(np.float64) / len(heads)).astype(np.float32)
    return values


def _mask_values(e: Explanation, index: int) -> NDArray[np.float32]:
    count = count_choices(e)["mask"]
    if index >= count:
        hint = f"Choose from 0 to {count - 1}, or -1." if count else "Methods such as 'step' make masks."
        raise ParameterError(f"The explanation has no mask {index}.", hint)
    assert e.masks is not None
    return e.masks.values[index].astype(np.float32)


def _normalize_heat(values: NDArray[np.float32], scale: float, *, signed: bool) -> Heat:
    """Return maps scaled to a largest magnitude of 1, with the share of each slice."""
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
    """Return the magnitude, 0 … 1, that a cell must exceed to be drawn; see `hidden_magnitude`."""
    return hidden_magnitude(heat.values, style.threshold) if style.threshold > 0 else 0.0


def choose_colormap(heat: Heat, style: HeatStyle) -> NDArray[np.uint8]:
    """Return the colormap of a heat map, uint8 ``(256, 3)``: the diverging one if values may be negative."""
    return COLORMAPS[DIVERGING if heat.is_signed else style.colormap]
