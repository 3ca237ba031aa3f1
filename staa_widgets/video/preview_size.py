"""Make previews smaller: encode their pictures again with less quality, then with fewer pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from staa_widgets.video.preview import LADDER, PROBES, Preview, encode_jpeg, even_indices


class SmallerPreviews(NamedTuple):
    """Previews that were encoded again at one level, which is a JPEG quality and a scale of their sides."""

    previews: tuple[Preview, ...]
    quality: int
    scale: float


def smaller_previews(previews: Sequence[Preview], max_bytes: int) -> Iterator[SmallerPreviews]:
    """Yield previews encoded again at falling levels, until the caller is content or there are no more levels.

    Parameters
    ----------
    previews
        The previews; all frames are kept.
    max_bytes
        Maximum bytes of all pictures together. Levels that exceed it, as some pictures show, are skipped, except for
        the last one.
    """
    for quality, scale in LADDER[1:]:
        is_last = (quality, scale) == LADDER[-1]
        if is_last or sum(_estimate_bytes(preview, quality, scale) for preview in previews) <= max_bytes:
            yield SmallerPreviews(tuple(_encode_again(preview, quality, scale) for preview in previews), quality, scale)


def _estimate_bytes(preview: Preview, quality: int, scale: float) -> float:
    """Return about how many bytes the pictures take at a level, from some of them."""
    positions = even_indices(len(preview), PROBES)
    sizes = [len(_encode_picture(preview, int(position), quality, scale)) for position in positions]
    return sum(sizes) / len(sizes) * len(preview)


def _encode_again(preview: Preview, quality: int, scale: float) -> Preview:
    pictures = [_encode_picture(preview, position, quality, scale) for position in range(len(preview))]
    width, height = _scaled_size(preview, scale)
    return replace(
        preview,
        offsets=np.array([*accumulate(map(len, pictures), initial=0)], np.int64),
        data=np.frombuffer(b"".join(pictures), np.uint8),
        width=width,
        height=height,
    )


def _encode_picture(preview: Preview, position: int, quality: int, scale: float) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(preview.jpeg(position)), formats=["JPEG"]) as picture:
        image = picture.convert("RGB")
    size = _scaled_size(preview, scale)
    return encode_jpeg(image if image.size == size else image.resize(size, Image.Resampling.LANCZOS), quality)


def _scaled_size(preview: Preview, scale: float) -> tuple[int, int]:
    return max(1, round(preview.width * scale)), max(1, round(preview.height * scale))
