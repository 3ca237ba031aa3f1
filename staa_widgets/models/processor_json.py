"""Read a processor's JSON as the processor class that it names would: with the defaults of this class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image

from staa_widgets.errors import ModelLoadError, ParameterError

_TYPE_KEYS = ("image_processor_type", "video_processor_type", "feature_extractor_type")
_PARTS = ("video_processor", "image_processor")
# ImageProcessor, ImageProcessorFast, ImageProcessorPil, VideoProcessor, FeatureExtractor.
_SUFFIX = re.compile("(image|video)processor(fast|pil)?$|featureextractor$")


@dataclass(frozen=True)
class ProcessorClass:
    """The defaults of a processor class, for keys that the JSON lacks; old files have few keys.

    Parameters
    ----------
    settings
        Defaults that differ from those of VideoMAE's processor.
    edge
        Height and width of the input in pixels, for which the default size is.
    offset
        Whether 1 is subtracted after rescaling: never, always, or as the key `offset` says, whose default is true.
    size_from_crop
        Whether the size is computed from the crop, and a size in the JSON ignored.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    edge: int = 224
    offset: Literal["never", "always", "by key"] = "never"
    size_from_crop: bool = False


_COMMON: dict[str, Any] = {
    "size": {"shortest_edge": 224},
    "resample": int(Image.Resampling.BILINEAR),
    "rescale_factor": 1 / 255,
    "image_mean": 0.5,
    "image_std": 0.5,
}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_VIVIT = {"size": {"shortest_edge": 256}, "rescale_factor": 1 / 127.5}
_WHOLE_FRAME = {
    "size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "resample": int(Image.Resampling.BICUBIC),
}
_VIDEOMAE = ProcessorClass()
_CLASSES: dict[str, ProcessorClass] = {
    "videomae": _VIDEOMAE,
    "timesformervideo": ProcessorClass(_IMAGENET),
    "vivit": ProcessorClass(_VIVIT, offset="by key"),
    "vivitvideo": ProcessorClass(_VIVIT, offset="always"),
    "vjepa2": ProcessorClass(_IMAGENET, edge=256, size_from_crop=True),
    "videoprism": ProcessorClass({**_WHOLE_FRAME, "do_normalize": False}),
    "llavaonevision": ProcessorClass(
        {
            **_WHOLE_FRAME,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
        }
    ),
}
"""By the class's name in lower case without its ending; ``video`` stays where the class for videos differs."""

_BY_MODEL_TYPE = {"vivit": "vivit", "vjepa2": "vjepa2", "videoprism_vision_model": "videoprism"}
"""The class that transformers takes for a JSON without a name; for all other types, that of VideoMAE."""


def processor_json(processor: Any) -> Mapping[str, Any]:
    """Return the settings of a processor, or of the image or video processor inside it.

    Raises
    ------
    ParameterError
        If it is no processor.
    """
    for name in _PARTS:
        if isinstance(processor, Mapping):
            processor = part if isinstance(part := processor.get(name), Mapping) else processor
        else:
            processor = getattr(processor, name, None) or processor
    if isinstance(processor, Mapping):
        return processor
    if not hasattr(processor, "to_dict"):
        raise ParameterError(
            f"A processor cannot be a {type(processor).__name__}.",
            "Pass a Transform, the contents of a processor's JSON, or a Hugging Face processor.",
        )
    return processor.to_dict()


def read_settings(
    processor: Mapping[str, Any], model_type: str | None = None, input_size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Return the settings of the `Transform` that a processor's JSON describes.

    Parameters
    ----------
    processor
        Contents of the JSON.
    model_type
        ``model_type`` of the model, for a JSON that names no known class.
    input_size
        Height and width of the model's input, for a JSON without sizes; by default those of the class.

    Raises
    ------
    ModelLoadError
        If there is a step that `Transform` does not support.
    TypeError, ValueError, KeyError, OverflowError, AttributeError
        If a value has another type than the processor classes write.
    """
    kind = _find_class(processor, model_type)
    stated = {key: value for key, value in processor.items() if value is not None}
    settings = _COMMON | dict(kind.settings) | stated
    crop, default_crop = None, input_size or (kind.edge, kind.edge)
    if _is_on(settings, "do_center_crop"):
        crop = _read_edges(settings["crop_size"]) if "crop_size" in settings else default_crop
    shortest_edge, size = None, None
    if _is_on(settings, "do_resize"):
        if kind.size_from_crop:
            shortest_edge = int((crop or default_crop)[0] * 256 / 224)
        else:
            # A size that the JSON lacks is that of the class, scaled to this input.
            factor = 1 if "size" in stated else min(crop or default_crop) / kind.edge
            shortest_edge, size = _read_resize(settings["size"], factor)
    rescale, normalize = _is_on(settings, "do_rescale"), _is_on(settings, "do_normalize")
    has_offset = kind.offset == "always" or (kind.offset == "by key" and _is_on(settings, "offset"))
    return {
        "shortest_edge": shortest_edge,
        "size": size,
        "crop": crop,
        "resample": _whole(settings["resample"]),
        "scale": float(settings["rescale_factor"]) if rescale else 1.0,
        "offset": -1.0 if rescale and has_offset else 0.0,
        "mean": _per_channel(settings["image_mean"]) if normalize else (0.0, 0.0, 0.0),
        "std": _per_channel(settings["image_std"]) if normalize else (1.0, 1.0, 1.0),
    }


def _find_class(processor: Mapping[str, Any], model_type: str | None) -> ProcessorClass:
    for key in _TYPE_KEYS:
        name = str(processor.get(key) or "").casefold()
        stem = _SUFFIX.sub("", name)
        video = f"{stem}video" if name.endswith("videoprocessor") else ""
        if video in _CLASSES or stem in _CLASSES:
            return _CLASSES[video if video in _CLASSES else stem]
    return _CLASSES.get(_BY_MODEL_TYPE.get(model_type or "", ""), _VIDEOMAE)


def _read_resize(resize: Any, factor: float) -> tuple[int | None, tuple[int, int] | None]:
    """Return the shortest edge or the size to resize to, times a factor."""
    if isinstance(resize, int):
        return round(resize * factor), None
    if not isinstance(resize, list | tuple) and "shortest_edge" in resize and not resize.get("longest_edge"):
        return round(_whole(resize["shortest_edge"]) * factor), None
    if isinstance(resize, list | tuple) or ("height" in resize and "width" in resize):
        height, width = _read_edges(resize)
        return None, (round(height * factor), round(width * factor))
    raise ModelLoadError(
        f"The processor's resize setting {dict(resize)} is not supported.", "Pass processor=Transform(…) to load_model."
    )


def _read_edges(value: Any) -> tuple[int, int]:
    """Return height and width, from a number, a pair, or a mapping with both or with the edge of a square."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, list | tuple):
        height, width = value
        return _whole(height), _whole(width)
    if "shortest_edge" in value and "height" not in value:
        edge = _whole(value["shortest_edge"])
        return edge, edge
    return _whole(value["height"]), _whole(value["width"])


def _is_on(processor: Mapping[str, Any], name: str) -> bool:
    value = processor.get(name, True)
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, not true or false")
    return value


def _whole(number: Any) -> int:
    if isinstance(number, str) or number != int(number):
        raise ValueError(f"{number!r} is not a whole number")
    return int(number)


def _per_channel(value: float | list[float]) -> tuple[float, float, float]:
    red, green, blue = [float(value)] * 3 if isinstance(value, int | float) else map(float, value)
    return red, green, blue
