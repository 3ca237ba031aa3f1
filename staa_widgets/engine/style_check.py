"""Measure how far the frames that a bundled model sees are from the drawn actions that it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.datasets.drawn_actions.style import style_deviation

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.models.video_model import VideoModel


def window_style(model: VideoModel, pixels: Tensor) -> float | None:
    """Return the deviation of a window's frames from the style of drawn actions, see `style_deviation`.

    Parameters
    ----------
    model
        The model. A model that was not trained on drawn actions only has no deviation: ``None``.
    pixels
        Input of the model, float32 ``(T, 3, H, W)`` on the CPU.
    """
    if not model.drawings_only:
        return None
    transform = model.transform
    values = pixels.permute(0, 2, 3, 1).numpy() * np.array(transform.std) + np.array(transform.mean)
    levels = (values - transform.offset) / transform.scale
    return style_deviation(levels.round().clip(0, 255).astype(np.uint8))
