"""Sanity checks: whether a map depends on the weights, on the class, on the order of frames and on motion.

After "Sanity Checks for Saliency Maps" (Adebayo et al. 2018, arXiv 1810.03292). Each check makes a change, runs the
same method again, and compares the maps by rank correlation over all cells. The correlation is NaN if one of the two
maps is constant.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case, metric
from staa_widgets.evaluation.metrics.faithfulness import spearman

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from staa_widgets.methods.inputs import MethodInputs
    from staa_widgets.models import VideoModel

STEPS = 4
"""Default number of steps in which all weights are shuffled."""


class CascadingRandomization(NamedTuple):
    """Similarity of the maps to the original maps while weights are shuffled from the output down.

    Parameters
    ----------
    share
        float64 ``(n,)``, share of the layers that are shuffled; the last value is 1.
    similarity
        float64 ``(n,)``, rank correlation with the maps of the unchanged model.
    """

    share: NDArray[np.float64]
    similarity: NDArray[np.float64]


def similarity(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the rank correlation of two maps over all cells; NaN if one of the maps is constant."""
    import torch

    flat = [torch.from_numpy(np.ascontiguousarray(maps, np.float64)).reshape(1, -1) for maps in (one, other)]
    return float(spearman(*flat))


def parameters_from_output(model: VideoModel) -> list[list[str]]:
    """Return the names of parameters by part: head, layers from last to first, embeddings."""
    module = model.module
    layers = model.family.layers(module)
    owner = {id(parameter): depth for depth, layer in enumerate(layers) for parameter in layer.parameters()}
    parts: list[list[str]] = [[] for _ in range(len(layers) + 2)]  # embeddings, layers, head
    layers_seen = False
    for name, parameter in module.named_parameters():
        depth = owner.get(id(parameter))
        layers_seen |= depth is not None
        parts[depth + 1 if depth is not None else (-1 if layers_seen else 0)].append(name)
    return [part for part in reversed(parts) if part]


def shuffle_weights(model: VideoModel, names: Sequence[str] | None = None, *, seed: int = 0) -> VideoModel:
    """Return a copy of a model with the entries of each parameter tensor shuffled.

    The values stay the same, so that activations keep their scale, but nothing that was learned remains.

    Parameters
    ----------
    model
        The model, which is not changed.
    names
        Names of the parameters to shuffle; ``None`` for all.
    seed
        The same seed gives the same model.
    """
    shuffled = replace(model, module=deepcopy(model.module), id=f"{model.id}, shuffled")
    _shuffle_in_place(shuffled, [name for name, _ in model.module.named_parameters()] if names is None else names, seed)
    return shuffled


def cascading_randomization(case: Case, *, steps: int = STEPS, seed: int = 0) -> CascadingRandomization:
    """Return the similarity of the maps while weights are shuffled from the output down, step by step.

    Parameters
    ----------
    case
        Case with `model`, `inputs` and `attribute`.
    steps
        Number of steps; after the last one all weights are shuffled.
    seed
        Seed of the shuffling.
    """
    inputs, attribute = _require_method(case)
    if case.model is None:
        raise ParameterError("The case has no model.", "Pass model= to Case.")
    if steps < 1:
        raise ParameterError(f"steps is {steps}.", "Use at least 1.")
    parts = parameters_from_output(case.model)
    cuts = np.unique(np.linspace(0, len(parts), min(steps, len(parts)) + 1).round().astype(int))
    shuffled = shuffle_weights(case.model, [])
    similarities = []
    for start, stop in pairwise(cuts):
        _shuffle_in_place(shuffled, [name for part in parts[start:stop] for name in part], seed)
        similarities.append(similarity(case.maps, attribute(model=shuffled, target=inputs.target)))
    return CascadingRandomization(cuts[1:] / len(parts), np.array(similarities))


def _shuffle_in_place(model: VideoModel, names: Sequence[str], seed: int) -> None:
    import torch

    positions = {name: n for n, (name, _) in enumerate(model.module.named_parameters())}
    with torch.no_grad():
        for name in names:
            parameter = model.module.get_parameter(name)
            generator = torch.Generator().manual_seed(seed * 1_000_003 + positions[name])
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def _require_method(case: Case) -> tuple[MethodInputs, Any]:
    if case.inputs is None or case.attribute is None:
        raise ParameterError("The case cannot run its method again.", "Pass inputs= and attribute= to Case.")
    return case.inputs, case.attribute


