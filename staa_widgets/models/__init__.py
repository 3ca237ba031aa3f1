"""Load video classifiers and capture their attention.

Begin with `loading` (from a name to a `VideoModel`) and `capture` (one forward pass to records of its attention).
`checkpoint` reads the files of a model, which other people may have written. `families` has one file for each
architecture, and `registry` lists the families; `wrap` takes any other classifier.
"""

from __future__ import annotations

from staa_widgets.utils.installation import model_libraries_error

try:
    import transformers.modeling_utils  # noqa: F401
except Exception as error:  # A torchvision for another release of torch makes transformers raise many kinds of errors.
    raise model_libraries_error(error) from error

from staa_widgets.models.family import Family
from staa_widgets.models.fingerprint.digest import model_digest, weights_digest
from staa_widgets.models.loading import load_model
from staa_widgets.models.model_source import BUNDLED_MODELS
from staa_widgets.models.recipes import Recipe
from staa_widgets.models.registry import FAMILIES
from staa_widgets.models.transform import Transform
from staa_widgets.models.video_model import VideoModel
from staa_widgets.models.wrap import wrap_model

__all__ = [
    "BUNDLED_MODELS",
    "FAMILIES",
    "Family",
    "Recipe",
    "Transform",
    "VideoModel",
    "load_model",
    "model_digest",
    "weights_digest",
    "wrap_model",
]
