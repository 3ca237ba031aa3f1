"""Explanations that the site shows: each as a picture and as an exported page that plays without a kernel."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

import staa_widgets as staa
from staa_widgets.datasets.drawn_actions import KINDS
from staa_widgets.explanation.sentence import summarize
from staa_widgets.methods import METHODS

CLIP_SEED = 3
"""Seed of the clip that all methods explain."""

KIND_SEED = 21
"""Seed of the clips of each kind."""


class Example(NamedTuple):
    """An exported page of the chapter on the player.

    Parameters
    ----------
    methods
        Methods whose maps of the clip are shown, one in each pane.
    settings
        Settings of the player when the page opens.
    """

    methods: Sequence[str]
    settings: dict[str, Any]


LOOK = {
    "first": Example(["staa"], {}),
    "style": Example(["staa"], {"colormap": "magma", "opacity": 0.8, "threshold": 0.8, "interpolation": "nearest"}),
    "heads": Example(["staa"], {"layer": 1, "head": 2}),
    "signed": Example(["occlusion"], {"smooth": 0.5}),
    "masks": Example(["step"], {"mask": 0}),
    "compare": Example(["staa", "rollout", "grad_cam", "motion_energy"], {}),
    "wipe": Example(["staa", "motion_energy"], {"view": "wipe"}),
    "difference": Example(["staa", "staa_logit"], {"view": "difference"}),
    "selection": Example(["staa"], {"selection": (1.0, 2.0)}),
}
"""Pages of the chapter on the player, by name."""


def example_clip() -> staa.ActionClip:
    """Return the clip that all methods explain."""
    return staa.action_clip(CLIP_SEED, size=192, fps=8)


def write_method_examples(extra: Path, pictures: Path, report: Callable[[str], None]) -> dict[str, str]:
    """Explain the clip by every method; write pages and pictures, and return a sentence on each map.

    Parameters
    ----------
    extra
        Folder whose files are copied to the root of the site.
    pictures
        Folder for the large pictures.
    report
        Called with the name of each method before it is computed.
    """
    clip, captions = example_clip(), {}
    for name in METHODS:
        report(name)
        e = staa.explain(clip, method=name, progress=False)
        write_player(extra / "players" / "methods" / f"{name}.html", e)
        write_picture(pictures / "methods" / f"{name}.webp", e, width=960)
        write_picture(extra / "gallery" / f"{name}.webp", e, width=480, images=4)
        captions[name] = summarize(e)
    return captions


def write_look_examples(extra: Path) -> None:
    """Write the pages of the chapter on the player."""
    clip = example_clip()
    for name, example in LOOK.items():
        panes = [staa.explain(clip, method=method, progress=False) for method in example.methods]
        write_player(extra / "players" / "look" / f"{name}.html", panes, **example.settings)


def write_kind_examples(extra: Path) -> dict[str, str]:
    """Write a page for a clip of each kind, and return a sentence on each map."""
    captions = {}
    for kind in KINDS:
        with warnings.catch_warnings():
            # A clip that is cut to its action is shorter than those of the training; the player says so.
            warnings.simplefilter("ignore", UserWarning)
            e = staa.explain(staa.action_clip(KIND_SEED, size=160, fps=8, kind=kind), progress=False)
        write_player(extra / "players" / "kinds" / f"{kind}.html", e)
        captions[kind] = f"Kind {kind}. {summarize(e)}"
    return captions


def write_player(file: Path, panes: Any, **settings: Any) -> None:
    """Write an exported page."""
    from staa_widgets.widget.page import to_html

    file.parent.mkdir(parents=True, exist_ok=True)
    to_html(panes, file, **settings)


def write_picture(file: Path, explanation: staa.Explanation, **options: Any) -> None:
    """Write a static image as WebP, which takes a quarter of the bytes of PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(staa.render_image(explanation, **options).png))
    image.convert("RGB").save(file, quality=80)
