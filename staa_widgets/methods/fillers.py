"""Fillers: functions that make the pixels that replace a hidden part of a clip.

A filler makes a clip of replacement pixels from a clip; both are ``(T, 3, H, W)``, as the model's input. Except for
`fade`, no filler is a constant: a gray patch on a dark background would be a new object in the clip, not the absence of
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from staa_widgets.utils.registry import look_up

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.records.geometry import Geometry

    Filler = Callable[[Tensor], Tensor]

BLUR_SIGMA = 1 / 8
"""Standard deviation of `blur` as a share of the frame's shorter side."""


def blur(pixels: Tensor) -> Tensor:
    """Blur every frame so strongly that limbs vanish and the colors of the background stay."""
    import torch
    from torch.nn.functional import conv2d, pad

    sigma = BLUR_SIGMA * min(pixels.shape[-2:])
    reach = round(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, device=pixels.device)
    kernel = (-0.5 * (offsets / sigma) ** 2).exp()
    kernel = (kernel / kernel.sum()).to(pixels.dtype)
    planes = pad(pixels.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    planes = conv2d(conv2d(planes, kernel[None, None, :, None]), kernel[None, None, None, :])
    return planes.reshape(pixels.shape)


def median(pixels: Tensor) -> Tensor:
    """Set every pixel to its median over time: usually the color that the pixel has most of the time."""
    return pixels.median(0, keepdim=True).values.expand_as(pixels).clone()


def darkest(pixels: Tensor) -> Tensor:
    """Set every pixel to the darkest of its colors over time."""
    frame = pixels.mean(1, keepdim=True).argmin(0, keepdim=True)
    return pixels.gather(0, frame.expand(1, *pixels.shape[1:])).expand_as(pixels).clone()


def freeze(pixels: Tensor) -> Tensor:
    """Replace each frame by the frame before, the first frame by the second; `fill` skips removed frames."""
    return pixels[[1, *range(len(pixels) - 1)]] if len(pixels) > 1 else pixels.clone()


def fade(pixels: Tensor) -> Tensor:
    """Set every pixel to the clip's mean color."""
    return pixels.mean((0, 2, 3), keepdim=True).expand_as(pixels).clone()


FILLERS: Mapping[str, Filler] = {
    "blur": blur,
    "median": median,
    "darkest": darkest,
    "freeze": freeze,
    "fade": fade,
}
"""Fillers by name: from pixels ``(T, 3, H, W)`` to replacement pixels of the same shape."""


def get_filler(name: str) -> Filler:
    """Return a filler by its name.

    Raises
    ------
    ParameterError
        If there is no such filler; the message suggests the most similar name.
    """
    return look_up("filler", name, FILLERS)


def cell_mask(geometry: Geometry, cells: Tensor) -> Tensor:
    """Return cells of the token grid, bool ``(n, S, h, w)``, as masks of the pixels that they cover: ``(n, T, H, W)``.

    If the frame's size is not a multiple of the patch size, models do not see the pixels at the right and lower edge;
    these pixels are counted to the last cells.
    """
    import torch

    (height, width), (patch_height, patch_width) = geometry.input_size, _patch_size(geometry)
    rows = (torch.arange(height) // patch_height).clamp(max=geometry.height - 1)
    columns = (torch.arange(width) // patch_width).clamp(max=geometry.width - 1)
    frames = torch.arange(geometry.frames) // geometry.tubelet
    return cells[:, frames[:, None, None], rows[:, None], columns]


def cell_sums(geometry: Geometry, values: Tensor) -> Tensor:
    """Return the sum of values, ``(T, 3, H, W)``, over the channels, frames and pixels of each cell: ``(S, h, w)``."""
    return _pixels_by_cell(geometry, values.sum(1)).sum((-5, -3, -1))


def cell_means(geometry: Geometry, values: Tensor) -> Tensor:
    """Return the mean of values, ``(…, T, H, W)``, over the frames and pixels of each cell: ``(…, S, h, w)``."""
    return _pixels_by_cell(geometry, values).mean((-5, -3, -1))


def fill(pixels: Tensor, removed: Tensor, filler: str) -> Tensor:
    """Return copies of a clip in which removed parts are replaced by a filler.

    Parameters
    ----------
    pixels
        ``(T, 3, H, W)``.
    removed
        bool ``(n, T, H, W)``, the pixels to remove in each of the n copies.
    filler
        Name in `FILLERS`. ``"freeze"`` shows at each pixel the last earlier frame in which the pixel is not removed,
        else the first later frame; a pixel that is removed in all frames shows the clip's middle frame.

    Returns
    -------
    Tensor
        ``(n, T, 3, H, W)``.
    """
    return prepare_fill(pixels, filler)(removed)


def prepare_fill(pixels: Tensor, filler: str) -> Callable[[Tensor], Tensor]:
    """Return a function from `removed` to the result of `fill` for this clip; the filler runs only once."""
    make_filled = get_filler(filler)
    if filler == "freeze":
        return lambda removed: _hold_last_frame(pixels, removed)
    filled = make_filled(pixels)
    return lambda removed: filled.where(removed[:, :, None], pixels)


def _patch_size(geometry: Geometry) -> tuple[int, int]:
    """Return ``(height, width)`` of a patch in pixels."""
    return geometry.input_size[0] // geometry.height, geometry.input_size[1] // geometry.width


def _pixels_by_cell(geometry: Geometry, values: Tensor) -> Tensor:
    """Return values ``(…, T, H, W)`` as ``(…, S, frames, h, rows, w, columns)``; pixels of no cell are left out."""
    rows, columns = _patch_size(geometry)
    covered_pixels = values[..., : rows * geometry.height, : columns * geometry.width]
    return covered_pixels.reshape(
        *values.shape[:-3], geometry.slices, geometry.tubelet, geometry.height, rows, geometry.width, columns
    )


def _hold_last_frame(pixels: Tensor, removed: Tensor) -> Tensor:
    """Fill removed pixels as the filler ``"freeze"`` does, see `fill`."""
    import torch

    count = removed.shape[1]
    frame_numbers = torch.arange(count, device=removed.device)[None, :, None, None].expand_as(removed)
    last_visible = frame_numbers.where(~removed, -1).cummax(1).values
    next_visible = frame_numbers.where(~removed, count).flip(1).cummin(1).values.flip(1)
    source_frames = last_visible.where(last_visible >= 0, next_visible.where(next_visible < count, count // 2))
    source_frames = source_frames[:, :, None].expand(-1, -1, pixels.shape[1], -1, -1)
    return pixels.expand(len(removed), *pixels.shape).gather(1, source_frames)
