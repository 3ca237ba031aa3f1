"""ViViT (Hugging Face): joint attention over tubelets; the classifier reads CLS.

Arnab et al., "ViViT: A Video Vision Transformer", arXiv 2103.15691.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from transformers import VivitConfig, VivitForVideoClassification
from transformers.activations import FastGELUActivation
from transformers.models.vivit.modeling_vivit import VivitAttention, VivitLayer

from staa_widgets.models.attention.chunked import apply_in_chunks
from staa_widgets.models.attention.joint import JointReader
from staa_widgets.models.family import Family, attention_and_projection, submodules_of
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs


def geometry(config: VivitConfig) -> Geometry:
    """Return the token layout: CLS, then tubelets slice by slice."""
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


def make_reader(module: VivitForVideoClassification, geometry: Geometry, needs: Needs) -> JointReader:
    """Return the reader of one pass."""
    attentions = [attention_and_projection(part) for part in submodules_of(module, VivitAttention)]
    return JointReader(
        geometry, needs, norm=module.vivit.layernorm, classifier=module.classifier, attentions=attentions
    )


def replacements(module: nn.Module, reader: JointReader) -> dict[tuple[nn.Module, str], Callable[[Tensor], Tensor]]:
    """Return replacements that apply the activation in chunks, see `Family.replacements`.

    In transformers the activation consists of eight steps, and each step reads and writes memory.
    """
    activations = submodules_of(module, FastGELUActivation)
    return reader.projection_replacements() | {
        (part, "forward"): partial(apply_in_chunks, part.forward) for part in activations
    }


VIVIT = Family(
    name="vivit",
    architecture=VivitForVideoClassification,
    geometry=geometry,
    make_reader=make_reader,
    replacements=replacements,
    layers=lambda module: submodules_of(module, VivitLayer),
    # Of the encoder alone; the classifier reads CLS without it.
    unused_weights=(r"(vivit\.)?pooler\..*",),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
