"""Attribution methods: one function each, from a `Record` or `MethodInputs` to maps ``(S, h, w)``.

Begin with `registry.py` (what a method declares) and `occlusion.py` (a short method); `METHODS` holds all of them. To
add a method, write a module and import it below.
"""

from __future__ import annotations

# Importing a module registers its methods: a new one must be imported here. The order is that of `METHODS`.
# isort: off
from staa_widgets.methods import (
    staa,
    attention_baselines,
    controls,
    gradient,
    occlusion,
    lime_shap,
    loco,
    step,
    rise,
    patch_attention,
)

# isort: on
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import METHODS, Cost, Method, get_method, method
from staa_widgets.methods.staa import BROWSING_NEEDS, attention_maps

__all__ = [
    "BROWSING_NEEDS",
    "METHODS",
    "Cost",
    "Method",
    "MethodInputs",
    "attention_baselines",
    "attention_maps",
    "controls",
    "get_method",
    "gradient",
    "lime_shap",
    "loco",
    "method",
    "occlusion",
    "patch_attention",
    "rise",
    "staa",
    "step",
]
