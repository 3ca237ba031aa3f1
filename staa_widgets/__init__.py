"""See where and when a video transformer looked.

This module only lists the public names: `_HOMES` says which module defines a name, and the module is imported when the
name is first used. Begin reading with `staa_widgets.engine.explain`. CONTRIBUTING.md lists all packages with their
contents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets._version import __version__ as __version__

if TYPE_CHECKING:
    from staa_widgets.datasets.drawn_actions import ActionClip as ActionClip
    from staa_widgets.datasets.drawn_actions import action_clip as action_clip
    from staa_widgets.engine.explain import compare as compare
    from staa_widgets.engine.explain import explain as explain
    from staa_widgets.engine.explain import stream as stream
    from staa_widgets.engine.many import Outcome as Outcome
    from staa_widgets.engine.many import explain_many as explain_many
    from staa_widgets.engine.time_profile import time_profile as time_profile
    from staa_widgets.evaluation.evaluate import evaluate as evaluate
    from staa_widgets.evaluation.results import Results as Results
    from staa_widgets.explanation.comparison import Comparison as Comparison
    from staa_widgets.explanation.explanation import Explanation as Explanation
    from staa_widgets.explanation.selection import Selection as Selection
    from staa_widgets.export.image import render_image as render_image
    from staa_widgets.live_video.live import live as live
    from staa_widgets.live_video.live_explanation import Live as Live
    from staa_widgets.methods import METHODS as METHODS
    from staa_widgets.models import VideoModel as VideoModel
    from staa_widgets.models import load_model as load_model
    from staa_widgets.models import wrap_model as wrap_model
    from staa_widgets.storage import cache as cache
    from staa_widgets.video.clip import Clip as Clip
    from staa_widgets.video.open import open_clip as open_clip
    from staa_widgets.widget.player import Player as Player
    from staa_widgets.widget.plotly_link import link as link
    from staa_widgets.widget.plotly_link import linked_figure as linked_figure

_HOMES = {
    "ActionClip": "datasets.drawn_actions",
    "Clip": "video.clip",
    "Comparison": "explanation.comparison",
    "Explanation": "explanation.explanation",
    "Live": "live_video.live_explanation",
    "METHODS": "methods",
    "Outcome": "engine.many",
    "Player": "widget.player",
    "Results": "evaluation.results",
    "Selection": "explanation.selection",
    "VideoModel": "models",
    "action_clip": "datasets.drawn_actions",
    "compare": "engine.explain",
    "evaluate": "evaluation.evaluate",
    "explain": "engine.explain",
    "explain_many": "engine.many",
    "link": "widget.plotly_link",
    "linked_figure": "widget.plotly_link",
    "live": "live_video.live",
    "load_model": "models",
    "open_clip": "video.open",
    "render_image": "export.image",
    "stream": "engine.explain",
    "time_profile": "engine.time_profile",
    "wrap_model": "models",
}

debug = False
"""Whether a notebook shows the whole traceback of this package's errors."""

__all__ = ["__version__", "cache", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"staa_widgets.{_HOMES[name]}"), name)
    if name == "cache":
        return import_module("staa_widgets.storage.cache")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
