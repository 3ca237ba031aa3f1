"""The families that can be read, by name; a new family is one file and one line here."""

from __future__ import annotations

from staa_widgets.models.base import Family
from staa_widgets.models.generic import GENERIC
from staa_widgets.models.timesformer import TIMESFORMER
from staa_widgets.models.videomae import VIDEOMAE
from staa_widgets.models.vivit import VIVIT
from staa_widgets.models.vjepa2 import VJEPA2

_NEWER: tuple[Family, ...] = ()
try:
    from staa_widgets.models.videoprism import VIDEOPRISM

    _NEWER = (VIDEOPRISM,)
except ImportError:  # This release of transformers does not have it.
    pass

FAMILIES: dict[str, Family] = {
    family.name: family for family in (TIMESFORMER, VIVIT, VIDEOMAE, VJEPA2, *_NEWER, GENERIC)
}
