"""Attribution methods: functions from a `Record` to maps, registered with what they need."""

from __future__ import annotations

from staa_widgets.methods.base import METHODS, Method, get_method, method
from staa_widgets.methods.staa import BROWSING, attention_maps, staa, staa_logit

__all__ = ["BROWSING", "METHODS", "Method", "attention_maps", "get_method", "method", "staa", "staa_logit"]
