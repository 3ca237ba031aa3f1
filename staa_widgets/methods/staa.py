"""STAA: attention read out, routed through time, in one forward pass.

After "STAA: Spatio-Temporal Attention Attribution", arXiv 2411.00630 (IEEE Access 13:101647, 2025), whose definitions
are completed here where they leave time out: in divided attention the readout averages its copies over frames, so that
only temporal attention can rank frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.methods import postprocess as refine
from staa_widgets.methods.maps import equalize_slices, require_array, scale_to_sum_one, to_grid
from staa_widgets.methods.registry import Cost, method
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record

Layers = str | Sequence[int]

RESIDUAL = 0.7
"""Share of a layer's output that comes past attention, unless said otherwise."""

BROWSING_NEEDS = Needs(rows=True, temporal=True)
"""What `attention_maps` reads."""

_WEIGHTING_NEEDS = {
    "none": Needs(rows=True, temporal=True),
    "value": Needs(values=True),
    "gradient": Needs(gradients=True),
    "logit": Needs(contributions=True, temporal=True),
}


def _needs(layers: Layers, weighting: str, contrast: bool, residual: float, exact: bool, time: bool = True) -> Needs:
    if weighting not in _WEIGHTING_NEEDS:
        raise ParameterError(f"There is no weighting {weighting!r}.", f"Choose from {', '.join(_WEIGHTING_NEEDS)}.")
    for name, value in (("contrast", contrast), ("time", time), ("exact", exact)):
        if not isinstance(value, bool):
            raise ParameterError(f"{name} is {value!r}.", "Give True or False.")
    if isinstance(residual, bool) or not isinstance(residual, int | float) or not 0 <= residual <= 1:
        raise ParameterError(f"residual is {residual!r}.", "Give a number from 0 to 1.")
    known = ("last", "mean", "rollout")
    if not (layers in known if isinstance(layers, str) else is_indices(layers)):
        raise ParameterError(f"layers is {layers!r}.", f"Choose from {', '.join(known)}, or give a list of layers.")
    needs = _WEIGHTING_NEEDS[weighting] | Needs(exact=exact)
    return needs | Needs(spatial=True, temporal=True) if layers == "rollout" else needs


def is_indices(layers: Any) -> bool:
    """Tell whether layers are given as a list of whole numbers."""
    return (
        isinstance(layers, Sequence)
        and len(layers) > 0
        and all(isinstance(layer, int | np.integer) and not isinstance(layer, bool) for layer in layers)
    )


def _cost(_: Geometry, *, weighting: str, **__: Any) -> Cost:
    return Cost(1, int(_WEIGHTING_NEEDS[weighting].backward))


@method("staa", needs=_needs, cost=_cost, class_specific=False, version=3)
def staa(
    record: Record,
    *,
    layers: Layers = "rollout",
    weighting: str = "none",
    residual: float = RESIDUAL,
    contrast: bool = True,
    time: bool = True,
    exact: bool = False,  # noqa: ARG001  the record holds it or not
) -> NDArray[np.float32]:
    """Read attention from the readout to every patch of every slice, routed through time.

    Divided attention: ``M(t', p) = 1/T Σ_t S[t, CLS, p] · U[p, t, t']``; joint attention: the row itself.

    Parameters
    ----------
    record
        What the forward pass left.
    layers
        ``"last"``, ``"mean"``, a list of layers (their mean; negative ones count from the end) or ``"rollout"``: one
        row vector carried from the readout to the input through ``r I + (1 - r) S`` and ``r I + (1 - r) U`` of each
        layer, `residual` being ``r``.
    weighting
        ``"none"``; ``"value"``: attention times the norm of what it moves; ``"gradient"``: the positive part of
        attention times its gradient; ``"logit"``: the positive part of what each patch adds to the target's logit. The
        last two are class-specific. With rollout, what each layer reads in this way is carried back by plain attention.
    residual
        Share of each layer's output that is taken to come past attention, for rollout. Abnar & Zuidema (arXiv
        2005.00928) take one half; Kobayashi et al. (arXiv 2109.07152) measure that far more does.
    contrast
        Take away what is there in every slice, see `staa_widgets.methods.postprocess.contrast`.
    time
        ``False`` asks only where: temporal attention is left out and every slice gets the same mass.
    exact
        Joint attention over more than 512 tokens is read at 64 queries a layer, spread over space and time, where the
        readout is the mean of all tokens, and rolled out through 64 queries that hold most of the flow; the standard
        error is told in `Explanation.provenance`. ``True`` reads all queries; a pass of VideoMAE-B or ViViT-B then
        takes about one and a half times as long. A single readout's own row, divided attention and smaller models are
        exact anyway, and so is what is multiplied with gradients.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1, or all zero where nothing is left. Not scaled by slice.

    Raises
    ------
    UnsupportedQuestionError
        If the model cannot answer: time from space-only attention, space alone from joint attention.
    ParameterError
        If a layer does not exist.
    """
    if time and record.attention_type == "space_only":
        raise UnsupportedRequestError(
            "This model attends within frames only, so that its attention cannot say when.",
            "Pass time=False for where alone, or use method='staa_logit'.",
        )
    if not time and record.attention_type == "joint":
        raise UnsupportedRequestError(
            "Joint attention has no part that is about space alone.", "Leave time=True, or normalise each slice."
        )
    maps = _joint_maps(record, layers, weighting, residual, time=time)
    if contrast:
        maps = refine.contrast(maps)
    return scale_to_sum_one(maps if time else equalize_slices(maps))


