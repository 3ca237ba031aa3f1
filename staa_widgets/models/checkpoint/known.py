"""Published video classifiers on the Hugging Face Hub: what each repository holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WeightsKind = Literal["safetensors", "bin", "safetensors or bin"]


@dataclass(frozen=True)
class KnownCheckpoint:
    """A published classifier.

    Parameters
    ----------
    id
        Id of the repository.
    family
        Name in `FAMILIES`.
    frames, size
        Number of frames of a window, and height and width of a frame in pixels.
    classes
        Number of classes.
    weights
        Kind of the files of weights: safetensors files, or ``pytorch_model.bin``, which is pickled.
    processor
        Class of the processor in ``preprocessor_config.json`` or ``video_preprocessor_config.json``.
    """

    id: str
    family: str
    frames: int
    size: int
    classes: int
    weights: WeightsKind
    processor: str


_VIDEOMAE_PROCESSOR, _VJEPA2_PROCESSOR = "VideoMAEImageProcessor", "VJEPA2VideoProcessor"
_CLASSES = {"k400": 400, "k600": 600, "ssv2": 174}
_BOTH: WeightsKind = "safetensors or bin"

KNOWN_CHECKPOINTS: dict[str, KnownCheckpoint] = {
    checkpoint.id: checkpoint
    for checkpoint in (
        *(
            KnownCheckpoint(
                f"facebook/timesformer-{kind}-finetuned-{data}",
                "timesformer",
                frames,
                size,
                classes,
                "bin",
                "VideoMAEFeatureExtractor",
            )
            for kind, frames, size in (("base", 8, 224), ("hr", 16, 448), ("large", 96, 224))
            for data, classes in _CLASSES.items()
        ),
        *(
            KnownCheckpoint(f"MCG-NJU/videomae-{name}", "videomae", 16, 224, classes, _BOTH, _VIDEOMAE_PROCESSOR)
            for name, classes in (
                ("base-finetuned-kinetics", 400),
                ("large-finetuned-kinetics", 400),
                ("huge-finetuned-kinetics", 400),
                ("base-short-finetuned-kinetics", 400),
                ("base-finetuned-ssv2", 174),
                ("base-short-finetuned-ssv2", 174),
            )
        ),
        KnownCheckpoint("google/vivit-b-16x2-kinetics400", "vivit", 32, 224, 400, _BOTH, "ViViTImageProcessor"),
        *(
            KnownCheckpoint(
                f"facebook/vjepa2-{name}", "vjepa2", frames, size, classes, "safetensors", _VJEPA2_PROCESSOR
            )
            for name, frames, size, classes in (
                ("vitl-fpc16-256-ssv2", 16, 256, 174),
                ("vitg-fpc64-384-ssv2", 64, 384, 174),
                ("vitl-fpc32-256-diving48", 32, 256, 48),
                ("vitg-fpc32-384-diving48", 32, 384, 48),
            )
        ),
    )
}
"""Published classifiers by id. VideoPrism has none."""
