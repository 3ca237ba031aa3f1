"""What the player is given of an explanation: small facts as JSON, bulk as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.colour import COLOUR_TABLES
from staa_widgets.errors import MethodError, ParameterError
from staa_widgets.files import plain
from staa_widgets.methods import METHODS, get_method

if TYPE_CHECKING:
    from staa_widgets.explanation import Explanation

SCHEMA = 2
"""Number of this layout; the player refuses any other."""


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
        JSON values; times in seconds, frames as source indices, `box` in pixels of the displayed source frame,
        `scale` the factor from the ``maps`` buffer to the explanation's maps, `class_specific` whether these maps
        depend on the class, `methods` what else can be asked.
    buffers
        ``frames`` (JPEG files one after the other, cut at ``meta["pictures"]["offsets"]``), ``maps`` (float16
        ``(S, h, w)`` over their greatest magnitude), ``temporal`` (float32 ``(2, S)``: mass and signed mass),
        ``attention`` (float16 ``(L, H, S, h, w)``, empty where there is none), ``colours`` (uint8 ``(C, 256, 3)``).

    Raises
    ------
    ParameterError
        If the explanation's parameters or provenance hold what JSON cannot say.
    """
    e = explanation
    scale = float(np.abs(e.maps).max(initial=0.0)) or 1.0
    preview, attention, signed = e.preview, e.attention, e.temporal_signed
    frames = e.first_frame + np.arange(len(e.times)) if preview is None else preview.indices
    meta = plain(
        {
            "schema": SCHEMA,
            "clip": {"name": e.clip_name, "size": e.frame_size, "duration": e.duration, "sha256": e.clip_sha256},
            "frames": {
                "indices": frames,
                "times": e.times if preview is None else preview.times,
                "first": e.first_frame,
                "total": len(e.times),
            },
            "pictures": None
            if preview is None
            else {"size": (preview.width, preview.height), "offsets": preview.offsets},
            "grid": e.maps.shape,
            "box": e.box,
            "spans": e.spans,
            "sampled": e.sampled,
            "sampled_times": e.times[e.sampled - e.first_frame],
            "scale": scale,
            "signed": signed is not None,
            "attention": None if attention is None else attention.shape[:2],
            "labels": e.labels,
            "probabilities": np.asarray(e.probabilities, np.float64).round(6),
            "target": e.target,
            "method": e.method,
            "params": e.params,
            "class_specific": class_specific(e),
            "methods": [
                {"name": method.name, "summary": method.summary, "class_specific": method.class_specific}
                for method in METHODS.values()
            ],
            "model": e.model_id,
            "provenance": e.provenance,
            "colours": list(COLOUR_TABLES),
        }
    )
    buffers = {
        "frames": b"" if preview is None else preview.data.tobytes(),
        "maps": (e.maps / scale).astype("<f2").tobytes(),
        "temporal": np.stack([e.temporal, e.temporal if signed is None else signed]).astype("<f4").tobytes(),
        "attention": b"" if attention is None else attention.astype("<f2").tobytes(),
        "colours": np.stack(list(COLOUR_TABLES.values())).tobytes(),
    }
    return meta, buffers


def class_specific(explanation: Explanation) -> bool:
    """Tell whether an explanation's maps depend on the class they are about."""
    try:
        return get_method(explanation.method).needs(explanation.params).target
    except (MethodError, ParameterError):
        # Made by a method that is not registered here: all that is left to go by is what it is about.
        return explanation.target != int(explanation.logits.argmax())


def peak_frame(explanation: Explanation) -> int:
    """Source frame that the player shows first: of what the strongest slice saw, the one in the middle."""
    e = explanation
    frames = e.first_frame + np.arange(len(e.times)) if e.preview is None else e.preview.indices
    seen = e.sampled[e.temporal.astype(np.float32).argmax()]
    return int(frames[np.abs(frames - seen[len(seen) // 2]).argmin()])


def same_clip(one: Explanation, other: Explanation) -> bool:
    """Tell whether two explanations are of the same frames of the same video."""
    return (one.clip_sha256, one.first_frame, len(one.times)) == (
        other.clip_sha256,
        other.first_frame,
        len(other.times),
    )
