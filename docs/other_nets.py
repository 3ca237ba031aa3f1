"""Nets of other libraries, with the code that wraps them, for `docs/generated/methods_by_model.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["channels_last", "tokens"]


@dataclass(frozen=True)
class OtherNet:
    """A net of another library.

    Parameters
    ----------
    name
        Name of the net on the page.
    packages
        Packages that the code imports, besides torch and this one.
    code
        Python code that makes `net` and wraps it as `model`.
    feature_layer
        Name of the layer whose output Grad-CAM reads; empty if there is none.
    no_features
        Why there is none: its maps have channels last, or it has only tokens.
    """

    name: str
    packages: tuple[str, ...]
    code: str
    feature_layer: str = ""
    no_features: Reason | None = None


_KINETICS = "(0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)"
_IMAGENET = "(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)"
_WRAP = "model = staa.wrap_model(net, {}, processor=processor)\n"


def _torchvision(
    name: str,
    weights: str,
    frames: int,
    edge: int,
    size: int,
    colors: str,
    feature_layer: str = "",
    no_features: Reason | None = None,
) -> OtherNet:
    mean, std = (part.strip("()") for part in colors.split("), ("))
    code = (
        "from torchvision.models import video\n\n"
        f'net = video.{name}(weights="DEFAULT")\n'
        f'labels = video.{weights}.DEFAULT.meta["categories"]\n'
        f"mean, std = ({mean}), ({std})\n"
        f"processor = Transform(shortest_edge={edge}, crop=({size}, {size}), mean=mean, std=std)\n"
    ) + _WRAP.format(f'frames={frames}, size={size}, labels=labels, layout="bcthw", tubelet=2')
    return OtherNet(name, ("torchvision",), code, feature_layer, no_features)


_FRAME_MODEL = (
    """import timm
from torch import nn


class MeanOverFrames(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, clips):
        return self.net(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).mean(1)


net = MeanOverFrames(timm.create_model("{name}", pretrained=True))
"""
    f"mean, std = {_IMAGENET}\n"
    """model = staa.wrap_model(net, frames=8, size=224, labels=1000, mean=mean, std=std)
"""
)

_CNN_LSTM = (
    """import timm
from torch import nn


class ConvolutionsThenLSTM(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = timm.create_model("resnet18", pretrained=True, num_classes=0)
        self.lstm = nn.LSTM(512, 256, batch_first=True)
        self.head = nn.Linear(256, classes)

    def forward(self, clips):
        features = self.net(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        return self.head(self.lstm(features)[0][:, -1])


net = ConvolutionsThenLSTM(classes=10)
"""
    f"mean, std = {_IMAGENET}\n"
    """model = staa.wrap_model(net, frames=8, size=224, labels=10, mean=mean, std=std)
"""
)

OTHER_NETS = (
    _torchvision("r3d_18", "R3D_18_Weights", 16, 128, 112, _KINETICS, "layer4"),
    _torchvision("mc3_18", "MC3_18_Weights", 16, 128, 112, _KINETICS, "layer4"),
    _torchvision("r2plus1d_18", "R2Plus1D_18_Weights", 16, 128, 112, _KINETICS, "layer4"),
    _torchvision("s3d", "S3D_Weights", 16, 256, 224, _KINETICS, "features"),
    _torchvision(
        "mvit_v2_s", "MViT_V2_S_Weights", 16, 256, 224, "(0.45, 0.45, 0.45), (0.225, 0.225, 0.225)", "", "tokens"
    ),
    _torchvision("swin3d_t", "Swin3D_T_Weights", 16, 256, 224, _IMAGENET, "", "channels_last"),
    OtherNet("timm, resnet18", ("timm",), _FRAME_MODEL.replace("{name}", "resnet18"), "net.layer4"),
    OtherNet(
        "timm, vit_tiny_patch16_224",
        ("timm",),
        _FRAME_MODEL.replace("{name}", "vit_tiny_patch16_224"),
        no_features="tokens",
    ),
    OtherNet("CNN + LSTM", ("timm",), _CNN_LSTM, "net.layer4"),
)
"""In the order of the page."""
