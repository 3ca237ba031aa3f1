"""The player's settings: one trait each, with default, accepted values and description.

Defaults of the heat map, such as the opacity, are in `staa_widgets.render.style`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits, Int, Unicode

from staa_widgets.render.style import CHOICES, DEFAULT_STYLE, RANGES
from staa_widgets.widget.setting_types import (
    NameFrom,
    NumberBetween,
    Setting,
    SettingError,
    TrueOrFalse,
    parse_frame,
    parse_head,
    parse_height,
    parse_layer,
    parse_mask,
    parse_pane,
    parse_patch,
    parse_selection,
)

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

VIEWS = ("auto", "overlay", "side", "wipe", "difference", "grid")
"""Arrangements of the panes; ``"auto"`` shows all panes, and a single one beside its frame if that fills the room."""


class Settings(HasTraits):
    """Settings of the player, set in the browser or in Python. After changing this file, run ``make settings``."""

    frame = Setting(
        None, parse_frame, "Current source frame; at first the frame of the greatest attribution.", echo=False
    )
    playing = Setting(False, TrueOrFalse(), "Whether the clip plays.")  # noqa: FBT003
    rate = Setting(1.0, NumberBetween(0.05, 16), "Speed of playback; 1 is real time.")
    loop = Setting(True, TrueOrFalse(), "Whether playback starts again at the end.")  # noqa: FBT003
    layer = Setting(DEFAULT_STYLE.layer, parse_layer, "Layer whose attention is shown; -1 for the maps of all layers.")
    head = Setting(DEFAULT_STYLE.head, parse_head, "Head of that layer; -1 for the mean of its heads.")
    mask = Setting(DEFAULT_STYLE.mask, parse_mask, "Mask shown in place of the maps, by its index; -1 for the maps.")
    patch = Setting(
        None, parse_patch, "Slice, row and column of the patch whose attention is shown; setting it computes."
    )
    colormap = Setting(
        DEFAULT_STYLE.colormap, NameFrom(CHOICES["colormap"]), "Colormap; signed maps always have the diverging one."
    )
    opacity = Setting(
        DEFAULT_STYLE.opacity, NumberBetween(*RANGES["opacity"]), "Opacity of the strongest cells.", echo=False
    )
    threshold = Setting(
        DEFAULT_STYLE.threshold,
        NumberBetween(*RANGES["threshold"], slider=(0, 0.99)),
        "Share of the clip's cells that are hidden, the weakest first.",
        echo=False,
    )
    gamma = Setting(
        DEFAULT_STYLE.gamma, NumberBetween(*RANGES["gamma"], slider=(0.25, 4)), "Exponent of the magnitudes."
    )
    smooth = Setting(
        DEFAULT_STYLE.smooth,
        NumberBetween(*RANGES["smooth"], slider=(0, 3)),
        "Standard deviation, in slices and patches, of the Gaussian blur of the maps; 0 for none.",
    )
    normalize = Setting(
        DEFAULT_STYLE.normalize, NameFrom(CHOICES["normalize"]), "Whether 1 is the maximum of the clip or the frame."
    )
    interpolation = Setting(
        DEFAULT_STYLE.interpolation, NameFrom(CHOICES["interpolation"]), "Interpolation between patches."
    )
    time_interpolation = Setting(
        DEFAULT_STYLE.time_interpolation, NameFrom(CHOICES["time_interpolation"]), "Interpolation between slices."
    )
    view = Setting(
        "auto", NameFrom(VIEWS), "Arrangement of the panes; auto shows all panes, or one as large as possible."
    )
    share_scale = Setting(False, TrueOrFalse(), "Whether the colors of all panes have one scale.")  # noqa: FBT003
    pane = Setting(0, parse_pane, "Index of the active pane.")
    dim_outside = Setting(
        DEFAULT_STYLE.dim_outside, TrueOrFalse(), "Whether to darken the parts of the frame that the model did not see."
    )
    show_ground_truth = Setting(DEFAULT_STYLE.show_ground_truth, TrueOrFalse(), "Whether to outline the ground truth.")
    selection = Setting(None, parse_selection, "Selected range, its start and end in seconds.", echo=False)
    theme = Setting("auto", NameFrom(("auto", "light", "dark")), "Colors of the player; auto follows the page.")
    height = Setting(0, parse_height, "Greatest height of the picture in CSS pixels; 0 to fit the window.")
    method = Unicode().tag(sync=True)
    target = Int().tag(sync=True)

    def accepts(self, name: str, value: Any) -> bool:
        """Return whether a setting accepts a value."""
        try:
            SETTINGS[name].validate(self, value)
        except SettingError:
            return False
        return True


SETTINGS = {name: trait for name, trait in Settings.class_traits().items() if isinstance(trait, Setting)}
"""Settings that `Player` accepts as keywords, by name."""

PAGE_TRAITS = frozenset(Settings.class_traits())
"""Names of the traits that a page may set: the settings, the method and the class.

All other traits carry code, frames and numbers to the page. In a shared notebook, a value that one page has set is sent
to every other page.
"""


def refuse_unknown_names(names: Iterable[str], known: Collection[str], caller: str) -> None:
    """Raise `TypeError` for an unknown keyword; its message suggests the nearest known one."""
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            suggestion = f"Did you mean {close[0]!r}?" if close else f"Choose from {', '.join(known)}."
            raise TypeError(f"{caller} has no setting {name!r}. {suggestion}")


def check_settings(explanations: Sequence[Explanation], settings: Mapping[str, Any], caller: str) -> dict[str, Any]:
    """Check settings for explanations as `Player` does, and return the values that `Player` would store.

    Raises
    ------
    SettingError
        If a setting has an invalid value.
    TypeError
        If a setting does not exist.
    """
    # `patch` cannot be set here: it follows from the explanation.
    refuse_unknown_names(settings, [name for name in SETTINGS if name != "patch"], caller)
    host: Any = SimpleNamespace(explanations=tuple(explanations))
    return {name: SETTINGS[name].validate(host, value) for name, value in settings.items()}
