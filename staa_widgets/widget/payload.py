"""What the player is given of an explanation: small facts as JSON, bulk as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from staa_widgets.export.code import explain_call
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import Group, Method
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.utils.canonical import to_json_value
from staa_widgets.widget.run_details import run_details
from staa_widgets.widget.score_card import explanation_cost, format_cost, is_class_specific, score_card

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

SCHEMA = 7
"""Number of this layout; the player refuses any other."""

_GROUPS = get_args(Group)


def pack(explanation: Explanation) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Lay an explanation out for the player.

    The same two things travel in a page (JSON and base64) and in a notebook (the traits ``_meta`` and ``_<name>``).
    Numbers are little-endian and in C order.

    Parameters
    ----------
    explanation
        What to show. Without a preview the player draws the heat on a plain ground.

    Returns
    -------
    meta
        JSON values; times in seconds, frames as source indices.

        ``schema``, ``clip``, ``grid``, ``spans``, ``sampled_frames``, ``sampled_times``, ``labels``, ``probabilities``,
        ``target``, ``method``, ``params``, ``model``: as in `Explanation`; ``box`` in pixels of the displayed source
        frame; ``attention`` is the number of layers and heads.
        ``frames``: the clip's ``first`` one and their ``total``, those ``kept`` as pictures where they were thinned
        out, and whether the kernel can be asked for the others (``live``; the player knows).
        ``pictures``: their ``size`` and the ``offsets`` at which the ``frames`` buffer is cut.
        ``scale``: the factor from the ``maps`` buffer to the explanation's maps; ``signed`` tells whether they are.
        ``class_specific``: whether these maps depend on the class.
        ``methods``: what else the decision can be explained with, with ``group`` and ``cost`` in words.
        ``ground_truth``: the action's label, its ``spans`` of seconds, the ``size`` of its masks, and the ``offsets``
        at which the runs of each frame start in the ``ground_truth`` buffer.
        ``cards``: score cards (`staa_widgets.widget.score_card`) of what was shown; ``card``: the key of the one
        on show.
        ``recipe``: the Python that makes the explanation again; ``run_details``: what was run, as names and values.
        ``colors``: names of the color tables.
    buffers
        ``frames`` (JPEG files one after the other), ``maps`` (float16 ``(S, h, w)`` over their greatest magnitude),
        ``temporal`` (float32 ``(2, S)``: mass and signed mass), ``attention`` (float16 ``(L, H, S, h, w)``, empty where
        there is none), ``ground_truth`` (int32 ``(R, 2)``, runs of pixels as in `GroundTruth`), ``times`` (float64
        ``(F,)``, seconds of every frame of the clip), ``colors`` (uint8 ``(C, 256, 3)``).

    Raises
    ------
    ParameterError
        If the explanation's parameters or provenance hold what JSON cannot say.
    """
    e = explanation
    scale = float(np.abs(e.maps).max(initial=0.0)) or 1.0
    preview, attention, signed = e.preview, e.attention, e.temporal_signed
    thinned = preview if preview is not None and len(preview) < len(e.times) else None
    truth, scored = e.ground_truth, score_card(e)
    meta = to_json_value(
        {
            "schema": SCHEMA,
            "clip": {"name": e.clip_name, "size": e.frame_size, "end": e.end, "sha256": e.clip_sha256},
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
            "labels": e.labels,
            "probabilities": np.asarray(e.probabilities, np.float64).round(6),
            "target": e.target,
            "method": e.method,
            "params": e.params,
            "class_specific": is_class_specific(e),
            "methods": [
                {
                    "name": method.name,
                    "summary": method.summary,
                    "class_specific": method.class_specific,
                    "group": method.group,
                    "cost": format_cost(explanation_cost(e, method.name)),
                }
                for method in sorted(METHODS.values(), key=lambda method: _GROUPS.index(method.group))
                if _supports_method(e, method) and not method.exploratory
            ],
            "ground_truth": None
            if truth is None
            else {
                "label": truth.label,
                "spans": truth.spans(e.times, e.end),
                "size": truth.size,
                "offsets": truth.offsets,
            },
            "cards": [scored] if scored else [],
            "card": scored and scored["key"],
            "model": e.model_id,
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
        "times": e.times.astype("<f8").tobytes(),
        "ground_truth": b"" if truth is None else truth.runs.astype("<i4").tobytes(),
        "colors": np.stack(list(COLORMAPS.values())).tobytes(),
    }
    return meta, buffers


def _supports_method(e: Explanation, method: Method) -> bool:
    """Tell whether an explanation's model can answer a method: a wrapped one has no attention to show."""
    model = e.provenance.get("model")
    wrapped = isinstance(model, Mapping) and model.get("family") == "generic"
    return not wrapped or method.group != "attention"
