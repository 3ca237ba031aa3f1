"""Payload of an explanation for the player: metadata as JSON values, arrays and pictures as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from staa_widgets.explanation.comparison import distinguishing_names, distinguishing_titles, with_own_names
from staa_widgets.explanation.notices import list_notices
from staa_widgets.explanation.own_maps import is_own_maps
from staa_widgets.explanation.sentence import summarize
from staa_widgets.export.code import explain_call
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import Group, Method, method_title
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.utils.canonical import to_json_value
from staa_widgets.utils.files import file_stem
from staa_widgets.utils.text import drop_direction_controls
from staa_widgets.widget.cost_estimate import estimate_seconds
from staa_widgets.widget.pane_content import class_index
from staa_widgets.widget.run_details import run_details
from staa_widgets.widget.score_card import explanation_cost, format_cost, is_class_specific, score_card

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

SCHEMA = 9
"""Version of the payload; the player refuses any other."""

_GROUPS = get_args(Group)


def pack(explanation: Explanation) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the payload of an explanation for the player.

    A page holds the payload as JSON and base64, a notebook as the traits ``_meta`` and ``_<name>``. Numbers are
    little-endian and in C order.

    Parameters
    ----------
    explanation
        Explanation to show. Without a preview the player draws the heat map on a plain background.

    Returns
    -------
    meta
        JSON values; times in seconds, frames as source indices.

        ``schema``, ``clip``, ``grid``, ``spans``, ``sampled_frames``, ``sampled_times``, ``labels``, ``probabilities``,
        ``method``, ``params``, ``model``: as in `Explanation`; ``box`` in pixels of the displayed source
        frame; ``attention`` is the number of layers and heads.
        ``frames``: index of the clip's ``first`` frame, the ``total`` number of frames, the indices of the ``kept``
        ones if the preview has only some, and ``live``, whether the kernel can decode the others (set by
        `pack_traits`).
        ``masks``: for each mask its ``areas`` and ``probabilities`` (means over windows), the class's
        ``clip_probability``, and the index of the ``smallest`` mask that keeps the class; ``null`` without masks.
        ``pictures``: their ``size``, and their ``offsets`` in the ``frames`` buffer.
        ``target``: index of the explained class, -1 for a difference of classes and for a function of the logits;
        ``target_name``: what is explained.
        ``own_maps``: whether these are maps of another tool.
        ``values``: the predicted values of a regression, whose ``probabilities`` are 0; else ``null``.
        ``predicted``: whether the predictions are known.
        ``scale``: factor from the ``maps`` buffer to the explanation's maps; ``signed``: whether the maps are signed.
        ``class_specific``: whether these maps depend on the class.
        ``summary``: one sentence that states the explanation (`summarize`); ``notices``: what a reader must
        know before believing it, each with a ``kind``, a ``text``, a ``hint`` and ``code`` in Python (`list_notices`).
        ``method_title``: name of the method for readers.
        ``methods``: methods that can explain the decision, with their ``title``, ``group`` and ``cost`` in words.
        ``ground_truth``: the action's label, its ``spans`` of seconds, the ``size`` of its masks, and the ``offsets``
        at which the runs of each frame start in the ``ground_truth`` buffer.
        ``cards``: score cards (`staa_widgets.widget.score_card`) of the explanations shown so far; ``card``: key of
        the card of this explanation.
        ``names``: as returned by `pane_names`; ``file_stems``: the names of ``clip`` and ``method`` in file names.
        ``recipe``: Python code that makes the explanation again; ``run_details``: names and values that describe it.
        ``colors``: names of the color tables.
    buffers
        ``frames`` (JPEG files one after the other), ``maps`` (float16 ``(S, h, w)``, divided by ``scale``),
        ``temporal`` (float32 ``(2, S)``: mass and signed mass), ``attention`` (float16 ``(L, H, S, h, w)``, empty if
        there is none), ``masks`` (float16 ``(A, S, h, w)``, empty if there are none), ``ground_truth`` (int32
        ``(R, 2)``, runs of pixels as in `GroundTruth`), ``times`` (float64 ``(F,)``, seconds of every frame of the
        clip), ``colors`` (uint8 ``(C, 256, 3)``).

    Raises
    ------
    ParameterError
        If the explanation's parameters or provenance cannot be written as JSON.
    """
    e = explanation
    scale = float(np.abs(e.maps).max(initial=0.0)) or 1.0
    preview, attention, signed = e.preview, e.attention, e.temporal_signed
    thinned = preview if preview is not None and len(preview) < len(e.times) else None
    truth, masks, card = e.ground_truth, e.masks, score_card(e)
    meta = to_json_value(
        {
            "schema": SCHEMA,
            "clip": {
                "name": drop_direction_controls(e.clip_name),
                "size": e.frame_size,
                "end": e.end,
                "sha256": e.clip_sha256,
            },
            "frames": {
                "first": e.first_frame,
                "total": len(e.times),
                "kept": None if thinned is None else thinned.indices,
                "live": False,
            },
            "pictures": None
            if preview is None
            else {"size": (preview.width, preview.height), "offsets": preview.offsets},
            "grid": e.maps.shape,
            "box": e.box,
            "spans": e.spans,
            "sampled_frames": e.sampled_frames,
            "sampled_times": e.times[e.sampled_frames - e.first_frame],
            "scale": scale,
            "signed": signed is not None,
            "attention": None if attention is None else attention.shape[:2],
            "masks": None
            if masks is None
            else {
                "areas": masks.areas,
                "probabilities": masks.probabilities.mean(axis=0).round(4),
                "clip_probability": round(float(masks.clip_probabilities.mean()), 4),
                "smallest": masks.smallest_sufficient,
            },
            "labels": [drop_direction_controls(label) for label in e.labels],
            "probabilities": np.nan_to_num(e.probabilities).round(6),
            "values": e.logits if e.problem_type == "regression" else None,
            "predicted": e.has_predictions,
            "target": class_index(e),
            "target_name": drop_direction_controls(e.target_name),
            "own_maps": is_own_maps(e.method),
            "method": e.method,
            "method_title": drop_direction_controls(method_title(e.method)),
            "summary": drop_direction_controls(summarize(e)),
            "notices": [
                {name: drop_direction_controls(text) for name, text in notice._asdict().items()}
                for notice in list_notices(e)
            ],
            "params": e.params,
            "class_specific": is_class_specific(e),
            "methods": [
                {
                    "name": method.name,
                    "title": method.title,
                    "summary": method.summary,
                    "class_specific": method.class_specific,
                    "group": method.group,
                    "cost": format_cost(explanation_cost(e, method.name)),
                    "passes": explanation_cost(e, method.name),
                    "seconds": estimate_seconds(e, method.name),
                }
                for method in _supported_methods(e)
            ],
            "ground_truth": None
            if truth is None
            else {
                "label": drop_direction_controls(truth.label),
                "spans": truth.spans(e.times, e.end),
                "size": truth.size,
                "offsets": truth.offsets,
            },
            "cards": [card] if card else [],
            "card": card and card["key"],
            "model": drop_direction_controls(e.model_id),
            "names": pane_names([e]),
            "file_stems": {"clip": file_stem(e.clip_name), "method": file_stem(e.method)},
            "recipe": explain_call(e),
            "run_details": run_details(e),
            "colors": list(COLORMAPS),
        }
    )
    buffers = {
        "frames": b"" if preview is None else preview.data.tobytes(),
        "maps": (e.maps / scale).astype("<f2").tobytes(),
        "temporal": np.stack([e.temporal, e.temporal if signed is None else signed]).astype("<f4").tobytes(),
        "attention": b"" if attention is None else attention.astype("<f2").tobytes(),
        "masks": b"" if masks is None else masks.values.astype("<f2").tobytes(),
        "times": e.times.astype("<f8").tobytes(),
        "ground_truth": b"" if truth is None else truth.runs.astype("<i4").tobytes(),
        "colors": np.stack(list(COLORMAPS.values())).tobytes(),
    }
    return meta, buffers


