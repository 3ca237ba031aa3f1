"""Registry of model families by name; a new family is one file in `families` and one line here."""

from __future__ import annotations

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.families.timesformer import TIMESFORMER
from staa_widgets.models.families.videomae import VIDEOMAE
from staa_widgets.models.families.vivit import VIVIT
from staa_widgets.models.families.vjepa2 import VJEPA2
from staa_widgets.models.family import Family
from staa_widgets.models.wrap import GENERIC

_OPTIONAL: tuple[Family, ...] = ()
try:
    from staa_widgets.models.families.videoprism import VIDEOPRISM

    _OPTIONAL = (VIDEOPRISM,)
except ImportError:  # This release of transformers has no VideoPrism.
    pass

FAMILIES: dict[str, Family] = {
    family.name: family for family in (TIMESFORMER, VIVIT, VIDEOMAE, VJEPA2, *_OPTIONAL, GENERIC)
}


def unsupported_error(what: str) -> UnsupportedModelError:
    """Return the error to raise for a model that is in no family; its hint lists the families."""
    families = ", ".join(f"{f.name} ({f.architecture.__name__})" for f in FAMILIES.values() if f.attends)
    return UnsupportedModelError(
        f"{what}, which is not supported.",
        f"Supported: {families}. For any other model, use staa_widgets.wrap_model and a method without attention.",
    )
