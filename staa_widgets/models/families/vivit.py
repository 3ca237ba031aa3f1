"""ViViT (Hugging Face): joint attention over tubelets, read by CLS.

Arnab et al., "ViViT: A Video Vision Transformer", arXiv 2103.15691.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from transformers import VivitConfig, VivitForVideoClassification
from transformers.activations import FastGELUActivation
from transformers.models.vivit.modeling_vivit import VivitAttention, VivitLayer

from staa_widgets.models.attention.chunked import in_pieces
from staa_widgets.models.attention.joint import JointReading
from staa_widgets.models.family import Family, heard_in, parts_of
from staa_widgets.records.record import Geometry, Needs


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


def instead(module: nn.Module, reading: JointReading) -> dict[tuple[nn.Module, str], Callable[[Tensor], Tensor]]:
    """Let the activation, in transformers eight steps, go through memory once; see `Family.instead`."""
    activations = parts_of(module, FastGELUActivation)
    return reading.projections() | {(part, "forward"): partial(in_pieces, part.forward) for part in activations}


VIVIT = Family(
    name="vivit",
    architecture=VivitForVideoClassification,
    geometry=geometry,
    read=read,
    instead=instead,
    layers=lambda module: parts_of(module, VivitLayer),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
