"""Preprocessing of frames as a processor's JSON says, and the way back to source pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from staa_widgets.errors import ModelLoadError

# Defaults of the processor classes for what the JSON leaves out; old files hold little.
_DEFAULTS: dict[str, Any] = {
    "size": {"shortest_edge": 224},
    "crop_size": {"height": 224, "width": 224},
    "resample": int(Image.Resampling.BILINEAR),
    "rescale_factor": 1 / 255,
    "image_mean": 0.5,
    "image_std": 0.5,
}
_VIVIT_DEFAULTS: dict[str, Any] = {"size": {"shortest_edge": 256}, "rescale_factor": 1 / 127.5, "offset": True}
_VJEPA2_DEFAULTS: dict[str, Any] = {
    "crop_size": {"height": 256, "width": 256},
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
_TYPE_KEYS = ("image_processor_type", "video_processor_type", "feature_extractor_type")


@dataclass(frozen=True)
class Transform:
    """Resizes, crops at the center, rescales and normalizes frames, without torchvision.

    Equal to Hugging Face's PIL image processors.

    Parameters
    ----------
    shortest_edge
        Resize so that the shorter edge has this many pixels. Exclusive with `size`.
    size
        Resize to ``(height, width)``, whatever the shape of the frame.
    crop
        ``(height, width)`` cut out of the center; a smaller frame is padded with black.
    resample
        Pillow's number of the filter.
    scale
        Factor on the pixel values, 0 to 255.
    offset
        Added after `scale`.
    mean, std
        Of the channels, after `scale` and `offset`.
    """

    shortest_edge: int | None = None
    size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    resample: int = int(Image.Resampling.BILINEAR)
    scale: float = 1 / 255
    offset: float = 0.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def from_json(cls, processor: Mapping[str, Any]) -> Transform:
        """Make a transform from the contents of ``preprocessor_config.json`` or ``video_preprocessor_config.json``.

        Raises
        ------
        ModelLoadError
            If it asks for something that this transform does not do.
        """
        names = "".join(str(processor.get(key, "")) for key in _TYPE_KEYS)
        assumed = {
            **_DEFAULTS,
            **(_VIVIT_DEFAULTS if names.startswith("Vivit") else _VJEPA2_DEFAULTS if "VJEPA2" in names else {}),
        }
        processor = {**assumed, **{key: value for key, value in processor.items() if value is not None}}
        if "VJEPA2" in names:
            # Its class computes the size from the crop, whatever the file says.
            wanted = processor["crop_size"]
            crop = wanted if isinstance(wanted, int) else wanted["height"]
            processor["size"] = {"shortest_edge": int(crop * 256 / 224)}
        shortest_edge, size = None, None
        if processor.get("do_resize", True):
            wanted = processor["size"]
            if isinstance(wanted, int):
                shortest_edge = wanted
            elif "shortest_edge" in wanted and not wanted.get("longest_edge"):
                shortest_edge = int(wanted["shortest_edge"])
            elif "height" in wanted and "width" in wanted:
                size = (int(wanted["height"]), int(wanted["width"]))
            else:
                raise ModelLoadError(
                    f"The processor resizes by {dict(wanted)}, which is not supported.",
                    "Give processor=Transform(…) to load_model.",
                )
        crop = None
        if processor.get("do_center_crop", True):
            wanted = processor["crop_size"]
            crop = (wanted, wanted) if isinstance(wanted, int) else (int(wanted["height"]), int(wanted["width"]))
        rescale = processor.get("do_rescale", True)
        normalize = processor.get("do_normalize", True)
        return cls(
            shortest_edge=shortest_edge,
            size=size,
            crop=crop,
            resample=int(processor["resample"]),
            scale=float(processor["rescale_factor"]) if rescale else 1.0,
            offset=-1.0 if rescale and processor.get("offset", False) else 0.0,
            mean=_per_channel(processor["image_mean"]) if normalize else (0.0, 0.0, 0.0),
            std=_per_channel(processor["image_std"]) if normalize else (1.0, 1.0, 1.0),
        )

    @classmethod
    def from_processor(cls, processor: Transform | Mapping[str, Any] | Any, size: tuple[int, int]) -> Transform:
        """Make a transform from a `Transform`, JSON or Hugging Face processor, for inputs of ``(height, width)``.

        Raises
        ------
        ModelLoadError
            If it makes another size, or asks for something that this transform does not do.
        """
        if isinstance(processor, Transform):
            transform = processor
        else:
            transform = cls.from_json(processor if isinstance(processor, Mapping) else processor.to_dict())
        output = transform.crop or transform.size
        if output != size:
            made = f"{output[1]}x{output[0]}" if output else "any size"
            raise ModelLoadError(
                f"The processor makes frames of {made}, the model takes {size[1]}x{size[0]}.",
                "Give a processor that makes this size.",
            )
        return transform

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn frames, uint8 ``(T, H, W, 3)`` RGB, into float32 ``(T, 3, H', W')``."""
        small = np.stack([self._crop_center(self._resize(frame)) for frame in frames])
        values = (small.astype(np.float64) * self.scale + self.offset).astype(np.float32)
        values = (values - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))

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
        """Return the part of a source frame that fills the model's input: ``(x0, y0, x1, y1)`` in its pixels.

        It reaches beyond the frame if the crop is larger than the resized frame, which is then padded.
        """
        new_width, new_height = self.resized_size(width, height)
        crop_height, crop_width = self.crop or (new_height, new_width)
        left, top = _crop_start(new_width, crop_width), _crop_start(new_height, crop_height)
        across, down = width / new_width, height / new_height
        return left * across, top * down, (left + crop_width) * across, (top + crop_height) * down

    def describe(self) -> dict[str, Any]:
        """Return all settings as JSON values, for cache keys and provenance."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def _resize(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        size = self.resized_size(frame.shape[1], frame.shape[0])
        if size == (frame.shape[1], frame.shape[0]):
            return frame
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling(self.resample)))

    def _crop_center(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.crop is None:
            return frame
        height, width = self.crop
        top, left = _crop_start(frame.shape[0], height), _crop_start(frame.shape[1], width)
        inside = frame[max(top, 0) : top + height, max(left, 0) : left + width]
        if inside.shape[:2] == self.crop:
            return inside
        padded = np.zeros((height, width, 3), np.uint8)
        padded[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
        return padded


def _crop_start(have: int, want: int) -> int:
    """Return the first row or column of a center crop, rounded as the processors do; negative for padding."""
    return (have - want) // 2


def _per_channel(value: float | list[float]) -> tuple[float, float, float]:
    one, two, three = [float(value)] * 3 if isinstance(value, int | float) else map(float, value)
    return one, two, three
