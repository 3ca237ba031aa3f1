"""ViViT (Hugging Face): joint attention over tubelets, read by CLS.

Arnab et al., "ViViT: A Video Vision Transformer", arXiv 2103.15691.
"""

from __future__ import annotations

from transformers import VivitConfig, VivitForVideoClassification
from transformers.models.vivit.modeling_vivit import VivitAttention, VivitLayer

from staa_widgets.models.base import Family, heard_in, parts_of
from staa_widgets.models.joint import JointReading
from staa_widgets.record import Geometry, Needs


def geometry(config: VivitConfig) -> Geometry:
    """Layout of the tokens: CLS, then tubelets slice by slice."""
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    tubelet, down, across = config.tubelet_size
    return Geometry(
        frames=config.num_frames,
        tubelet=tubelet,
        height=height // down,
        width=width // across,
        order="time_major",
        prefix=1,
        input_size=(height, width),
    )


def read(module: VivitForVideoClassification, geometry: Geometry, needs: Needs) -> JointReading:
    """Read a pass."""
    attentions = [heard_in(part) for part in parts_of(module, VivitAttention)]
    return JointReading(
        geometry, needs, norm=module.vivit.layernorm, classifier=module.classifier, attentions=attentions
    )


VIVIT = Family(
    name="vivit",
    architecture=VivitForVideoClassification,
    geometry=geometry,
    read=read,
    layers=lambda module: parts_of(module, VivitLayer),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
