"""Random augmentation of training clips."""

from __future__ import annotations

import numpy as np

from training.nets import PATCH, SIZE

PAINTED_CLIPS = 0.6
"""Share of the clips in which tokens are painted over."""


def augment_clips(clips: np.ndarray, slices: int, painted: float, shift: int, rng: np.random.Generator) -> np.ndarray:
    """Return clips that are randomly mirrored, brightened, shifted and painted over.

    Parameters
    ----------
    clips
        ``(B, F, H, W, 3)`` uint8.
    slices
        Time slices of the model that sees them.
    painted
        Share of a clip's tokens painted over with the color of its ground, in `PAINTED_CLIPS` of the clips.
    shift
        Largest shift in pixels; the edge is repeated.
    rng
        Random generator.

    Returns
    -------
    numpy.ndarray
        ``(B, F, H, W, 3)`` uint8.
    """
    return np.stack([_augment_clip(clip, slices, painted, shift, rng) for clip in clips])


def _augment_clip(clip: np.ndarray, slices: int, painted: float, shift: int, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        clip = clip[:, :, ::-1]
    light = rng.uniform(0.75, 1.2) * np.arange(256) + rng.uniform(-0.03, 0.05) * 255
    clip = light.clip(0, 255).round().astype(np.uint8)[clip]
    if shift:
        down, right = rng.integers(-shift, shift + 1, 2)
        clip = clip[:, (np.arange(SIZE) - down).clip(0, SIZE - 1)][:, :, (np.arange(SIZE) - right).clip(0, SIZE - 1)]
    if painted and rng.random() < PAINTED_CLIPS:
        side = SIZE // PATCH
        tokens = rng.random((slices, side, side)) < painted
        over = tokens.repeat(len(clip) // slices, 0).repeat(PATCH, 1).repeat(PATCH, 2)
        ground = np.median(clip, axis=(1, 2), keepdims=True).astype(np.uint8)
        clip = np.where(over[..., None], ground, clip)
    return clip