_SANITY: dict[str, Any] = {"category": "sanity", "range": (-1.0, 1.0), "needs": "method"}


@metric(
    "weight_randomization",
    **_SANITY,
    higher_is_better=False,
    chance="0 for an unrelated map",
    chance_level=0.0,
    cost=lambda _, *, steps, **__: steps,
)
def weight_randomization(case: Case, *, steps: int = STEPS, seed: int = 0) -> float:
    """Similarity to the maps after the model's weights are shuffled from the output down, mean over the steps.

    A map that stays the same shows the clip and not the model: a control that never looks at the model scores 1. Steps
    whose maps are constant are left out.
    """
    if case.model is None:
        return float("nan")
    similarities = cascading_randomization(case, steps=steps, seed=seed).similarity
    similarities = similarities[np.isfinite(similarities)]
    return float(similarities.mean()) if len(similarities) else float("nan")


@metric(
    "class_sensitivity",
    **_SANITY,
    higher_is_better=False,
    chance="1 for class-agnostic methods",
    chance_level=1.0,
    cost=1,
)
def class_sensitivity(case: Case) -> float:
    """Similarity between the maps of the target and of the least likely class; 1 for a class-agnostic method.

    A class-agnostic method makes the same map for all classes, which is not a fault but should be reported.
    """
    inputs, attribute = _require_method(case)
    if not case.class_specific:
        return 1.0
    least_likely_first = inputs.record.logits.argsort()
    other = next((int(k) for k in least_likely_first if k != inputs.target), None)
    return float("nan") if other is None else similarity(case.maps, attribute(target=other))


@metric(
    "frame_shuffle",
    **_SANITY,
    higher_is_better=None,
    chance="1 if the order of the frames has no effect",
    cost=1,
)
def frame_shuffle(case: Case) -> float:
    """Similarity to the maps of the clip with its slices in another order, put back into the original order.

    Near 1, the maps follow the content of a frame, whatever the position of the frame. How much the maps should change
    depends on how much the model uses the order, so neither end of the range is better.
    """
    inputs, attribute = _require_method(case)
    slices = inputs.geometry.slices
    if slices < 2:
        return float("nan")
    rng = np.random.default_rng([abs(inputs.seed), slices])
    order = rng.permutation(slices)
    while (order == np.arange(slices)).all():
        order = rng.permutation(slices)
    shuffled = inputs.pixels.unflatten(0, (slices, -1))[order.tolist()].flatten(0, 1)
    restored = np.empty_like(case.maps)
    restored[order] = attribute(pixels=shuffled, target=inputs.target)
    return similarity(case.maps, restored)


@metric(
    "reversal",
    **_SANITY,
    higher_is_better=None,
    chance="1 if the direction of time has no effect",
    cost=1,
)
def reversal(case: Case) -> float:
    """Similarity to the maps of the reversed clip, reversed again; neither end is better."""
    inputs, attribute = _require_method(case)
    return similarity(case.maps, attribute(pixels=inputs.pixels.flip(0), target=inputs.target)[::-1])


@metric(
    "freeze",
    category="sanity",
    range=(0.0, 1.0),
    needs="method",
    higher_is_better=False,
    chance="0 for maps that are the same in every slice",
    chance_level=0.0,
    cost=1,
)
def freeze(case: Case) -> float:
    """Share of attribution that would have to move to be even over time, on a clip that repeats one frame.

    The middle frame of the clip is repeated, so that all moments are equal; any unevenness comes from the model's
    temporal positions or from the method. Maps of zeros count as even.
    """
    inputs, attribute = _require_method(case)
    still = inputs.pixels[len(inputs.pixels) // 2].expand_as(inputs.pixels).contiguous()
    return unevenness(attribute(pixels=still, target=inputs.target))


def unevenness(maps: NDArray[np.floating]) -> float:
    """Return the part of ``|maps|`` ``(S, h, w)`` by which slices exceed an even share, from 0 to ``1 - 1/S``."""
    mass = np.abs(maps).sum(axis=(1, 2), dtype=np.float64)
    return float(np.clip(mass / mass.sum() - 1 / len(mass), 0, None).sum()) if mass.any() else 0.0
