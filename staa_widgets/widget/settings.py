"""The player's settings: their traits, the values they accept, and the errors for all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from traitlets import HasTraits, Int, TraitError, TraitType, Unicode

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.render.colormaps import COLORMAPS, DIVERGING
from staa_widgets.widget.player_protocol import ShownExplanations

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

ParseValue = Callable[[ShownExplanations, Any], Any]
"""Function from a player and an input value to the value to store; raises `SettingError`."""


class SettingError(ParameterError, TraitError):
    """A setting of the player cannot have this value."""


class Setting(TraitType[Any, Any]):
    """A trait that is synchronized with the browser, with a function that checks and converts its values.

    Parameters
    ----------
    default
        Initial value.
    parse
        Function that checks a value and converts it to the value to store.
    echo
        Whether a value set in one view is sent to the views in other pages.
    """

    def __init__(self, default: Any, parse: ParseValue, *, echo: bool = True) -> None:
        super().__init__(default, allow_none=False)
        self.parse = parse
        self.tag(sync=True, echo_update=echo)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value to store; raises `SettingError`."""
        try:
            return self.parse(obj, value)
        except SettingError as error:
            raise SettingError(f"{self.name} is {value!r}.", error.message) from None


def is_whole_number(value: Any) -> bool:
    """Return whether a value is a whole number; ``True`` and ``False`` are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    """Return whether a value is a finite number; ``True`` and ``False`` are not."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def true_or_false() -> ParseValue:
    """Return a parser that accepts ``True`` and ``False``."""

    def parse(_: ShownExplanations, value: Any) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise SettingError("Give True or False.")
        return bool(value)

    return parse


def number_between(low: float, high: float) -> ParseValue:
    """Return a parser that accepts numbers from `low` to `high`."""

    def parse(_: ShownExplanations, value: Any) -> float:
        if not (is_finite_number(value) and low <= value <= high):
            raise SettingError(f"Give a number from {low:g} to {high:g}.")
        return float(value)

    return parse


def name_from(*names: str) -> ParseValue:
    """Return a parser that accepts these names."""

    def parse(_: ShownExplanations, value: Any) -> str:
        if value not in names:
            raise SettingError(suggest_name(str(value), names, f"Choose from {', '.join(names)}."))
        return str(value)

    return parse


def _parse_frame(player: ShownExplanations, value: Any) -> int:
    first, count = player.explanations[0].first_frame, len(player.explanations[0].times)
    if not (is_whole_number(value) and first <= value < first + count):
        raise SettingError(f"The clip has frames {first} to {first + count - 1}.")
    return int(value)


def _parse_layer(player: ShownExplanations, value: Any) -> int:
    return _parse_index(player, value, 0, "layers")


def _parse_head(player: ShownExplanations, value: Any) -> int:
    return _parse_index(player, value, 1, "heads")


def _parse_index(player: ShownExplanations, value: Any, axis: int, what: str) -> int:
    count = max(0 if e.attention is None else e.attention.shape[axis] for e in player.explanations)
    if not (is_whole_number(value) and -1 <= value < count):
        choices = f"0 to {count - 1} of its {what}, or -1" if count else f"-1: this explanation keeps no {what}"
        raise SettingError(f"Give {choices}.")
    return int(value)


def _parse_patch(player: ShownExplanations, value: Any) -> tuple[int, int, int] | None:
    if value is None:
        return None
    grid = player.explanation.maps.shape
    indices = tuple(value) if isinstance(value, Iterable) else ()
    if len(indices) != 3 or not all(
        is_whole_number(index) and 0 <= index < size for index, size in zip(indices, grid, strict=True)
    ):
        slices, rows, columns = grid
        raise SettingError(
            f"Give (slice, row, column) of the {slices} slices of {rows} × {columns} patches, counted from 0, or None."
        )
    slice_index, row, column = map(int, indices)
    return slice_index, row, column


def _parse_pane(player: ShownExplanations, value: Any) -> int:
    count = len(player.explanations)
    if not (is_whole_number(value) and 0 <= value < count):
        raise SettingError(f"Give a pane from 0 to {count - 1}." if count > 1 else "There is one pane, 0.")
    return int(value)


def _parse_selection(player: ShownExplanations, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    spans = player.explanations[0].spans
    start, end = float(spans[0, 0]), float(spans[-1, 1])
    if (
        isinstance(value, str)
        or not hasattr(value, "__len__")
        or len(value) != 2
        or not all(map(is_finite_number, value))
    ):
        raise SettingError("Give two seconds, (start, end), or None.")
    low, high = (float(min(max(second, start), end)) for second in value)
    if not low < high:
        raise SettingError(f"Give a start before an end; the clip runs from {start:.2f} to {end:.2f} s.")
    return low, high


def _parse_height(_: ShownExplanations, value: Any) -> int:
    if not (is_whole_number(value) and value >= 0):
        raise SettingError("Give pixels, or 0 to fit the window.")
    return int(value)


class Settings(HasTraits):
    """Settings of the player, set in the browser or in Python; `DEFAULTS` of core/settings.ts is their twin."""

    frame = Setting(0, _parse_frame, echo=False)
    playing = Setting(False, true_or_false())  # noqa: FBT003
    rate = Setting(1.0, number_between(0.05, 16))
    loop = Setting(True, true_or_false())  # noqa: FBT003
    layer = Setting(-1, _parse_layer)
    head = Setting(-1, _parse_head)
    patch = Setting(None, _parse_patch)
    colormap = Setting("inferno", name_from(*(name for name in COLORMAPS if name != DIVERGING)))
    opacity = Setting(0.75, number_between(0, 1), echo=False)
    threshold = Setting(0.0, number_between(0, 1), echo=False)
    gamma = Setting(1.0, number_between(0.05, 20))
    smooth = Setting(0.0, number_between(0, 5))
    normalize = Setting("clip", name_from("clip", "frame"))
    interpolation = Setting("linear", name_from("nearest", "linear"))
    time_interpolation = Setting("hold", name_from("hold", "linear"))
    view = Setting("overlay", name_from("overlay", "side", "wipe", "difference", "grid"))
    pane = Setting(0, _parse_pane)
    dim_outside = Setting(False, true_or_false())  # noqa: FBT003
    show_ground_truth = Setting(True, true_or_false())  # noqa: FBT003
    selection = Setting(None, _parse_selection, echo=False)
    theme = Setting("auto", name_from("auto", "light", "dark"))
    height = Setting(0, _parse_height)
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


def refuse_unknown_names(names: Iterable[str], known: Collection[str], caller: str) -> None:
    """Raise `TypeError` for an unknown keyword; its message suggests the nearest known one."""
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            suggestion = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise TypeError(f"{caller} has no setting {name!r}; {suggestion}")


def check_settings(explanations: Sequence[Explanation], settings: Mapping[str, Any], caller: str) -> dict[str, Any]:
    """Check settings for explanations as `Player` does, and return them as it would store them.

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
    defaults = {"view": "grid"} if len(explanations) > 1 else {}
    return {name: SETTINGS[name].validate(host, value) for name, value in {**defaults, **settings}.items()}
