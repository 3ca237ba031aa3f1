"""STAA: the readout's attention to every patch of every slice, carried through time, in one forward pass.

After "STAA: Spatio-Temporal Attention Attribution", arXiv 2411.00630 (IEEE Access 13:101647, 2025). The definitions of
the paper leave out time and are completed here: in divided attention the readout is the average of its copies in all
frames, so that only temporal attention can rank frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.methods import postprocess
from staa_widgets.methods.maps import equalize_slices, require_array, scale_to_sum_one, to_grid
from staa_widgets.methods.registry import Cost, method
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.rollout import rollout_weights

Layers = str | Sequence[int]
Profile = Literal["auto"] | Sequence[float] | None

RESIDUAL = 0.7
"""Default share of a layer's output that comes through the residual connection."""

BROWSING_NEEDS = Needs(heads=True)
"""The arrays of a record that `attention_maps` reads."""

_WEIGHTING_NEEDS = {
    "none": Needs(),
    "value": Needs(values=True),
    "gradient": Needs(gradients=True),
    "logit": Needs(contributions=True),
}
_PREFIXES = {"none": "", "value": "value_", "gradient": "gradient_", "logit": "contribution_"}
"""By weighting, how the names of its arrays in a record begin."""


def _needs(
    layers: Layers,
    weighting: str,
    profile: Profile,
    contrast: bool,
    residual: float,
    exact: bool,
    time: bool = True,
) -> Needs:
    if not isinstance(weighting, str) or weighting not in _WEIGHTING_NEEDS:
        raise ParameterError(f"There is no weighting {weighting!r}.", f"Choose from {', '.join(_WEIGHTING_NEEDS)}.")
    for name, value in (("contrast", contrast), ("time", time), ("exact", exact)):
        if not isinstance(value, bool):
            raise ParameterError(f"{name} must be True or False, got {value!r}.", f"For example, {name}=True.")
    if isinstance(residual, bool) or not isinstance(residual, int | float) or not 0 <= residual <= 1:
        raise ParameterError(f"residual must be a number from 0 to 1, got {residual!r}.", f"The default is {RESIDUAL}.")
    _check_profile(profile)
    layer_names = ("last", "mean", "rollout")
    is_valid = layers in layer_names if isinstance(layers, str) else is_indices(layers)
    if not is_valid:
        raise ParameterError(
            f"layers must be 'last', 'mean', 'rollout' or a list of layers, got {layers!r}.",
            "For example, layers='rollout' or layers=[0, -1].",
        )
    # The record also answers other layers, and time=True and False, without another pass.
    needs = _WEIGHTING_NEEDS[weighting] | Needs(mean_rows=True, time_rows=True, exact=exact)
    return needs | Needs(rollout=True, frame_rollout=True) if layers == "rollout" else needs


def _check_profile(profile: Profile) -> None:
    if profile is None or (isinstance(profile, str) and profile == "auto"):
        return
    try:
        shares = np.asarray(profile, np.float64)
        is_valid = shares.ndim == 1 and bool((np.isfinite(shares) & (shares > 0)).all())
    except (TypeError, ValueError):
        is_valid = False
    if not is_valid:
        raise ParameterError(
            f"profile must be 'auto', None or one positive number for each slice, got {profile!r}.",
            "Leave it out, or take the result of time_profile.",
        )


def is_indices(layers: Any) -> bool:
    """Return whether `layers` is a list of whole numbers."""
    return (
        isinstance(layers, Sequence)
        and len(layers) > 0
        and all(isinstance(layer, int | np.integer) and not isinstance(layer, bool) for layer in layers)
    )


def _cost(_: Geometry, *, weighting: str, **__: Any) -> Cost:
    return Cost(1, int(_WEIGHTING_NEEDS[weighting].backward))


