"""STEP and extremal perturbations: the smallest parts of a clip, in space and time, that keep the model's prediction.

The optimization itself is in `mask_optimizer`, which loads torch; presets are in `step_settings`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import TooSlowError, UnsupportedRequestError
from staa_widgets.methods.fillers import cell_means
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.result import MethodResult
from staa_widgets.methods.step_settings import PRESETS, StepSettings, check_settings, choose_areas, resolve_settings
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.masks import Masks
from staa_widgets.records.problem import ProblemType
from staa_widgets.records.record import Needs
from staa_widgets.records.target import Target

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.methods.mask_optimizer import MaskProblem, MaskState

MAX_CPU_SECONDS = 300.0
"""Maximum estimated time of one window on a CPU without ``force=True``."""


def _needs(**params: Any) -> Needs:
    check_settings(**params)
    return Needs()


def _cost(geometry: Geometry, *, preset: str, areas: Any, steps: Any, **_: Any) -> Cost:
    masks, steps = len(choose_areas(preset, areas, geometry.frames)), steps or PRESETS[preset].steps
    return Cost(1 + masks * (steps + 1), masks * steps)


@method(
    "step",
    title="STEP",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    explains_probability=True,
    needs=_needs,
    cost=_cost,
)
def step(
    inputs: MethodInputs,
    *,
    preset: str = "quick",
    areas: Sequence[float] | None = None,
    steps: int | None = None,
    grid: int | None = None,
    core: bool = True,
    filler: str = "blur",
    force: bool = False,
) -> MethodResult:
    """STEP: smooth masks of given areas, each optimized so that the model still predicts the class from what it shows.

    Li, Wang, Li, Huang & Sato, "Spatio-Temporal Perturbations for Video Attribution", arXiv 2109.00222. One mask for
    each area is optimized by gradient descent: it should keep the probability of the target high, cover its area all or
    nothing, and consist of whole ellipsoids in space and time. The gradients are those of the pixels, so that any
    differentiable model can be explained. All lengths scale with the frame. Unlike in the authors' code, cells are
    centered on their pixels, a last evaluation follows the last step, and the maps are not divided by their maximum.

    A run that is cancelled leaves its masks in the cache, and the same call continues from them.

    Parameters
    ----------
    inputs
        The window and its model.
    preset
        ``"quick"``: few steps on the token grid. ``"full"``: the settings that the authors published, with 1200 steps.
        The next three parameters replace the preset's values.
    areas
        Share of the clip that each mask should cover. The frames count with a margin around them, so that a mask may
        cover up to about 1.4 times this share of the frames; `Masks.frame_areas` says how much it covers.
    steps
        Number of steps of the optimization.
    grid
        Number of cells of a mask along the frame's shorter side.
    core
        Whether masks should consist of ellipsoids; without this, the method is `extremal`.
    filler
        What the hidden part shows: ``"blur"``, in several levels, or any other name in
        `staa_widgets.methods.fillers.FILLERS`, to which the clip fades.
    force
        Whether to go on where the estimated time on a CPU is more than five minutes for a window.

    Returns
    -------
    MethodResult
        Maps ``(S, h, w)``, the mean of the masks over the areas, blurred within each frame: from 0 to 1. With the masks
        and the probability that each of them keeps.

    Raises
    ------
    TooSlowError
        If the estimated time on a CPU is more than five minutes; the message states the estimate.
    """
    settings = resolve_settings(inputs.geometry, preset, areas, steps, grid)
    return _optimize(inputs, settings, core=core, filler=filler, force=force)


@method(
    "extremal",
    title="Extremal perturbation",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    explains_probability=True,
    needs=_needs,
    cost=_cost,
)
def extremal(
    inputs: MethodInputs,
    *,
    preset: str = "quick",
    areas: Sequence[float] | None = None,
    steps: int | None = None,
    grid: int | None = None,
    filler: str = "blur",
    force: bool = False,
) -> MethodResult:
    """Extremal perturbations in space and time: `step` without the core, so that masks may consist of scattered parts.

    Fong, Patrick & Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks", arXiv
    1910.08485, with one area for the whole clip. Clips are not flipped at random: left and right can be classes.

    Parameters
    ----------
    inputs
        The window and its model.
    preset, areas, steps, grid, filler, force
        As for `step`.

    Returns
    -------
    MethodResult
        As for `step`.

    Raises
    ------
    TooSlowError
        As for `step`.
    """
    settings = resolve_settings(inputs.geometry, preset, areas, steps, grid)
    return _optimize(inputs, settings, core=False, filler=filler, force=force)


def _optimize(inputs: MethodInputs, settings: StepSettings, *, core: bool, filler: str, force: bool) -> MethodResult:
    problem = _make_problem(inputs, settings, core=core, filler=filler)
    state = _run_steps(inputs, problem, settings.steps, force=force)
    return _make_result(inputs, settings, problem, state)


def _make_problem(inputs: MethodInputs, settings: StepSettings, *, core: bool, filler: str) -> MaskProblem:
    from staa_widgets.methods.blur_levels import make_levels
    from staa_widgets.methods.mask_losses import Core
    from staa_widgets.methods.mask_optimizer import MaskProblem
    from staa_widgets.methods.smooth_masks import MaskGenerator

    if inputs.problem_type == "regression":
        raise UnsupportedRequestError(
            "This method keeps the probability of a class high, but a regression has no probabilities.",
            "Use another method, such as 'occlusion', 'rise' or 'staa_logit'.",
        )
    # An ellipsoid of two frames would be two points.
    shape = "ellipsoid" if settings.core_frames >= 3 else "cylinder"
    return MaskProblem(
        levels=make_levels(inputs.pixels.to(inputs.device), filler, settings.blur),
        generator=MaskGenerator(inputs.geometry.input_size, settings.cell, settings.sigma),
        areas=settings.areas,
        schedule=settings.schedule,
        core=Core(settings.core_frames, settings.core_side, shape) if core else None,
        log_probability=lambda clips: _log_probability(inputs.forward(clips), inputs.target, inputs.problem_type),
        seed=inputs.seed,
    )


def _run_steps(inputs: MethodInputs, problem: MaskProblem, steps: int, *, force: bool) -> MaskState:
    """Return the state after all steps; start from the saved state, and save the state if the run is interrupted."""
    from staa_widgets.methods.mask_optimizer import MaskState

    state = problem.start()
    saved_arrays = None if inputs.checkpoint is None else inputs.checkpoint.load()
    if saved_arrays is not None and saved_arrays["cells"].shape == state.cells.shape:
        state = MaskState.from_arrays(saved_arrays, inputs.device)
    masks, first = len(problem.areas), state.steps
    total = masks * (steps + 1)
    try:
        inputs.report(masks * state.steps, total)
        while state.steps < steps:
            start_time = time.perf_counter()
            done = masks * state.steps
            state = problem.take_step(
                state, inputs.batch_size, lambda count, done=done: inputs.report(done + count, total)
            )
            if state.steps == first + 1 and not force:
                _refuse_if_slow(inputs, (steps - first) * (time.perf_counter() - start_time))
            inputs.report(masks * state.steps, total)
    except BaseException:
        if inputs.checkpoint is not None and state.steps > first:
            inputs.checkpoint.save(state.to_arrays())
        raise
    return state


def _refuse_if_slow(inputs: MethodInputs, seconds: float) -> None:
    if str(inputs.device) == "cpu" and seconds > MAX_CPU_SECONDS:
        raise TooSlowError(
            f"This would take about {seconds / 60:.0f} minutes on this CPU.",
            "Pass force=True to run it anyway, or choose method='integrated_gradients' or 'rise'.",
        )


def _make_result(inputs: MethodInputs, settings: StepSettings, problem: MaskProblem, state: MaskState) -> MethodResult:
    """Evaluate the final masks, and return them with the maps."""
    import torch

    from staa_widgets.methods.blur_levels import blur_frames

    done, total = len(settings.areas) * state.steps, len(settings.areas) * (state.steps + 1)
    all_masks: list[Tensor] = []
    probabilities: list[Tensor] = []
    with torch.no_grad():
        for cells in state.cells.split(inputs.batch_size):
            masks = problem.generator.crop(problem.canvas(cells))
            probabilities.append(problem.log_probability(problem.shown_clips(masks)).exp().cpu().double())
            all_masks.append(masks.cpu())
            done += len(cells)
            inputs.report(done, total)
    masks = torch.cat(all_masks)
    maps = cell_means(inputs.geometry, blur_frames(masks.mean(0), settings.final_blur)).numpy()
    clip_logits = torch.from_numpy(inputs.record.logits)[None]
    found = Masks(
        values=cell_means(inputs.geometry, masks).half().numpy(),
        areas=np.array(settings.areas),
        frame_areas=masks.double().mean((1, 2, 3)).numpy()[None],
        probabilities=torch.cat(probabilities).numpy()[None],
        clip_probabilities=_log_probability(clip_logits, inputs.target, inputs.problem_type).exp().double().numpy(),
    )
    return MethodResult(maps, found)


def _log_probability(logits: Tensor, target: Target, problem_type: ProblemType) -> Tensor:
    """Return the logarithm of the target's probability, ``(n,)``, from logits ``(n, K)``.

    As `class_probabilities` gives it: softmax, or sigmoid of a single logit and of independent labels.
    """
    from torch.nn.functional import logsigmoid

    assert isinstance(target, int)  # The method explains a probability.
    if problem_type == "multi_label_classification" or logits.shape[1] == 1:
        return logsigmoid(logits[:, target])
    return logits.log_softmax(1)[:, target]
