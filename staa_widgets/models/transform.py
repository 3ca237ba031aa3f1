"""Preprocess frames as a processor's JSON states, and map the model's input back to source pixels."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from staa_widgets.errors import ModelLoadError, ParameterError
from staa_widgets.models.processor_json import processor_json, read_settings

BAND_ROWS = 512
"""Rows of a frame that are resized at a time, to save memory."""

MAX_EDGE = 2**14
"""Longest edge, in pixels, to which a frame is resized or cropped."""

_SMALLEST = 1e-12


@dataclass(frozen=True)
class Transform:
    """Resizes, crops at the center, rescales and normalizes frames, without torchvision.

    The result is equal to that of Hugging Face's PIL image processors.

    Parameters
    ----------
    shortest_edge
        Resize so that the shorter edge has this many pixels. Not together with `size`.
    size
        Resize to ``(height, width)``, for frames of any shape.
    crop
        ``(height, width)`` cut out of the center; a smaller frame is padded with black.
    resample
        Number of the resampling filter in Pillow.
    scale
        Factor on the pixel values, 0 to 255.
    offset
        Number added after `scale`.
    mean, std
        Mean and standard deviation of the channels, after `scale` and `offset`.
    """

    shortest_edge: int | None = None
    size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    resample: int = int(Image.Resampling.BILINEAR)
    scale: float = 1 / 255
    offset: float = 0.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("shortest_edge", "size", "crop"):
            value = getattr(self, name)
            if value is not None:
                edges = _check_edges(name, value, count=1 if name == "shortest_edge" else 2)
                object.__setattr__(self, name, edges[0] if name == "shortest_edge" else edges)
        if self.resample not in list(Image.Resampling):
            raise _range_error("resample", self.resample, "the number of a filter of Pillow")
        for name in ("scale", "offset"):
            object.__setattr__(self, name, _check_numbers(name, [getattr(self, name)], 1)[0])
        for name in ("mean", "std"):
            object.__setattr__(self, name, _check_numbers(name, getattr(self, name), 3))
        if abs(self.scale) < _SMALLEST or min(self.std) < _SMALLEST:
            raise ParameterError(
                f"The transform has scale {self.scale} and std {self.std}, which are too small.",
                "Give a scale that is not 0, and positive standard deviations.",
            )

    @classmethod
    def from_json(
        cls,
        processor: Mapping[str, Any],
        model_type: str | None = None,
        input_size: tuple[int, int] | None = None,
    ) -> Transform:
        """Make a transform from the contents of ``preprocessor_config.json`` or ``video_preprocessor_config.json``.

        Parameters
        ----------
        processor
            Contents of the file. Keys that it lacks have the defaults of the processor class that it names.
        model_type
            ``model_type`` of the model, for a file that names no known class.
        input_size
            ``(height, width)`` of the model's input, for a file without sizes.

        Raises
        ------
        ModelLoadError
            If the processor has a step that this transform does not support.
        """
        try:
            return cls(**read_settings(processor, model_type, input_size))
        # Values of other types than the processor classes write fail in many ways.
        except ModelLoadError:
            raise
        except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
            kind = "missing" if isinstance(error, KeyError) else type(error).__name__
            reason = getattr(error, "message", None) or f"{error} ({kind})"
            raise ModelLoadError(
                f"The processor has settings that cannot be used: {reason[:200]}",
                "Fix its JSON, or pass processor=Transform(…) to load_model.",
            ) from error

    @classmethod
    def from_processor(
        cls,
        processor: Transform | Mapping[str, Any] | Any,
        size: tuple[int, int],
        model_type: str | None = None,
    ) -> Transform:
        """Make a transform from a `Transform`, JSON or Hugging Face processor, for inputs of ``(height, width)``.

        Parameters
        ----------
        processor
            A `Transform`, the contents of a processor's JSON, or a Hugging Face processor.
        size
            Height and width of the model's input.
        model_type
            ``model_type`` of the model, for a processor that names no known class.

        Raises
        ------
        ModelLoadError
            If the processor makes inputs of another size, or has a step that this transform does not support.
        """
        is_made = isinstance(processor, Transform)
        transform = processor if is_made else cls.from_json(processor_json(processor), model_type, size)
        output = transform.crop or transform.size
        if output != size:
            output_text = f"{output[1]}x{output[0]}" if output else "any size"
            raise ModelLoadError(
                f"The processor outputs frames of {output_text}, but the model expects {size[1]}x{size[0]}.",
                "Give a processor with this output size.",
            )
        return transform

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return RGB frames, uint8 ``(T, H, W, 3)``, as the model's input, float32 ``(T, 3, H', W')``."""
        crops = np.stack([self._resize_and_crop(frame) for frame in frames])
        # A pixel has 256 possible values, so a table of them is faster than arithmetic with every pixel.
        levels = (np.arange(256) * self.scale + self.offset).astype(np.float32)[:, None]
        table = (levels - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        values = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
        for channel in range(3):
            values[:, channel] = table[:, channel][crops[..., channel]]
        return values

    def resized_size(self, width: int, height: int) -> tuple[int, int]:
        """Return ``(width, height)`` of a frame after the resize, before the crop."""
        if self.size is not None:
            return self.size[1], self.size[0]
        if self.shortest_edge is None:
            return width, height
        short, long = sorted((width, height))
        new_long = int(self.shortest_edge * long / short)
        return (self.shortest_edge, new_long) if width <= height else (new_long, self.shortest_edge)

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a source frame that fills the model's input: ``(x0, y0, x1, y1)`` in pixels of the frame.

        This box reaches beyond the frame if the crop is larger than the resized frame, which is then padded.
        """
        new_width, new_height = self.resized_size(width, height)
        crop_height, crop_width = self.crop or (new_height, new_width)
        left, top = _crop_start(new_width, crop_width), _crop_start(new_height, crop_height)
        across, down = width / new_width, height / new_height
        return left * across, top * down, (left + crop_width) * across, (top + crop_height) * down

    def describe(self) -> dict[str, Any]:
        """Return all settings as JSON values, for cache keys and provenance."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def _resize_and_crop(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the center crop of the resized frame; little more than the crop is resized."""
        height, width = frame.shape[:2]
        new_width, new_height = self.resized_size(width, height)
        crop_height, crop_width = self.crop or (new_height, new_width)
        left, top = _crop_start(new_width, crop_width), _crop_start(new_height, crop_height)
        if (new_width, new_height) != (width, height):
            resample = Image.Resampling(self.resample)
            x0, x1 = _exact_range(width, new_width, left, left + crop_width, resample)
            y0, y1 = _exact_range(height, new_height, top, top + crop_height, resample)
            if (x0, y0, x1, y1) == (0, 0, new_width, new_height) and height <= BAND_ROWS:
                frame = np.asarray(Image.fromarray(frame).resize((new_width, new_height), resample))
            else:
                frame = _resize_part(frame, (new_width, new_height), (x0, y0, x1, y1), resample)
            left, top = left - x0, top - y0
        overlap = frame[max(top, 0) : top + crop_height, max(left, 0) : left + crop_width]
        if overlap.shape[:2] == (crop_height, crop_width):
            return overlap
        padded = np.zeros((crop_height, crop_width, 3), np.uint8)
        padded[max(-top, 0) :, max(-left, 0) :][: overlap.shape[0], : overlap.shape[1]] = overlap
        return padded


def _resize_part(
    frame: NDArray[np.uint8], size: tuple[int, int], part: tuple[int, int, int, int], resample: Image.Resampling
) -> NDArray[np.uint8]:
    """Return the part ``(x0, y0, x1, y1)`` of a frame as it would be resized to ``(width, height)``.

    One axis after the other, because Pillow may take them in another order for a part of a frame. Rows do not depend on
    each other in the first step, so that only some of them need be images of Pillow at once.
    """
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = part
    across, down = width / size[0], height / size[1]
    narrow = np.empty((height, x1 - x0, 3), np.uint8)
    for row in range(0, height, BAND_ROWS):
        band = Image.fromarray(frame[row : row + BAND_ROWS])
        columns = (round(x0 * across), 0, round(x1 * across), band.height)
        narrow[row : row + BAND_ROWS] = np.asarray(band.resize((x1 - x0, band.height), resample, columns))
    rows = (0, round(y0 * down), x1 - x0, round(y1 * down))
    return np.asarray(Image.fromarray(narrow).resize((x1 - x0, y1 - y0), resample, rows))


def _exact_range(length: int, new_length: int, start: int, stop: int, resample: Image.Resampling) -> tuple[int, int]:
    """Return a range of resized pixels around a crop that comes from whole source pixels.

    Resized on its own, such a range is the same as within the whole frame: Pillow rounds other bounds. Filters that
    take the value of one source pixel decide ties by the last bit, so they get the whole frame.
    """
    if resample in (Image.Resampling.NEAREST, Image.Resampling.BOX):
        return 0, new_length
    step = new_length // math.gcd(length, new_length)
    return max(0, start // step * step), min(new_length, -(-stop // step) * step)


def _crop_start(length: int, crop: int) -> int:
    """Return the first row or column of a center crop, rounded as the processors round it; negative for padding."""
    return (length - crop) // 2


def _check_edges(name: str, value: Any, count: int) -> tuple[int, ...]:
    try:
        edges = tuple(operator.index(edge) for edge in (value if count > 1 else [value]))
    except TypeError:
        edges = ()
    if len(edges) != count or not all(1 <= edge <= MAX_EDGE for edge in edges):
        raise _range_error(name, value, f"{'height and width' if count > 1 else 'a number'} from 1 to {MAX_EDGE}")
    return edges


def _check_numbers(name: str, values: Any, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if len(numbers) != count or not all(abs(number) <= 1 / _SMALLEST for number in numbers):
        raise _range_error(name, values, f"{count} finite number{'s' if count > 1 else ''} of a usual size")
    return numbers


def _range_error(name: str, value: object, expected: str) -> ParameterError:
    return ParameterError(f"{name} of the transform is {str(value)[:60]}, not {expected}.", "Correct this value.")
