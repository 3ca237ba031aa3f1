"""Colormaps of heat maps, for the player, images and figures.

The four sequential colormaps are every fifth entry of matplotlib's (CC0; cividis by Nuñez, Anderton and Renslow, PLoS
ONE 13(7), 2018). The diverging colormap is for signed maps: 0 lies in its middle.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

DIVERGING = "diverging"

_COLOR_STOPS = {
    "cividis": (
        "00224e002656002a5f002d68003070083370163770203a6f273e6e2e416d34456c3a486c3f4c6c444f6c49536c4e566c535a6d57"
        "5d6d5c616e60646f656870696b716d6f727272747676767a7a787e7d788381798885788d8878928c789690779b9476a09875a59c"
        "74aaa073afa471b5a86fbaac6dbfb06bc4b468c9b965cfbd62d4c15fdac65bdfca57e5cf52ead34cf0d846f6dd3ffce236fee838"
    ),
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d33638d31"
        "688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7"
        "793dbc7446c06f50c46a5ac86465cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
    ),
    "magma": (
        "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a107952137c5a167e6219806a1c8172"
        "1f81792282812581892881912b81992d80a1307eaa337db2357bba3878c23b75ca3e72d2426fd9466be04c67e75263ec5860f160"
        "5df4695cf7725cf97b5dfb8560fc8e64fd9869fea16efeaa74feb47bfebd82fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf"
    ),
    "inferno": (
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e78"
        "1c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed69"
        "25f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
    ),
    DIVERGING: "0b3c8c1f6fd04fa3e8a5d3f2f2f2f2fbc79bf28c3cd8500c8c1f0b",
}


def _interpolate_colormap(stops: str) -> NDArray[np.uint8]:
    colors = np.frombuffer(bytes.fromhex(stops), np.uint8).reshape(-1, 3)
    positions = np.linspace(0, 255, len(colors))
    channels = [np.interp(np.arange(256), positions, channel) for channel in colors.T]
    table = np.stack(channels, axis=1).round().astype(np.uint8)
    table.flags.writeable = False
    return table


COLORMAPS = MappingProxyType({name: _interpolate_colormap(stops) for name, stops in _COLOR_STOPS.items()})
"""uint8 ``(256, 3)`` RGB by name, from least to greatest."""