def _logit_needs(**params: Any) -> Needs:
    return _needs(weighting="none", **params) | _needs(weighting="logit", **params)


@method("staa_logit", needs=_logit_needs, class_specific=True, version=4)
def staa_logit(
    record: Record,
    *,
    layers: Layers = "rollout",
    residual: float = RESIDUAL,
    contrast: bool = True,
    exact: bool = False,  # noqa: ARG001  the record holds it or not
) -> NDArray[np.float32]:
    """Attribute the target's logit to what is both read and speak for it, routed through time.

    In layer l patch p of frame t adds ``1/T Σ_h a_h[t, CLS, p] · W_o^h v_h[t, p]`` to the readout; its positive part
    along the direction of the target is carried back to the input. The map is the geometric mean of this,
    ``staa(weighting="logit")``, and of attention itself: one knows the class, the other sees less noise, and a cell
    needs both. One forward pass, no backward pass. Space-only models answer too, because each frame makes logits of its
    own.

    Parameters
    ----------
    record
        What the forward pass left, for the target.
    layers, residual, contrast, exact
        As for `staa`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, as for `staa`.
    """
    time = record.attention_type != "space_only"
    read, spoken = (_joint_maps(record, layers, weighting, residual, time=time) for weighting in ("none", "logit"))
    maps = np.sqrt(read * spoken)
    return scale_to_sum_one(refine.contrast(maps) if contrast else maps)


def attention_maps(record: Record) -> NDArray[np.float16]:
    """Attention of each layer and head, for browsing: float16 ``(L, H, S, h, w)``; a patch's where one was asked.

    Divided attention: the spatial head times head-mean temporal attention, because the heads of the two modules do not
    correspond.
    """
    if record.patch_rows is not None:
        return to_grid(record.geometry, record.patch_rows).astype(np.float16)
    rows = require_array(record.rows)
    if record.attention_type == "divided":
        rows = np.einsum("lhtp,lptu->lhup", rows, require_array(record.temporal)) / rows.shape[-2]
    elif record.attention_type == "space_only":
        rows = rows / rows.shape[-2]
    return to_grid(record.geometry, rows).astype(np.float16)


def _joint_maps(record: Record, layers: Layers, weighting: str, residual: float, *, time: bool) -> NDArray[np.floating]:
    if layers == "rollout":
        return to_grid(record.geometry, _roll_out(record, weighting, 1 - residual, time=time))
    rows = _readout_rows(record, weighting)
    chosen = layer_indices(layers, len(rows))
    if record.attention_type == "divided" and time:
        temporal = {"value": record.value_temporal, "gradient": record.gradient_temporal}.get(
            weighting, record.temporal
        )
        return to_grid(
            record.geometry, np.einsum("ltp,lptu->up", rows[chosen], require_array(temporal)[chosen]) / len(chosen)
        )
    return to_grid(record.geometry, rows[chosen].mean(0))


