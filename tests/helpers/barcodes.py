"""An explanation made by hand whose pictures show their frame index, and a numpy reference of the player's drawing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from staa_widgets.explanation.explanation import Explanation, Preview
from staa_widgets.render.colormaps import COLORMAPS

BITS = 8
FIRST, LAST = 100, 147
LABELS = ("wave", "clap", "jump", "kick")


def bit_rectangles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Return the rectangles of the bits, in a strip of 60 pixels at the left or, in portrait, at the top."""
    if width >= height:
        return [(8, 4 + i * height // BITS, 52, (i + 1) * height // BITS - 4) for i in range(BITS)]
    return [(4 + i * width // BITS, 8, (i + 1) * width // BITS - 4, 52) for i in range(BITS)]


def draw_barcode(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture with a color gradient, a moving disc, and its index in black and white cells."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([60 + 80 * x / width, 70 + 60 * y / height, 90 + 40 * (x + y) / (width + height)], axis=-1)
    image[(x - width * 0.55 - 3 * (index % 20)) ** 2 + (y - height / 2) ** 2 < 400] = (230, 220, 190)
    for bit, (x0, y0, x1, y1) in enumerate(bit_rectangles(width, height)):
        image[y0:y1, x0:x1] = 255 * (index >> bit & 1)
    return image.round().astype(np.uint8)


def read_frame_index(frame: NDArray[np.uint8]) -> int:
    """Return the frame index in an image of `draw_barcode`."""
    places = bit_rectangles(320, 180)
    return sum(
        1 << bit for bit, (x0, y0, x1, y1) in enumerate(places) if frame[(y0 + y1) // 2, (x0 + x1) // 2, 1] > 127
    )


def barcode_preview(indices: NDArray[np.int64], times: NDArray[np.float64], width: int, height: int) -> Preview:
    """Return a preview of source frames, packed as by `make_preview`."""
    jpegs = []
    for index in indices:
        buffer = io.BytesIO()
        Image.fromarray(draw_barcode(int(index), width, height)).save(buffer, "JPEG", quality=90)
        jpegs.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, jpegs)])
    return Preview(indices, times, offsets, np.frombuffer(b"".join(jpegs), np.uint8), width, height)


def barcode_explanation(*, portrait: bool = False, signed: bool = False, **changes: Any) -> Explanation:
    """Return an explanation of 48 frames, from source frame 100, with 6 slices of 2 sampled frames on a 5 × 7 grid."""
    slices, rows, columns, first = 6, 5, 7, FIRST
    width, height = (180, 320) if portrait else (320, 180)
    box = (0.0, 70.3, 180.0, 310.1) if portrait else (70.3, 0.0, 310.1, 180.0)
    times = 2 + np.concatenate([[0], np.cumsum(np.tile([0.02, 0.06], 24)[:47])])
    duration = float(times[-1] + 0.04)
    sampled = np.arange(2 * slices).reshape(slices, 2) * 4 + 2
    middles = times[sampled].mean(axis=1)
    edges = np.concatenate([[times[0]], (middles[1:] + middles[:-1]) / 2, [duration]])
    random = np.random.default_rng(0)
    maps = random.gamma(0.6, size=(slices, rows, columns)) * np.array([1, 2, 5, 3, 1, 0.5])[:, None, None]
    if signed:
        maps *= random.choice([-1, 1], maps.shape, p=[0.4, 0.6])
    fields: dict[str, Any] = {
        "maps": maps.astype(np.float32),
        "spans": np.stack([edges[:-1], edges[1:]], axis=1),
        "sampled_frames": sampled + first,
        "box": box,
        "frame_size": (width, height),
        "times": times,
        "first_frame": first,
        "end": duration,
        "logits": np.array([0.5, 1.0, 3.0, -1.0], np.float32),
        "labels": LABELS,
        "target": 2,
        "method": "staa",
        "params": {"layers": "rollout", "contrast": False},
        "model_id": "barcodes",
        "clip_sha256": "ab" * 32,
        "clip_name": "bars.mp4",
        "provenance": {"seconds": {"model": 0.125}},
        "attention": random.random((3, 2, slices, rows, columns)).astype(np.float16),
        "preview": barcode_preview(np.arange(FIRST, LAST + 1), times, width, height),
    }
    return Explanation(**{**fields, **changes})


def reference_overlay(
    picture: NDArray[np.uint8],
    field: NDArray[np.floating],
    box: tuple[float, float, float, float],
    *,
    table: str = "inferno",
    opacity: float = 0.75,
    cut: float = 0.0,
    gamma: float = 1.0,
    signed: bool = False,
    nearest: bool = False,
    top: float = 1.0,
    dim: bool = False,
) -> NDArray[np.uint8]:
    """Return a picture ``(H, W, 3)`` under a map ``(h, w)`` inside `box`, as the player should draw it."""
    height, width, _ = picture.shape
    x0, y0, x1, y1 = box
    across, columns = (np.arange(width) + 0.5 - x0) / (x1 - x0), field.shape[1]
    down, rows = (np.arange(height) + 0.5 - y0) / (y1 - y0), field.shape[0]
    inside = ((down >= 0) & (down < 1))[:, None] & ((across >= 0) & (across < 1))[None, :]

    if nearest:
        cell_rows, cell_columns = (
            np.clip(np.floor(place * count), 0, count - 1).astype(int)
            for place, count in ((down, rows), (across, columns))
        )
        value = field[np.ix_(cell_rows, cell_columns)].astype(float) / top
    else:
        value = reference_surface(field.astype(float), down * rows, across * columns) / top
    half, levels = (0.5, 1023) if signed else (0.0, 1023)
    level = np.clip(np.floor((value * (1 - half) + half) * levels + 0.5), 0, levels)
    value = 2 * level / levels - 1 if signed else level / levels
    strength = np.abs(value) ** gamma
    color = np.floor((127.5 + 127.5 * np.sign(value) * strength if signed else 255 * strength) + 0.5).astype(int)
    floor = (cut / top) ** gamma
    cover = np.clip((strength - floor) / (0.45 * (1 - floor)), 0, 1) if floor < 1 else np.zeros_like(strength)
    alpha = np.floor(255 * opacity * cover + 0.5).astype(int)[..., None] * inside[..., None]
    below = picture.astype(int)
    if dim:
        below = np.where(inside[..., None], below, (below * 80 + 127) // 255)
    blended = (below * (255 - alpha) + COLORMAPS[table][np.minimum(color, 255)].astype(int) * alpha + 127) // 255
    return np.where(alpha > 0, blended, below).astype(np.uint8)


def reference_surface(
    field: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the smooth surface through a map ``(h, w)`` at places in cells, as patches of Bézier control points.

    In each direction the control points lie a third of the slope beside each center. The slope is the mean of the
    differences from both neighbors, but at most 1.5 times the smaller one, and 0 where the differences change sign.
    """

    def slopes(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.zeros_like(values)
        for i in range(1, len(values) - 1):
            before, after = values[i] - values[i - 1], values[i + 1] - values[i]
            mean = (values[i + 1] - values[i - 1]) / 2
            rises = np.minimum(mean, 1.5 * np.minimum(before, after))
            falls = np.maximum(mean, 1.5 * np.maximum(before, after))
            result[i] = np.where((before > 0) & (after > 0), rises, np.where((before < 0) & (after < 0), falls, 0))
        return result

    def bernstein(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Weights of the control points, three for each cell, of which the middle one is its center."""
        at = np.clip(places - 0.5, 0, count - 1)
        cell = np.minimum(np.floor(at), max(count - 2, 0)).astype(int)
        t, result = at - cell, np.zeros((len(at), 3 * count + 3))
        for k, weight in enumerate(((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)):
            result[np.arange(len(at)), 3 * cell + 1 + k] += weight
        return result[:, : 3 * count]

    thirds = np.array([-1, 0, 1]) / 3
    steps = slopes(field)[:, None, :, None] * thirds[:, None, None]
    steps = steps + slopes(field.T).T[:, None, :, None] * thirds
    controls = (field[:, None, :, None] + steps).reshape(3 * field.shape[0], 3 * field.shape[1])
    return bernstein(down, field.shape[0]) @ controls @ bernstein(across, field.shape[1]).T
