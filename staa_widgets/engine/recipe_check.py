"""Resolve `window=` to seconds, and compare the seconds that a window spans with what the model was trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.video.windows import check_window

if TYPE_CHECKING:
    from staa_widgets.models.video_model import VideoModel
    from staa_widgets.video.clip import Clip
    from staa_widgets.video.windows import Windows

MAX_RATIO = 2.01
"""Maximum ratio of the seconds that a window spans to those of the recipe, or the reverse, without a warning.

It is slightly above 2, because the frames of a clip rarely lie exactly at the times that a window asks for.
"""

MAX_SECONDS_WITHOUT_RECIPE = 12.0
"""Maximum seconds of a window, without a warning, for a model whose recipe is not known."""


def window_name(window: float | str | None, model: VideoModel) -> float | str:
    """Return `window`, or the model's default: ``"recipe"`` if it was trained on parts of clips, else ``"whole"``."""
    if window is not None:
        return window
    return "whole" if model.recipe is None or model.recipe.whole else "recipe"


def resolve_window(window: float | str | None, stride: float | None, model: VideoModel) -> float | None:
    """Return the seconds of a window; ``None`` for one window over the whole clip.

    Raises
    ------
    ParameterError
        If nothing is known about what the model was trained with, or the stride does not fit the window.
    """
    name = window_name(window, model)
    if name == "recipe":
        if model.recipe is None:
            raise ParameterError(
                f"It is not known what {model.id!r} was trained with.",
                "Give window= in seconds, or window='whole' for one window over the whole clip.",
            )
        name = model.recipe.seconds
    check_window(name, stride)
    return None if isinstance(name, str) else name


def describe_sampling(model: VideoModel, clip: Clip, windows: Windows) -> dict[str, Any]:
    """Compare the seconds that windows span with those of the recipe; return the values for the provenance.

    Returns
    -------
    dict
        ``windows``, their number; ``window_seconds``, the seconds of the window that differs most from the recipe, or
        of the longest window if the recipe is not known; ``trained_seconds``, the seconds of the recipe, or ``None``;
        ``assumed_rate``, whether the times of the clip's frames are assumed; ``recipe``, a sentence that says all this.
        If a warning is due, also ``off_recipe``: the distance between the frames of the window divided by the distance
        in training, or ``None``.
    """
    recipe, spans, count = model.recipe, windows.seconds, model.geometry.frames
    # No warning if all frames are used however long the clip is: they are fewer than the model needs, or were chosen
    # by the user and have no times.
    uses_all_frames = len(clip) < count or (clip.assumed_rate and len(clip) == count)
    ratios = spans / recipe.seconds if recipe else spans / MAX_SECONDS_WITHOUT_RECIPE
    farthest = int(np.abs(np.log(ratios.clip(1e-9))).argmax()) if recipe else int(spans.argmax())
    seconds, ratio = float(spans[farthest]), float(ratios[farthest])
    is_off = not 1 / MAX_RATIO <= ratio <= MAX_RATIO if recipe else ratio > 1
    frames = f"{count} frames"
    text = f"{frames} over {seconds:.3g} s in a window"
    if len(windows) > 1:
        text = f"{len(windows)} windows of {text.removesuffix(' in a window')} each"
    if clip.assumed_rate:
        text += ", if they are 25 a second"
    if recipe is None:
        training = "it is not known what the model was trained with"
    elif recipe.whole:
        training = f"trained with {frames} over whole clips of about {recipe.seconds:.3g} s"
    else:
        training = f"trained with {frames} over {recipe.seconds:.3g} s"
    return {
        "windows": len(windows),
        "window_seconds": round(seconds, 4),
        "trained_seconds": None if recipe is None else round(recipe.seconds, 4),
        "assumed_rate": clip.assumed_rate,
        "recipe": f"{text}; {training}",
        **({"off_recipe": round(ratio, 3) if recipe else None} if is_off and not uses_all_frames else {}),
    }
