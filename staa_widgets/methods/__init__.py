"""Attribution methods: functions from a `Record` or a `MethodInputs` to maps, registered with what they need."""

from __future__ import annotations

from staa_widgets.methods import attention_baselines as attention
from staa_widgets.methods import controls, gradient, occlusion
from staa_widgets.methods import lime_shap as segments
from staa_widgets.methods import patch_attention as patch
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import METHODS, Cost, Method, get_method, method
from staa_widgets.methods.staa import BROWSING_NEEDS, attention_maps, staa, staa_logit

__all__ = [
    "BROWSING_NEEDS",
    "METHODS",
    "Cost",
    "Method",
    "MethodInputs",
    "attention",
    "attention_maps",
    "controls",
    "get_method",
    "gradient",
    "method",
    "occlusion",
    "patch",
    "segments",
    "staa",
    "staa_logit",
]
