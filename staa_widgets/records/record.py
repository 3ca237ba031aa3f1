"""`Record`: the attention and logits of one forward pass. `Needs`: the parts that a method reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.target import Target

AttentionType = Literal["divided", "joint", "space_only"]


@dataclass(frozen=True)
class Needs:
    """Parts of a `Record` that a method reads; the engine joins the needs of all requested methods.

    Parameters
    ----------
    rows
        The readout's attention row of each layer and head.
    mean_rows
        The readout's attention row of each layer, averaged over heads.
    heads
        The readout's attention over space and time in each layer and head, to look at.
    time_rows
        With divided attention, `mean_rows` and the weighted rows of each layer, carried over time.
    rollout
        The readout, and the weighted rows of each layer, carried back to the input by the attention of all layers.
    frame_rollout
        The same, but with divided attention without the attention over time.
    temporal, spatial
        Whole matrices of head-mean attention over time and within frames: hundreds of megabytes for large models.
    first_frame
        The matrix of head-mean attention within the first frame in the last layer.
    values
        Attention, each weight multiplied by the norm of its value vector.
    contributions
        Contribution of each token to the target's logit.
    gradients
        Attention times its gradient; costs one backward pass.
    relevance
        Rollout of attention times its gradient, from the readout; costs one backward pass.
    exact
        Read every query of joint attention, instead of estimating the sum over queries from a sample.
    patch
        Patch whose attention to all patches is read, in each layer and head.
    """

    rows: bool = False
    mean_rows: bool = False
    heads: bool = False
    time_rows: bool = False
    rollout: bool = False
    frame_rollout: bool = False
    temporal: bool = False
    spatial: bool = False
    first_frame: bool = False
    values: bool = False
    contributions: bool = False
    gradients: bool = False
    relevance: bool = False
    exact: bool = False
    patch: Patch | Literal["middle"] | None = None

    def __or__(self, other: Needs) -> Needs:
        return Needs(**{name: getattr(self, name) or getattr(other, name) for name in self.__dataclass_fields__})

    @property
    def class_specific(self) -> bool:
        """Whether the record depends on the target class."""
        return self.contributions or self.backward

    @property
    def backward(self) -> bool:
        """Whether the record takes a backward pass."""
        return self.gradients or self.relevance


@dataclass(frozen=True)
class Record:
    """Attention and logits of one forward pass over one window, in numpy.

    Arrays that no method needs are ``None``. ``P = h·w`` patches of a slice, row by row.

    Parameters
    ----------
    geometry
        Layout of the tokens.
    attention_type
        ``"divided"``, ``"joint"`` or ``"space_only"``.
    logits
        float32 ``(K,)``.
    target
        Target of `contributions` and of the gradients: a class, the difference of two classes, or a function of the
        logits. ``None`` if the record holds neither of them.
    cls
        float32 ``(L, H, S)``, attention from the readout to CLS itself; with joint attention it is divided evenly over
        the slices. Zero if the model has no CLS.
    rows
        float32 ``(L, H, S, P)``, attention from the readout to each patch; `cls` is the rest of the row. If the readout
        is the mean of all tokens, this is the mean of their rows.
    mean_rows
        float32 ``(L, S, P)``, `rows` averaged over heads.
    heads
        float16 ``(L, H, S, P)``, attention from the readout to each patch over space and time: `rows`, with divided
        attention carried over time, with attention within frames divided by the number of frames.
    temporal
        float32 ``(L, P, T, T)``, head-mean temporal attention ``[layer, patch, from, to]``.
    spatial
        float16 ``(L, T, 1 + P, 1 + P)``, head-mean attention within each frame.
    first_frame
        float16 ``(1 + P, 1 + P)``, head-mean attention within the first frame in the last layer.
    value_rows, value_temporal
        float32, shaped as head-mean `rows` ``(L, S, P)`` and `temporal`, each weight multiplied by the norm of its
        value vector.
    contributions
        float32 ``(L, S, P)``, contribution of each patch to the target's logit.
    gradient_rows, gradient_temporal
        float32, head means of ``relu(a · dy/da)``, shaped ``(L, S, P)`` and as `temporal`.
    relevance
        float32 ``(S, P)``: the readout carried back through ``I + mean_h relu(a · dy/da)`` of all layers.
    time_rows, value_time_rows, gradient_time_rows, contribution_time_rows
        float32 ``(L, S, P)``, for divided attention: `mean_rows`, `value_rows`, `gradient_rows` and the positive
        `contributions`, carried over time by the temporal attention of the layer, which has the same weighting.
    rollout, value_rollout, gradient_rollout, contribution_rollout
        float32 ``(n, S, P)``: the readout, `value_rows`, `gradient_rows` and the positive `contributions`, carried back
        through the plain attention of all layers, as coefficients for any share of attention, see
        `staa_widgets.records.rollout`. ``n`` is ``L + 1``, with divided attention ``2 L + 1``.
    frame_rollout, value_frame_rollout, gradient_frame_rollout, contribution_frame_rollout
        float32 ``(L + 1, S, P)``, for divided attention: the same without attention over time.
    patch_rows
        float32 ``(L, H, S, P)``, attention from the requested patch to each patch, without the share of CLS. Here ``L``
        counts the layers in which patches attend to each other; in models with a pooler, these are other layers than
        those of `rows`. Divided attention: the head's spatial row times the head-mean temporal attention of its
        patches.
    sampling_errors
        Standard error of each array that was estimated from sampled queries, by the array's name, as a share of the
        array's sum: for `rows` the mean over the layers, for a rollout a share of the flow that arrives. Empty if every
        query was read.
    style_deviation
        How far the frames are from the style of drawn actions, see `staa_widgets.datasets.drawn_actions.style`;
        ``None`` unless the model knows drawn actions only.
    """

    geometry: Geometry
    attention_type: AttentionType
    logits: NDArray[np.float32]
    target: Target | None = None
    cls: NDArray[np.float32] | None = None
    rows: NDArray[np.float32] | None = None
    mean_rows: NDArray[np.float32] | None = None
    heads: NDArray[np.float16] | None = None
    temporal: NDArray[np.float32] | None = None
    spatial: NDArray[np.float16] | None = None
    first_frame: NDArray[np.float16] | None = None
    value_rows: NDArray[np.float32] | None = None
    value_temporal: NDArray[np.float32] | None = None
    contributions: NDArray[np.float32] | None = None
    gradient_rows: NDArray[np.float32] | None = None
    gradient_temporal: NDArray[np.float32] | None = None
    relevance: NDArray[np.float32] | None = None
    time_rows: NDArray[np.float32] | None = None
    value_time_rows: NDArray[np.float32] | None = None
    gradient_time_rows: NDArray[np.float32] | None = None
    contribution_time_rows: NDArray[np.float32] | None = None
    rollout: NDArray[np.float32] | None = None
    value_rollout: NDArray[np.float32] | None = None
    gradient_rollout: NDArray[np.float32] | None = None
    contribution_rollout: NDArray[np.float32] | None = None
    frame_rollout: NDArray[np.float32] | None = None
    value_frame_rollout: NDArray[np.float32] | None = None
    gradient_frame_rollout: NDArray[np.float32] | None = None
    contribution_frame_rollout: NDArray[np.float32] | None = None
    patch_rows: NDArray[np.float32] | None = None
    sampling_errors: Mapping[str, float] = field(default_factory=dict)
    style_deviation: float | None = None
