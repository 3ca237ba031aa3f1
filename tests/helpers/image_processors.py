"""Hugging Face's image processors without torchvision, under one name in all releases."""

from __future__ import annotations

from typing import Any

VideoMAEProcessor: Any
try:
    from transformers.models.videomae.image_processing_pil_videomae import (
        VideoMAEImageProcessorPil as VideoMAEProcessor,
    )
except ModuleNotFoundError:
    from transformers.models.videomae.image_processing_videomae import VideoMAEImageProcessor as VideoMAEProcessor

__all__ = ["VideoMAEProcessor"]