@method("staa", title="STAA", needs=_needs, cost=_cost, class_specific=False, version=4)
def staa(
    record: Record,
    *,
    layers: Layers = "rollout",
    weighting: str = "none",
    residual: float = RESIDUAL,
    profile: Profile = "auto",
    contrast: bool = False,
    time: bool = True,
    exact: bool = False,  # noqa: ARG001  decides what is recorded
) -> NDArray[np.float32]:
    """Space-time attention from the readout (such as CLS) to every patch, by rollout through all layers.

    The readout is what the classifier reads: CLS, the query of a pooler, or the mean of all tokens. Divided attention:
    ``M(t', p) = 1/T Σ_t S[t, CLS, p] · U[p, t, t']``; joint attention: the row of the readout.

    By default this row, averaged over heads, is carried through all layers with a residual of 0.7, in space and time,
    and each slice is divided by its share in the model's time profile. The paper (arXiv 2411.00630) publishes the
    attention of the last layer, in space only; no frame can be ranked by it, because the readout is the average of its
    copies in all frames. ``layers="last", time=False, profile=None`` comes closest to it; `staa_original_code` is the
    authors' code.

    Parameters
    ----------
    record
        Record of the forward pass.
    layers
        ``"last"``, ``"mean"``, a list of layers (their mean; negative ones count from the end) or ``"rollout"``: one
        row vector carried from the readout to the input through ``r I + (1 - r) S`` and ``r I + (1 - r) U`` of each
        layer, where ``r`` is `residual`.
    weighting
        ``"none"``; ``"value"``: attention times the norm of the value vectors; ``"gradient"``: the positive part of
        attention times its gradient; ``"logit"``: the positive part of what each patch adds to the target's logit. The
        last two are class-specific. With rollout, the weighted row of each layer is carried back by plain attention.
    residual
        For rollout: the share of each layer's output that is assumed to come through the residual connection. Abnar &
        Zuidema (arXiv 2005.00928) take one half; Kobayashi et al. (arXiv 2109.07152) measure a much larger share.
    profile
        ``"auto"``: divide each slice by its share on clips in which nothing happens, see
        `staa_widgets.engine.time_profile.time_profile`; a model's embeddings of time alone make such a profile. Only
        the curve over time is divided, never the place. ``None``: leave the curve as it is. Or ``S`` positive numbers.
    contrast
        Subtract each patch's minimum over time, see `staa_widgets.methods.postprocess.contrast`. This removes patches
        that always get attention, and everything that stays in its place with them.
    time
        ``False`` leaves out temporal attention: every slice gets the same sum, and the maps show only where the model
        looked.
    exact
        By default, joint attention over more than 512 tokens is estimated from sampled queries. If the readout is the
        mean of all tokens, 64 queries per layer are read, spread over space and time; rollout samples 64 queries per
        layer in proportion to the flow through them. The standard error is in `Explanation.provenance`. With ``True``
        all queries are read; a pass of VideoMAE-B or ViViT-B then takes about one and a half times as long. The row of
        a single readout token, divided attention, smaller models and ``weighting="gradient"`` are always exact.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1, or all zero if contrast leaves nothing. Slices are not scaled separately.

    Raises
    ------
    UnsupportedRequestError
        If `time` is true for space-only attention, or false for joint attention.
    ParameterError
        If a layer does not exist.
    """
    if time and record.attention_type == "space_only":
        raise UnsupportedRequestError(
            "This model attends only within frames, so its attention contains no information about time.",
            "Use time=False for spatial maps only, or method='staa_logit'.",
        )
    if not time and record.attention_type == "joint":
        raise UnsupportedRequestError(
            "Joint attention cannot be separated into space and time, as time=False requires.",
            "Use time=True, and normalize each slice of the maps if only the positions matter.",
        )
    maps = _joint_maps(record, layers, weighting, residual, time=time)
    if not time:
        return scale_to_sum_one(equalize_slices(postprocess.contrast(maps) if contrast else maps))
    return _finish_maps(maps, profile, contrast=contrast)


def _logit_needs(**params: Any) -> Needs:
    return _needs(weighting="none", **params) | _needs(weighting="logit", **params)


