"""Other attention methods from the literature, to compare `staa` with."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.maps import require_array, scale_to_sum_one, to_grid
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.staa import staa
from staa_widgets.records.record import Needs, Record

if TYPE_CHECKING:
    from torch import Tensor


def _last_needs(exact: bool) -> Needs:
    staa.needs({"exact": exact})  # Any value other than True and False is refused.
    return Needs(mean_rows=True, exact=exact)


@method("attention_last", title="Attention of the last layer", needs=_last_needs, class_specific=False)
def attention_last(record: Record, *, exact: bool = False) -> NDArray[np.float32]:
    """Attention from the readout (such as CLS) to every patch in the last layer.

    The heads are averaged. This is the map of the STAA paper (arXiv 2411.00630): the last layer, and only space. In
    models whose spatial attention stays within frames, each frame has its own row, and every slice gets the same sum:
    the maps show where the model looked, not when. What differs from the authors' code: it reads the row of the
    readout, where their code takes the rows of patches, see `staa_original_code`. `staa` carries the row through all
    layers and through time.

    Parameters
    ----------
    record
        Record of the forward pass.
    exact
        As for `staa`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1.
    """
    return staa(record, layers="last", profile=None, time=record.attention_type == "joint", exact=exact)


@method("rollout", title="Attention rollout", needs=lambda exact: staa.needs({"exact": exact}), class_specific=False)
def rollout(record: Record, *, exact: bool = False) -> NDArray[np.float32]:
    """Attention rollout through the attention and residuals of all layers, in space and time.

    Each layer is ``(S + I) / 2``: half attention, averaged over heads, and half residual; in divided attention also
    ``(U + I) / 2`` over time. With space-only models every slice gets the same sum.

    After Abnar & Zuidema, "Quantifying Attention Flow in Transformers", arXiv 2005.00928. What differs from the paper:
    the product of matrices is not computed, but one row is carried through the layers from the readout, with the same
    result; divided attention counts as two steps in each layer; and the readout may be the mean of all tokens. `staa`
    begins with this rollout, with a larger share of the residual.

    Parameters
    ----------
    record
        Record of the forward pass.
    exact
        As for `staa`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1.
    """
    return staa(
        record,
        layers="rollout",
        residual=0.5,
        profile=None,
        time=record.attention_type != "space_only",
        exact=exact,
    )


@method(
    "attention_gradient",
    title="Attention × gradient",
    needs=Needs(relevance=True),
    class_specific=True,
    cost=Cost(1, 1),
)
def attention_gradient(record: Record) -> NDArray[np.float32]:
    """Attention times its gradient, propagated through all layers, in space and time (Chefer et al. 2021).

    Chefer et al., "Generic Attention-model Explainability", arXiv 2103.15679: ``R ← R + mean_h relu(A · dy/dA) R``.
    Here one row vector goes from the last layer to the first, ``r ← r + r · mean_h relu(A · dy/dA)``, in divided
    attention through space and then through time. The unit row of the readout, from which the propagation starts, is
    left out.

    Parameters
    ----------
    record
        Record of the forward and the backward pass for the target.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1, or all zero if no gradient is positive.
    """
    return scale_to_sum_one(to_grid(record.geometry, require_array(record.relevance)))


@method(
    "grad_cam",
    title="Grad-CAM",
    needs_model=True,
    reads_attention=False,
    reads_layers=True,
    class_specific=True,
    cost=Cost(2, 1),
)
def grad_cam(inputs: MethodInputs) -> NDArray[np.float32]:
    """Grad-CAM on the last block's tokens, or on feature maps: channels weighted by their mean gradient.

    Selvaraju et al., "Grad-CAM", arXiv 1610.02391. The input of the last block is read, because the output of the block
    reaches the classifier only through CLS, and CLS is not on the grid. Of a wrapped model the last of its `layers` is
    read, and the map is interpolated to the grid; without `layers`, the last feature map of a net that has more
    convolutions than linear layers.

    Parameters
    ----------
    inputs
        The window and its model.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1, or all zero if every cell lowers the target's logit.

    Raises
    ------
    UnsupportedRequestError
        If the model's blocks are not known, as for a wrapped function, or a layer gives no feature map.
    """
    import torch

    if not inputs.layers and inputs.net is None:
        raise UnsupportedRequestError(
            "Grad-CAM reads the tokens of a transformer block or the feature maps of a convolution net, but the blocks "
            "of this model are not known.",
            "Give wrap_model layers=, or use a gradient or perturbation method, such as 'integrated_gradients' or "
            "'occlusion'.",
        )
    if inputs.layers_give_features:
        from staa_widgets.methods.feature_cam import feature_cam

        return scale_to_sum_one(feature_cam(inputs))
    inputs.report(0, 1)
    # By thread, because the user may run the model in another thread at the same time.
    block_inputs: dict[int, Tensor] = {}

    def replace_tokens(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        tokens = args[0].detach().requires_grad_()
        block_inputs[threading.get_ident()] = tokens
        return (tokens, *args[1:]), kwargs

    handle = inputs.layers[-1].register_forward_pre_hook(replace_tokens, with_kwargs=True)
    try:
        with torch.enable_grad():
            logit = inputs.target_logits(inputs.pixels[None])[0]
    finally:
        handle.remove()
    tokens = block_inputs[threading.get_ident()]
    (gradient,) = torch.autograd.grad(logit, tokens)
    prefix = inputs.geometry.prefix
    patches = tokens.detach()[:, prefix:].flatten(0, 1).float()
    slopes = gradient.detach()[:, prefix:].flatten(0, 1).float()
    cam = (patches @ slopes.mean(0)).relu().float()
    inputs.report(1, 1)
    geometry = replace(inputs.geometry, order=inputs.last_layer_order or inputs.geometry.order)
    return scale_to_sum_one(geometry.to_grid(cam.cpu().numpy()))


def _original_code_needs(percentile: float | None) -> Needs:
    is_number = isinstance(percentile, int | float) and not isinstance(percentile, bool)
    if percentile is not None and not (is_number and 0 <= percentile < 100):
        raise ParameterError(
            f"percentile must be None, or at least 0 and less than 100, got {percentile!r}.",
            "Use None to keep all values.",
        )
    return Needs(first_frame=True)


@method("staa_original_code", title="Original STAA code", needs=_original_code_needs, class_specific=False)
def staa_original_code(record: Record, *, percentile: float | None = None) -> NDArray[np.float32]:
    """Original code published with STAA, for comparison only: it reads the wrong rows and no temporal attention.

    The code reads the last layer's spatial attention of frame 0 only: it takes the row of patch ``i`` as the map of
    frame ``i``. The sum of this row, which is the published temporal score of frame ``i``, is the attention of a patch
    of frame 0 to all tokens except CLS, whatever happens in frame ``i``. See arXiv 2411.00630 and the authors' code.

    Parameters
    ----------
    record
        Record of the forward pass.
    percentile
        Values of each frame's map below this percentile are set to zero. The published code chooses the percentile at
        random between 70 and 90, or takes 70, or sets nothing to zero; here nothing is random.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1.

    Raises
    ------
    UnsupportedRequestError
        If the model's attention is not divided, or it has more frames than patches.
    """
    if record.attention_type != "divided":
        raise UnsupportedRequestError(
            "The code published with STAA supports only models with divided space-time attention.",
            "Use method='staa', which supports this model.",
        )
    attention = require_array(record.first_frame).astype(np.float32)
    frames = record.geometry.slices
    if frames >= len(attention):
        raise UnsupportedRequestError(
            f"The code published with STAA reads a different patch for each frame, but there are {frames} frames and "
            f"{len(attention) - 1} patches.",
            "Use method='staa'.",
        )
    rows = attention[1 : 1 + frames, 1:]
    if percentile is not None:
        rows = np.where(rows >= np.percentile(rows, percentile, axis=1, keepdims=True), rows, 0)
    return scale_to_sum_one(to_grid(record.geometry, rows))
