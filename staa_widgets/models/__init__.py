"""Video transformers: loading them, and how each family is read."""

from __future__ import annotations

from staa_widgets.models.base import Family, VideoModel
from staa_widgets.models.digest import weights_digest
from staa_widgets.models.families import FAMILIES
from staa_widgets.models.generic import wrap_model
from staa_widgets.models.loading import BUNDLED_MODELS, load_model
from staa_widgets.models.transform import Transform

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
