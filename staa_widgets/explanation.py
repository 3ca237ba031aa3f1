"""`Explanation`: where and when a model looked, as a frozen value of plain numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Preview:
    """Frames of the clip as packed JPEG, so that an explanation can show itself.

    Parameters
    ----------
    indices
        int64 ``(P,)``, the source frame that each picture shows, rising.
    times
        float64 ``(P,)``, seconds.
    offsets
        int64 ``(P + 1,)``, where each picture starts in `data`.
    data
        uint8 ``(bytes,)``, the JPEG files one after the other.
    width, height
        Size of the pictures in pixels.
    """

    indices: NDArray[np.int64]
    times: NDArray[np.float64]
    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]
    width: int
    height: int


@dataclass(frozen=True)
class Explanation:
    """Where and when a video classifier looked.

    Parameters
    ----------
    maps
        float32 ``(S, h, w)``, the joint attribution of the clip over slices and token grid. Non-negative for attention
        methods. Never scaled slice by slice.
    spans
        float64 ``(S, 2)``, the half-open interval of seconds that each slice stands for; they tile the clip.
    sampled
        int64 ``(S, k)``, the source frames that each slice saw.
    box
        ``(x0, y0, x1, y1)`` in pixels of the displayed source frame: what the model saw of it.
    frame_size
        ``(width, height)`` of the displayed source frame in pixels.
    times
        float64 ``(F,)``, seconds of every frame of the clip.
    first_frame
        Source index of the clip's first frame; not 0 where a range was explained.
    duration
        Seconds at which the clip ends.
    logits
        float32 ``(K,)``, of the windows' mean where there are several.
    labels
        ``K`` names of the classes.
    target
        Index of the class explained; for a method that does not depend on the class, the predicted one.
    method, params
        What was run.
    model_id
        Name of the model.
    clip_sha256
        Digest of the video's content.
    clip_name
        File name or other short name of the video, for headings.
    provenance
        Versions, sampling, transform, seconds a step; JSON values only.
    attention
        float16 ``(L, H, S, h, w)``, attention of each layer and head, for browsing.
    window_logits
        float32 ``(W, K)``.
    preview
        Packed JPEG frames.
    """

    maps: NDArray[np.float32]
    spans: NDArray[np.float64]
    sampled: NDArray[np.int64]
    box: tuple[float, float, float, float]
    frame_size: tuple[int, int]
    times: NDArray[np.float64]
    first_frame: int
    duration: float
    logits: NDArray[np.float32]
    labels: tuple[str, ...]
    target: int
    method: str
    params: Mapping[str, Any]
    model_id: str
    clip_sha256: str
    clip_name: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    attention: NDArray[np.float16] | None = None
    window_logits: NDArray[np.float32] | None = None
    preview: Preview | None = None
