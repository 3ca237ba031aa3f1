"""Attribution methods: functions from a `Record` or a `Query` to maps, registered with what they need."""

from __future__ import annotations

from staa_widgets.methods import attention, controls, gradient, occlusion, patch, segments
from staa_widgets.methods.base import METHODS, Cost, Method, get_method, method
from staa_widgets.methods.query import Query
from staa_widgets.methods.staa import BROWSING, attention_maps, staa, staa_logit

__all__ = [
    "BROWSING",
    "METHODS",
    "Cost",
    "Method",
    "Query",
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