def _readout_rows(record: Record, weighting: str) -> NDArray[np.floating]:
    """Give what the readout reads in each layer: ``(L, S, P)``."""
    if weighting == "none":
        return require_array(record.rows).mean(1)
    if weighting == "logit":
        return np.maximum(require_array(record.contributions).sum(1), 0)
    return require_array(record.value_rows if weighting == "value" else record.gradient_rows)


def _roll_out(record: Record, weighting: str, share: float, *, time: bool) -> NDArray[np.floating]:
    """Carry the readout's row from the last layer to the input, `share` of it through attention: ``(S, P)``."""
    if record.attention_type == "joint":
        rolled = {
            "none": record.rollout,
            "value": record.value_rollout,
            "gradient": record.gradient_rollout,
            "logit": record.contribution_rollout,
        }
        terms = require_array(rolled[weighting])
        # The terms have both signs; what is nothing may come out a little below.
        return np.maximum(np.tensordot(np.float32(share) ** np.arange(len(terms)), terms, 1), 0)
    spatial = require_array(record.spatial)
    temporal = require_array(record.temporal) if time and record.attention_type == "divided" else None
    if weighting == "none":
        return _roll_attention(spatial, temporal, share, one_readout=record.attention_type == "divided")
    return _roll_rows(_readout_rows(record, weighting), spatial, temporal, share)


def _roll_attention(
    spatial: NDArray[np.floating], temporal: NDArray[np.floating] | None, share: float, *, one_readout: bool
) -> NDArray[np.floating]:
    """Carry the readout's whole row; where frames share one CLS, what flows to its copies is shared evenly."""
    frames, tokens = spatial.shape[1:3]
    flow = np.zeros((frames, tokens), np.float32)
    flow[:, 0] = 1 / frames
    for depth in reversed(range(len(spatial))):
        flow = (1 - share) * flow + share * _carry_through_space(flow, spatial[depth])
        if one_readout:
            flow[:, 0] = flow[:, 0].mean()
        if temporal is not None:
            flow[:, 1:] = (1 - share) * flow[:, 1:] + share * _carry_through_time(flow[:, 1:], temporal[depth])
    return flow[:, 1:]


def _roll_rows(
    rows: NDArray[np.floating], spatial: NDArray[np.floating], temporal: NDArray[np.floating] | None, share: float
) -> NDArray[np.floating]:
    flow = np.zeros(rows.shape[1:], np.float32)
    for depth in reversed(range(len(rows))):
        flow = flow + rows[depth]
        if temporal is not None:
            flow = (1 - share) * flow + share * _carry_through_time(flow, temporal[depth])
        if depth:
            flow = (1 - share) * flow + share * _carry_through_space(flow, spatial[depth - 1, :, 1:, 1:])
    return flow


def _carry_through_space(flow: NDArray[np.floating], attention: NDArray[np.floating]) -> NDArray[np.floating]:
    """Carry ``(T, n)`` through attention within frames, ``(T, n, n)``."""
    return np.matmul(flow[:, None], attention.astype(np.float32))[:, 0]


def _carry_through_time(flow: NDArray[np.floating], attention: NDArray[np.floating]) -> NDArray[np.floating]:
    """Carry ``(T, P)`` through attention over time, ``(P, T, T)``."""
    return np.einsum("tp,ptu->up", flow, attention)


def layer_indices(layers: Layers, count: int) -> list[int]:
    """Turn ``"last"``, ``"mean"`` or a list into numbers of layers; raises `ParameterError` where there is none."""
    if layers == "last":
        return [count - 1]
    if layers == "mean":
        return list(range(count))
    chosen = [int(layer) for layer in layers]
    if not all(-count <= layer < count for layer in chosen):
        known = "One layer is read of this model, 0." if count == 1 else f"The model has layers 0 to {count - 1}."
        raise ParameterError(f"layers is {layers!r}.", known)
    return chosen