@method("staa_logit", title="Class-specific STAA", needs=_logit_needs, class_specific=True, version=5)
def staa_logit(
    record: Record,
    *,
    layers: Layers = "rollout",
    residual: float = RESIDUAL,
    profile: Profile = "auto",
    contrast: bool = False,
    exact: bool = False,  # noqa: ARG001  decides what is recorded
) -> NDArray[np.float32]:
    """Class-specific STAA: attention combined with each patch's contribution to the target's logit.

    In layer l, patch p of frame t adds ``1/T Σ_h a_h[t, CLS, p] · W_o^h v_h[t, p]`` to the readout; the positive part
    of this vector along the direction of the target is carried back to the input, as by ``staa(weighting="logit")``.
    The map is the geometric mean of these contributions and of attention: the contributions depend on the class,
    attention is less noisy, and a cell must have both to be strong. The method takes one forward pass and no backward
    pass. It works for space-only models too, because each frame has its own logits. The direction of a linear head is
    exact; for a head of several layers it is the head's gradient at the readout, which holds only near this readout.

    By default all layers, space and time, and the time profile, as in `staa`. Only the direct path counts: what a patch
    adds to the readout in one layer and from there to the logit, not what later layers make of it. The direction of the
    target is its logit minus the mean of all logits, with the last normalization held at its scale. The paper has no
    class-specific form.

    Parameters
    ----------
    record
        Record of the forward pass for the target.
    layers, residual, profile, contrast, exact
        As for `staa`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, as for `staa`.
    """
    time = record.attention_type != "space_only"
    attention = _joint_maps(record, layers, "none", residual, time=time)
    contributions = _joint_maps(record, layers, "logit", residual, time=time)
    return _finish_maps(np.sqrt(attention * contributions), profile, contrast=contrast)


def _finish_maps(maps: NDArray[np.floating], profile: Profile, *, contrast: bool) -> NDArray[np.float32]:
    """Return maps divided by the profile, with contrast if requested, scaled to sum 1."""
    if isinstance(profile, str):
        raise ParameterError(
            f"profile={profile!r} needs the model, but this function has only a record.",
            "Call explain or attribute, pass profile=time_profile(model), or profile=None for the plain curve.",
        )
    if profile is not None:
        maps = postprocess.divide_by_profile(maps, profile)
    return scale_to_sum_one(postprocess.contrast(maps) if contrast else maps)


def attention_maps(record: Record) -> NDArray[np.float16]:
    """Return the attention of each layer and head, to look at in the player: float16 ``(L, H, S, h, w)``.

    This is the readout's attention or, if the record was made for a patch, the patch's attention.

    With divided attention, the spatial attention of each head is multiplied by the temporal attention averaged over
    heads, because the heads of the two modules do not correspond.
    """
    if record.patch_rows is not None:
        return to_grid(record.geometry, record.patch_rows).astype(np.float16)
    return to_grid(record.geometry, require_array(record.heads)).astype(np.float16)


def _joint_maps(record: Record, layers: Layers, weighting: str, residual: float, *, time: bool) -> NDArray[np.floating]:
    """Return the readout's attention over space and time, before contrast and scaling: ``(S, h, w)``."""
    over_time = record.attention_type == "divided" and time
    if layers == "rollout":
        name = "rollout" if over_time or record.attention_type != "divided" else "frame_rollout"
        terms = require_array(getattr(record, _PREFIXES[weighting] + name))
        return to_grid(record.geometry, np.tensordot(rollout_weights(len(terms), 1 - residual), terms, 1))
    rows = _weighted_rows(record, weighting, over_time=over_time)
    return to_grid(record.geometry, rows[layer_indices(layers, len(rows))].mean(0))


def _weighted_rows(record: Record, weighting: str, *, over_time: bool) -> NDArray[np.floating]:
    """Return the readout's weighted attention row of each layer, within frames or over time: ``(L, S, P)``."""
    if over_time:
        return require_array(getattr(record, _PREFIXES[weighting] + "time_rows"))
    if weighting == "logit":
        return np.maximum(require_array(record.contributions), 0)
    rows = {"none": record.mean_rows, "value": record.value_rows, "gradient": record.gradient_rows}
    return require_array(rows[weighting])


def layer_indices(layers: Layers, count: int) -> list[int]:
    """Return the indices of ``"last"``, ``"mean"`` or listed layers; raises `ParameterError` for an unknown layer."""
    if layers == "last":
        return [count - 1]
    if layers == "mean":
        return list(range(count))
    indices = [int(layer) for layer in layers]
    if not all(-count <= layer < count for layer in indices):
        hint = f"The model has layers 0 to {count - 1}; -1 is the last one."
        if count == 1:
            hint = "Only one layer of this model is read: 0."
        raise ParameterError(f"layers={layers!r} names a layer that does not exist.", hint)
    return indices
