"""VideoMAE (Hugging Face): joint attention over tubelets; the classifier reads the mean of all tokens.

Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video Pre-Training", arXiv
2203.12602.
"""

from __future__ import annotations

from copy import deepcopy

from transformers import VideoMAEConfig, VideoMAEForVideoClassification
from transformers.models.videomae.modeling_videomae import VideoMAEAttention, VideoMAELayer

from staa_widgets.models.attention.joint import JointReader
from staa_widgets.models.family import Family, attention_and_projection, submodules_of
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

_KEY_BIAS = r"videomae\..*\.attention\.key\.bias"


def geometry(config: VideoMAEConfig) -> Geometry:
    """Return the token layout: tubelets slice by slice, and no CLS."""
    size, patch = config.image_size, config.patch_size
    height, width = (size, size) if isinstance(size, int) else size
    down, across = (patch, patch) if isinstance(patch, int) else patch
    return Geometry(
        frames=config.num_frames,
        tubelet=config.tubelet_size,
        height=height // down,
        width=width // across,
        order="time_major",
        prefix=0,
        input_size=(height, width),
    )


def make_reader(module: VideoMAEForVideoClassification, geometry: Geometry, needs: Needs) -> JointReader:
    """Return the reader of one pass; without mean pooling the classifier reads the first token, which is a tubelet."""
    norm = next(part for part in (module.fc_norm, module.videomae.layernorm) if part is not None)
    return JointReader(
        geometry,
        needs,
        norm=norm,
        classifier=module.classifier,
        attentions=[attention_and_projection(part) for part in submodules_of(module, VideoMAEAttention)],
        mean_pooled=norm is module.fc_norm,
    )


def outline(config: VideoMAEConfig) -> VideoMAEConfig:
    """Return the configuration of a model of one token with the same weights, see `Family.outline`.

    The table of position embeddings is no weight, and takes seconds to compute.
    """
    small = deepcopy(config)
    small.num_frames, small.image_size = small.tubelet_size, small.patch_size
    return small


VIDEOMAE = Family(
    name="videomae",
    architecture=VideoMAEForVideoClassification,
    geometry=geometry,
    make_reader=make_reader,
    replacements=lambda _, reader: reader.projection_replacements(),
    layers=lambda module: submodules_of(module, VideoMAELayer),
    # The decoder of pretraining, whose position embeddings have no prefix. Keys have a bias in some releases of
    # transformers only (5.10 to 5.17): it adds the same number to all scores of a query and so changes no attention.
    unused_weights=(r"decoder\..*", r"encoder_to_decoder\..*", "mask_token", "position_embeddings", _KEY_BIAS),
    zero_weights=(_KEY_BIAS,),
    renamed_weights={
        r"\.q_bias$": ".query.bias",
        r"\.v_bias$": ".value.bias",
        r"\.query\.bias$": ".q_bias",
        r"\.value\.bias$": ".v_bias",
    },
    outline=outline,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
