"""Video transformers: loading them, and how each family is read."""

from __future__ import annotations

from staa_widgets.models.family import Family, VideoModel
from staa_widgets.models.fingerprint.weights import weights_digest
from staa_widgets.models.loading import BUNDLED_MODELS, load_model
from staa_widgets.models.registry import FAMILIES
from staa_widgets.models.transform import Transform
from staa_widgets.models.wrap import wrap_model

__all__ = [
    "BUNDLED_MODELS",
    "FAMILIES",
    "Family",
    "Transform",
    "VideoModel",
    "load_model",
    "weights_digest",
    "wrap_model",
]
