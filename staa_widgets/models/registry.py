"""Registry of model families by name; a new family is one file in `families` and one line here."""

from __future__ import annotations

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