def pane_names(explanations: Sequence[Explanation], own_names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return short names of panes that state how the explanations differ.

    Parameters
    ----------
    explanations
        Explanations, one for each pane.
    own_names
        Names that the user gave, ``""`` where there is none; default: none.

    Returns
    -------
    dict
        ``panes``: one name for each pane: the user's own, or the title of its method; ``keys``: its key in a
        `Comparison`; ``pairs``: for each pane, a name of it and a name of the next pane (the first follows the last),
        made from the differences of these two panes only.
    """
    own_names = own_names or [""] * len(explanations)
    panes = [*zip(explanations, own_names, strict=True)]
    return {
        "panes": _shown_titles(panes),
        "keys": [drop_direction_controls(name) for name in distinguishing_names(explanations)],
        "pairs": [_shown_titles(pair) for pair in zip(panes, [*panes[1:], panes[0]], strict=True)],
    }


def _shown_titles(panes: Sequence[tuple[Explanation, str]]) -> list[str]:
    explanations, own_names = zip(*panes, strict=True)
    return [*map(drop_direction_controls, with_own_names(distinguishing_titles(explanations), own_names))]


def _supported_methods(e: Explanation) -> list[Method]:
    """Return the methods that can explain what is explained for this model, group by group, the default method first.

    A wrapped model exposes no attention, and layers only if it has feature maps.
    """
    entry = e.provenance.get("model")
    model = entry if isinstance(entry, Mapping) else {}
    wrapped = model.get("family") == "generic"
    has_layers = not wrapped or bool(model.get("has_layers"))
    default = METHODS.get("occlusion" if wrapped else "staa")
    answering = [
        method
        for method in METHODS.values()
        if not (method.exploratory or (wrapped and method.reads_attention) or (method.reads_layers and not has_layers))
        and not (method.explains_probability and (e.problem_type == "regression" or class_index(e) < 0))
    ]
    first_group = default.group if default else _GROUPS[0]
    return sorted(
        answering, key=lambda one: (one.group != first_group, _GROUPS.index(one.group), wrapped and one is not default)
    )
