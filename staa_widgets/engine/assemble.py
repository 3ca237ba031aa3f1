"""Build explanations from the results of windows: of a whole clip, or of the part that one window covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.engine.accumulator import ATTENTION_LIMIT, WindowAccumulator
from staa_widgets.engine.layout import SliceLayout
from staa_widgets.engine.merge import merge_windows
from staa_widgets.engine.time_profile import params_with_profile, variation_over_time
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods.staa import attention_maps
from staa_widgets.models.fingerprint.digest import weights_digest
from staa_widgets.records.masks import Masks
from staa_widgets.records.problem import ProblemType, class_probabilities, guess_probability
from staa_widgets.records.target import (
    LogitFunction,
    Target,
    is_class,
    target_name,
    target_slopes,
    target_values,
)
from staa_widgets.utils.versions import package_versions
from staa_widgets.video.open import open_clip

if TYPE_CHECKING:
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.engine.window_maps import WindowResult
    from staa_widgets.video.clip import Clip


@dataclass(frozen=True, eq=False)
class MergedWindows:
    """Maps and attention of all windows of a clip, merged.

    Parameters
    ----------
    maps
        float32 ``(S', h, w)``.
    attention
        float16 ``(L, H, S', h, w)``; ``None`` if it was not requested or is too large.
    weights
        Weights of the ``W`` windows.
    masks
        Masks ``(A, S', h, w)``, not weighted; ``None`` if the method makes no masks.
    """

    maps: NDArray[np.float32]
    attention: NDArray[np.float16] | None
    weights: list[float]
    masks: Masks | None


def merge_clip(
    layout: SliceLayout, windows: WindowAccumulator, problem_type: ProblemType = "single_label_classification"
) -> MergedWindows:
    """Return the maps and the attention of a clip's windows, merged along time.

    If there are several windows, the maps of each window are scaled to sum 1 and weighted by `window_weights`; without
    the weight, the share of each slice would be about the same all over a long clip. If a patch was requested, only the
    window chosen for it counts.
    """
    count = len(windows.maps)
    included = list(range(count)) if windows.patch_window is None else [windows.patch_window]
    maps = [windows.maps[i] for i in included]
    weights = [1.0 if i in included else 0.0 for i in range(count)]
    if len(included) > 1:
        maps = [_scale_to_unit_mass(window_maps) for window_maps in maps]
        weights = window_weights(windows.logits, windows.target, problem_type)
    slice_index = layout.slice_index[included]
    included_weights = [weights[i] for i in included]
    slices = len(layout.sampled_frames)
    attention = None
    if windows.attention:
        by_slice = [np.moveaxis(windows.attention.pop(i), 2, 0) for i in included]
        attention = np.moveaxis(merge_windows(by_slice, slice_index, included_weights, slices), 0, 2).astype(np.float16)
    masks = _merge_masks([windows.masks[i] for i in included], slice_index, slices) if windows.masks else None
    return MergedWindows(merge_windows(maps, slice_index, included_weights, slices), attention, weights, masks)


def _merge_masks(masks: Sequence[Masks], slice_index: NDArray[np.int64], slices: int) -> Masks:
    """Return the masks of all windows as one; where windows overlap, their masks are averaged."""
    by_slice = [np.moveaxis(part.values, 1, 0) for part in masks]
    merged = merge_windows(by_slice, slice_index, [1.0] * len(masks), slices)
    return Masks(
        values=np.moveaxis(merged, 0, 1).astype(np.float16),
        areas=masks[0].areas,
        frame_areas=np.concatenate([part.frame_areas for part in masks]),
        probabilities=np.concatenate([part.probabilities for part in masks]),
        clip_probabilities=np.concatenate([part.clip_probabilities for part in masks]),
    )


def window_weights(
    logits: NDArray[np.floating], target: Target, problem_type: ProblemType = "single_label_classification"
) -> list[float]:
    """Return the weight of each window: by how much its probability of the target exceeds that of a guess.

    For a difference of classes this is the mean over the two classes. For a function of the logits it is the mean over
    all classes, weighted by the magnitudes of the function's derivatives at the logits of the window.

    Parameters
    ----------
    logits
        ``(W, K)``.
    target
        Target that is explained.
    problem_type
        What the logits mean.

    Returns
    -------
    list[float]
        ``max(p - 1/K, 0)`` of the ``W`` windows, ``max(p - 1/2, 0)`` for an independent label. All are 1 if the model
        does not see the target in any window, and for a regression, which has no probabilities.
    """
    if problem_type == "regression":
        return [1.0] * len(logits)
    guess = guess_probability(problem_type, logits.shape[1])
    excess = np.maximum(class_probabilities(logits, problem_type) - guess, 0)
    shares = np.abs(target_slopes(logits, target), dtype=np.float64)
    totals = shares.sum(1)
    weights = np.divide((excess * shares).sum(1), totals, out=np.zeros_like(totals), where=totals > 0)
    return weights.tolist() if weights.any() else [1.0] * len(weights)


def explain_clip(
    run: ExplainRun, layout: SliceLayout, windows: WindowAccumulator, merged: MergedWindows
) -> Explanation:
    """Return the explanation of a whole clip."""
    return Explanation(
        maps=merged.maps,
        spans=layout.spans,
        sampled_frames=layout.sampled_frames,
        logits=windows.logits.mean(0),
        **_target_fields(windows.target, windows.logits.mean(0)),
        attention=merged.attention,
        window_logits=windows.logits,
        masks=merged.masks,
        provenance=_provenance(
            run,
            range(len(run.windows)),
            windows.maps,
            merged.weights,
            list(windows.errors.values()),
            list(windows.completeness_gaps.values()),
            run.timer.seconds,
            merged.masks,
            windows.logits.mean(0),
            list(windows.style_deviations.values()),
        ),
        **_clip_fields(run, run.request.clip),
    )


def explain_window(run: ExplainRun, layout: SliceLayout, result: WindowResult) -> tuple[Explanation, Clip]:
    """Return the explanation of the part of a clip that one window covers, and this part as a `Clip`.

    The parts of adjacent windows tile the clip; the parts of overlapping windows overlap.
    """
    slices = layout.slice_index[result.window]
    spans = layout.spans[slices]
    clip = open_clip(run.request.clip, float(spans[0, 0]), float(spans[-1, 1]))
    record = result.record
    logits = record.logits
    attention = None
    if run.request.attention and (record.heads is not None or record.patch_rows is not None):
        attention = attention_maps(record)
        if attention.nbytes > ATTENTION_LIMIT:
            attention = None
    explanation = Explanation(
        maps=result.maps,
        spans=spans,
        sampled_frames=layout.sampled_frames[slices],
        logits=logits,
        **_target_fields(result.target, logits),
        attention=attention,
        window_logits=logits[None],
        masks=result.masks,
        provenance=_provenance(
            run,
            [result.window],
            [result.maps],
            [1.0],
            [result.standard_errors],
            [] if result.completeness_gap is None else [result.completeness_gap],
            result.seconds,
            result.masks,
            logits,
            [] if record.style_deviation is None else [record.style_deviation],
        ),
        **_clip_fields(run, clip),
    )
    return explanation, clip


def _scale_to_unit_mass(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    mass = float(np.abs(maps).sum())
    return maps / mass if mass else maps


def _clip_fields(run: ExplainRun, clip: Clip) -> dict[str, Any]:
    return {
        "box": run.model.transform.box(clip.width, clip.height),
        "frame_size": (clip.width, clip.height),
        "times": clip.times,
        "first_frame": clip.first_frame,
        "end": clip.end,
        "labels": run.model.labels,
        "method": run.method.name,
        "params": run.params,
        "model_id": run.model.id,
        "problem_type": run.model.problem_type,
        "clip_sha256": clip.sha256,
    }


def _target_fields(target: Target, logits: NDArray[np.floating]) -> dict[str, Any]:
    """Return the fields of an explanation for what it explains."""
    if isinstance(target, LogitFunction):
        return {"target": int(logits.argmax()), "target_function": target.name}
    if isinstance(target, tuple):
        return {"target": target[0], "target_minus": target[1]}
    return {"target": target}


def _describe_target(run: ExplainRun, logits: NDArray[np.floating]) -> dict[str, Any]:
    """Return the name and the value of a difference of classes or a function of the logits; empty for a class.

    `local`: whether the maps hold for the function's derivatives at the logits of each window only.
    """
    target = run.target
    if is_class(target):
        return {}
    assert target is not None
    return {
        "target": {
            "name": target_name(target, run.model.labels),
            "value": float(target_values(logits[None], target)[0]),
            "local": isinstance(target, LogitFunction) and not run.method.needs_model,
        }
    }


def _padding(run: ExplainRun) -> dict[str, Any]:
    """Return how a clip was padded that has fewer frames than the model takes; empty if it was not."""
    repeats = run.model.geometry.frames - len(run.request.clip)
    return {"pad": run.request.pad, "repeats_of_last_frame": repeats} if run.request.pad and repeats > 0 else {}


def _provenance(
    run: ExplainRun,
    windows: Sequence[int],
    maps: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    weights: list[float],
    errors: Sequence[Mapping[str, float]],
    completeness_gaps: Sequence[float],
    seconds: Mapping[str, float],
    masks: Masks | None,
    logits: NDArray[np.floating],
    style_deviations: Sequence[float],
) -> dict[str, Any]:
    from staa_widgets.models.feature_layers import has_layers

    model, method, clip = run.model, run.method, run.request.clip
    cost = method.cost(model.geometry, run.params)
    error_names = dict.fromkeys(name for window_errors in errors for name in window_errors)
    return {
        "versions": package_versions(),
        "model": {
            "family": model.family.name,
            "weights": weights_digest(model),
            "transform": model.transform.describe(),
            **({} if model.family.attends else {"has_layers": has_layers(model)}),
        },
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "method": {"name": method.name, "version": method.version, "params": run.params},
        **_describe_target(run, logits),
        **_describe_time(run, maps, weights),
        "sampling": {
            "frames": [run.frames(i) for i in windows],
            "times": [run.windows[i].times for i in windows],
            "window_weights": weights,
            **_padding(run),
        },
        "box": model.transform.box(clip.width, clip.height),
        # Standard errors, see `WindowResult.standard_errors`, averaged over windows.
        "standard_errors": {
            name: float(np.mean([window_errors[name] for window_errors in errors if name in window_errors]))
            for name in error_names
        },
        "cost": {name: len(windows) * passes for name, passes in cost._asdict().items()},
        "seconds": dict(seconds),
        # The largest gap of all windows, see `staa_widgets.methods.result.completeness_gap`.
        **({"completeness_gap": max(completeness_gaps)} if completeness_gaps else {}),
        # For a model that knows drawn actions only: the median over windows, see `staa_widgets.engine.style_check`.
        **({"style_deviation": round(float(np.median(style_deviations)), 4)} if style_deviations else {}),
        **({} if masks is None else {"masks": _describe_masks(masks)}),
    }


def _describe_time(
    run: ExplainRun,
    maps: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    weights: Sequence[float],
) -> dict[str, Any]:
    """Return the time profile and how far the maps differ from it; empty if the method divides by none."""
    profile = params_with_profile(run).get("profile")
    if profile is None:
        return {}
    variations = [variation_over_time(window_maps, profile) for window_maps in maps]
    return {"time": {"profile": list(profile), "variation": float(np.average(variations, weights=weights))}}


def _describe_masks(masks: Masks) -> dict[str, Any]:
    """Return the figures of masks: one number for each area, in lists of one entry for each window."""
    return {
        "areas": masks.areas,
        "frame_areas": masks.frame_areas.round(4),
        "probabilities": masks.probabilities.round(4),
        "clip_probabilities": masks.clip_probabilities.round(4),
        "smallest_sufficient": masks.smallest_sufficient,
    }
