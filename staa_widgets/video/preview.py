"""`Preview`: frames of a clip as packed JPEG. `make_preview`: encode them within a number of bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.storage.format import pack, refuse_damaged, split_fields, unpack
from staa_widgets.utils.frozen import freeze, require
from staa_widgets.video.frame_reader import resize_frame

if TYPE_CHECKING:
    from PIL import Image

    from staa_widgets.video.clip import Clip

# Levels (JPEG quality, scale) from the best to the worst: quality is reduced first, size last.
LADDER = ((88, 1.0), (80, 1.0), (70, 1.0), (58, 1.0), (45, 1.0), (40, 0.75), (40, 0.5), (35, 0.35), (30, 0.25))
MAX_FRAMES, MAX_SIDE, MAX_BYTES = 300, 640, 6_000_000
# Number of frames between two reports of progress.
REPORT_FRAMES = 8
# Number of frames that are encoded at each level to choose the level.
PROBES = 8
# Estimated bytes of a pixel at the best level. If all pictures fit by this estimate, no frames are tried first.
BYTES_PER_PIXEL = 0.25


@dataclass(frozen=True, eq=False)
class Preview:
    """Frames of the clip as packed JPEG, so that an explanation can be shown without its video.

    Parameters
    ----------
    indices
        int64 ``(P,)``, source frame of each picture, rising.
    times
        float64 ``(P,)``, seconds.
    offsets
        int64 ``(P + 1,)``, where each picture starts in `data`, and the end of the last one.
    data
        uint8 ``(bytes,)``, the JPEG files one after the other.
    width, height
        Size of the pictures in pixels.
    damaged
        int64 ``(n,)``, source frames that could not be decoded: the picture of another frame stands in for each.

    Raises
    ------
    ParameterError
        If the arrays do not fit each other.
    """

    indices: NDArray[np.int64]
    times: NDArray[np.float64]
    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]
    width: int
    height: int
    damaged: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        freeze(self, "indices", np.int64, (None,))
        count = len(self.indices)
        freeze(self, "times", np.float64, (count,))
        freeze(self, "offsets", np.int64, (count + 1,))
        freeze(self, "data", np.uint8, (None,))
        freeze(self, "damaged", np.int64, (None,))
        require(count > 0 and bool((np.diff(self.indices) > 0).all()), "Preview.indices must increase.")
        edges = self.offsets
        require(
            edges[0] == 0 and edges[-1] == self.data.size and bool((np.diff(edges) > 0).all()),
            "Preview.offsets must increase from 0 to the size of the data.",
        )
        require(self.width > 0 and self.height > 0, "Preview.width and Preview.height must be positive.")

    def __len__(self) -> int:
        return len(self.indices)

    def jpeg(self, position: int) -> bytes:
        """Return the JPEG file at a position ``0 … P - 1``."""
        return self.data[self.offsets[position] : self.offsets[position + 1]].tobytes()

    def to_bytes(self) -> bytes:
        """Return the pictures as the bytes of one file."""
        return pack("preview", *split_fields(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Preview:
        """Return the preview that `to_bytes` wrote; raises `FormatError` for other, truncated or altered bytes."""
        return cls.from_parts(*unpack("preview", data))

    @classmethod
    def from_parts(cls, values: dict[str, Any], arrays: dict[str, Any]) -> Preview:
        """Return the preview with these fields, as `split_fields` returns them.

        Raises
        ------
        FormatError
            If a field is missing or wrong, or a picture is no JPEG file.
        """
        with refuse_damaged("The preview is inconsistent:", "Create it again.", with_cause=True):
            preview = cls(**values, **arrays)
            _check_jpegs(preview)
        return preview


def _check_jpegs(preview: Preview) -> None:
    """Raise `ParameterError` unless each picture has the marks of a JPEG file, and the first one the stated size."""
    from PIL import Image

    starts, ends = preview.offsets[:-1], preview.offsets[1:]
    require(bool((ends - starts >= 4).all()), "Preview.data has a picture that is no JPEG file.")
    marks = preview.data[np.stack([starts, starts + 1, ends - 2, ends - 1])]
    require(
        bool((marks == np.array([[0xFF], [0xD8], [0xFF], [0xD9]])).all()),
        "Preview.data has a picture that is no JPEG file.",
    )
    with Image.open(io.BytesIO(preview.jpeg(0)), formats=["JPEG"]) as picture:
        require(picture.size == (preview.width, preview.height), "Preview.data has pictures of another size.")


def even_indices(count: int, limit: int) -> NDArray[np.int64]:
    """Return all of `count` indices, or `limit` evenly spread ones, int64 ``(min(count, limit),)``."""
    return np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64)


def make_preview(
    clip: Clip,
    *,
    max_frames: int = MAX_FRAMES,
    max_side: int = MAX_SIDE,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Preview:
    """Return frames of a clip as a preview, encoded as JPEG.

    Parameters
    ----------
    clip
        The clip, ``F`` frames.
    max_frames
        Maximum number of frames to encode. Of a longer clip, evenly spread frames are encoded, with the first and the
        last.
    max_side
        Maximum pixels of the longer side; frames are never enlarged.
    max_bytes
        Maximum bytes of all pictures together. If the best quality does not fit, the quality is reduced, then the size;
        the smallest pictures are used even if they do not fit.
    progress
        Called as ``progress(done, total)`` every few frames; it may raise an error to cancel.

    Returns
    -------
    Preview
        ``P = min(F, max_frames)`` pictures.
    """
    indices = even_indices(len(clip), max_frames)
    scale = min(1.0, max_side / max(clip.width, clip.height))
    steps = [(quality, _scaled_size(clip, scale * factor)) for quality, factor in LADDER]
    damaged: set[int] = set()
    level = 0
    if len(indices) * math.prod(steps[0][1]) * BYTES_PER_PIXEL > max_bytes:
        probes = indices[even_indices(len(indices), PROBES)]
        probe_frames = list(clip.iter_frames(probes, size=steps[0][1], on_damage=damaged.add))
        probe_bytes = max_bytes * len(probes) / len(indices)
        while level + 1 < len(steps) and _encoded_bytes(probe_frames, *steps[level]) > probe_bytes:
            level += 1
    pictures = _encode_frames(clip, indices, *steps[level], damaged, progress)
    # Pictures may be larger than expected.
    while sum(map(len, pictures)) > max_bytes and level + 1 < len(steps):
        level += 1
        pictures = _encode_frames(clip, indices, *steps[level], damaged, progress)
    width, height = steps[level][1]
    return Preview(
        indices=clip.first_frame + indices,
        times=clip.times[indices],
        offsets=np.array([*accumulate(map(len, pictures), initial=0)], np.int64),
        data=np.frombuffer(b"".join(pictures), np.uint8),
        width=width,
        height=height,
        damaged=np.array(sorted(damaged), np.int64),
    )


def _encode_frames(
    clip: Clip,
    indices: NDArray[np.int64],
    quality: int,
    size: tuple[int, int],
    damaged: set[int],
    progress: Callable[[int, int], object],
) -> list[bytes]:
    pictures: list[bytes] = []
    for frame in clip.iter_frames(indices, size=size, on_damage=damaged.add):
        pictures.append(_encode_frame(frame, quality, size))
        if len(pictures) % REPORT_FRAMES == 0 or len(pictures) == len(indices):
            progress(len(pictures), len(indices))
    return pictures


def _encoded_bytes(frames: list[NDArray[np.uint8]], quality: int, size: tuple[int, int]) -> int:
    return sum(len(_encode_frame(frame, quality, size)) for frame in frames)


def _scaled_size(clip: Clip, scale: float) -> tuple[int, int]:
    return max(1, round(clip.width * scale)), max(1, round(clip.height * scale))


def _encode_frame(frame: NDArray[np.uint8], quality: int, size: tuple[int, int]) -> bytes:
    return encode_jpeg(resize_frame(frame, size), quality)


def encode_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return an image as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
