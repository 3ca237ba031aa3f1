"""Run an attribution method on the pixels of one window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.datasets.drawn_actions import STEPS, action_clip
from staa_widgets.engine.time_profile import with_time_profile
from staa_widgets.errors import MethodError, ParameterError
from staa_widgets.methods.inputs import Checkpoint, MethodInputs
from staa_widgets.methods.registry import Method, get_method
from staa_widgets.methods.result import MethodResult
from staa_widgets.models.batching import MAX_BATCH
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target, check_target

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.models import VideoModel


OTHER_CLIP_SEEDS = 21_000_000
"""Seed of the first synthetic clip that `MethodInputs.other_clip_maps` can choose."""


def ignore_progress(done: int, total: int) -> None:
    """Ignore a progress report."""


@contextmanager
def open_inputs(
    model: VideoModel,
    pixels: Tensor,
    *,
    needs: Needs = Needs(),  # noqa: B008  frozen
    target: Target | None = None,
    seed: int = 0,
    batch_size: int = MAX_BATCH,
    report: Callable[[int, int], object] = ignore_progress,
    record: Record | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[MethodInputs]:
    """Yield the inputs of a method that calls the model; meanwhile the model is locked and in evaluation mode.

    Parameters
    ----------
    model
        The model; its state is restored at the end of the block, on errors too.
    pixels
        float32 ``(T, 3, H, W)``, the model's input.
    needs
        Arrays that the record must hold, if no `record` is given.
    target
        Target to explain, see `staa_widgets.records.target.Target`; ``None`` for the class with the highest logit in
        the record.
    seed
        Seed of methods that use random numbers.
    batch_size
        Number of inputs per pass.
    report
        ``report(done, total)``, called between passes; it may raise `CancelledError`.
    record
        Record of these pixels; without one, a record is made in one forward pass.
    checkpoint
        Where a method of many steps saves its state if it is interrupted.

    Raises
    ------
    WrongInputError
        If the pixels do not fit the model.
    ParameterError
        If the model has no such class, or `batch_size` is less than 1.
    """
    from staa_widgets.models import capture
    from staa_widgets.models.feature_layers import convolution_net

    check_target(target, len(model.labels))
    if batch_size < 1:
        raise ParameterError(f"batch_size is {batch_size}.", "Use a whole number of at least 1.")
    if record is None:
        (record,) = capture.record(model, pixels[None], needs, [target])
    with capture.open_classifier(model) as forward:
        yield MethodInputs(
            record=record,
            target=int(record.logits.argmax()) if target is None else target,
            # The copy can be differentiated even if the caller is in inference mode.
            pixels=pixels.detach().float().cpu().clone(),
            forward=forward,
            layers=model.family.layers(model.module),
            seed=seed,
            batch_size=batch_size,
            report=report,
            last_layer_order=model.family.last_layer_order,
            other_clip_maps=partial(_attribute_drawn_clip, model, seed),
            device=model.device,
            checkpoint=checkpoint,
            problem_type=model.problem_type,
            layers_give_features=not model.family.attends,
            net=convolution_net(model.module),
        )


def _attribute_drawn_clip(model: VideoModel, seed: int) -> NDArray[np.float32]:
    """Return the maps of `staa` for the synthetic clip that the seed determines."""
    from staa_widgets.models import capture, model_digest

    frame_count = model.geometry.frames
    clip = action_clip(OTHER_CLIP_SEEDS + seed % 1000, size=128, fps=max(frame_count, STEPS) / 4, kind="anywhere")
    frames = clip.frames[np.linspace(0, len(clip.frames) - 1, frame_count).round().astype(int)]
    staa = get_method("staa")
    (record,) = capture.record(model, model.pixels(frames)[None], staa.needs(), [None])
    return staa(record, **with_time_profile(model, partial(model_digest, model), staa, staa.defaults))


def run_method(method: Method, params: Mapping[str, Any], inputs: MethodInputs) -> MethodResult:
    """Return the result of a method, after checking that its maps are finite.

    Raises
    ------
    MethodError
        If the maps are not finite.
    """
    method.check_target(inputs.target)
    result = method.compute(inputs if method.needs_model else inputs.record, **params)
    if not np.isfinite(result.maps).all():
        raise MethodError(
            f"Method {method.name!r} returned maps with NaN or infinite values.", "Load the model with dtype='float32'."
        )
    return replace(result, maps=np.asarray(result.maps, np.float32))


def attribute(
    model: VideoModel,
    pixels: Tensor,
    method: str = "staa",
    *,
    target: Target | None = None,
    seed: int = 0,
    batch_size: int = MAX_BATCH,
    report: Callable[[int, int], object] = ignore_progress,
    **params: Any,
) -> NDArray[np.float32]:
    """Return the maps of one window from its pixels, without a clip, the cache or an explanation.

    Parameters
    ----------
    model, pixels, target, seed, batch_size, report
        As for `open_inputs`.
    method
        Name in `METHODS`.
    **params
        Parameters of the method.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``.

    Raises
    ------
    StaaError
        As `open_inputs` and `run_method`, and if the method or a parameter is unknown.
    """
    from staa_widgets.models import model_digest

    entry = get_method(method)
    needs = entry.needs(params)
    with open_inputs(
        model, pixels, needs=needs, target=target, seed=seed, batch_size=batch_size, report=report
    ) as inputs:
        complete = with_time_profile(model, partial(model_digest, model), entry, entry.complete(params))
        return run_method(entry, complete, inputs).maps
