"""See where and when a video transformer looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

# At once, because the package of that name would otherwise take its place as soon as anything in it is imported.
from staa_widgets.evaluate.run import evaluate as evaluate

if TYPE_CHECKING:
    from staa_widgets import cache as cache
    from staa_widgets.actions import ActionClip as ActionClip
    from staa_widgets.actions import action_clip as action_clip
    from staa_widgets.clip import Clip as Clip
    from staa_widgets.clip import open_clip as open_clip
    from staa_widgets.comparison import Comparison as Comparison
    from staa_widgets.engine import compare as compare
    from staa_widgets.engine import explain as explain
    from staa_widgets.engine import stream as stream
    from staa_widgets.evaluate.results import Results as Results
    from staa_widgets.explanation import Explanation as Explanation
    from staa_widgets.many import Outcome as Outcome
    from staa_widgets.many import explain_many as explain_many
    from staa_widgets.methods import METHODS as METHODS
    from staa_widgets.models import VideoModel as VideoModel
    from staa_widgets.models import load_model as load_model
    from staa_widgets.models import wrap_model as wrap_model
    from staa_widgets.still import render_static as render_static
    from staa_widgets.widget.link import link as link
    from staa_widgets.widget.player import Player as Player
    from staa_widgets.widget.selection import Selection as Selection

_HOMES = {
    "ActionClip": "actions",
    "Clip": "clip",
    "Comparison": "comparison",
    "Explanation": "explanation",
    "METHODS": "methods",
    "Outcome": "many",
    "Player": "widget.player",
    "Results": "evaluate.results",
    "Selection": "widget.selection",
    "VideoModel": "models",
    "action_clip": "actions",
    "compare": "engine",
    "explain": "engine",
    "explain_many": "many",
    "link": "widget.link",
    "load_model": "models",
    "open_clip": "clip",
    "render_static": "still",
    "stream": "engine",
    "wrap_model": "models",
}

__version__ = "0.1.0"
__all__ = ["__version__", "cache", "evaluate", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"staa_widgets.{_HOMES[name]}"), name)
    if name == "cache":
        return import_module("staa_widgets.cache")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
