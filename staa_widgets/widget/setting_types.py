"""Types of the player's settings: functions that check and convert values, and the error for invalid values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from traitlets import TraitError, TraitType

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.render.heat import count_choices
from staa_widgets.utils.text import quote_value
from staa_widgets.widget.player_protocol import ShownExplanations

ParseValue = Callable[[ShownExplanations, Any], Any]
"""Function from a player and an input value to the value to store; raises `SettingError`."""


MAX_HEIGHT = 100_000
"""Greatest height of the picture in CSS pixels."""


class SettingError(ParameterError, TraitError):
    """A setting of the player cannot have this value."""


class Setting(TraitType[Any, Any]):
    """A trait that is synchronized with the browser, with a function that checks and converts its values.

    Parameters
    ----------
    default
        Initial value.
    parse
        Function that checks a value and converts it to the value to store. ``js/generate.py`` writes the TypeScript
        type of the setting from its return type.
    description
        What the setting does, in one sentence.
    echo
        Whether a value that is set in one view is sent to the other views of the player.
    """

    def __init__(self, default: Any, parse: ParseValue, description: str, *, echo: bool = True) -> None:
        super().__init__(default, allow_none=False, help=description)
        self.parse = parse
        self.description = description
        self.tag(sync=True, echo_update=echo)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value to store; raises `SettingError`."""
        try:
            return self.parse(obj, value)
        except SettingError as error:
            raise SettingError(f"{self.name} is {quote_value(value)}.", error.message) from None


def is_whole_number(value: Any) -> bool:
    """Return whether a value is a whole number; ``True`` and ``False`` are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    """Return whether a value is a finite number; ``True`` and ``False`` are not."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # A whole number beyond the range of floating-point numbers.
        return False


@dataclass(frozen=True)
class TrueOrFalse:
    """Parser that accepts ``True`` and ``False``."""

    def __call__(self, _: ShownExplanations, value: Any) -> bool:
        """Check a value and return it; raises `SettingError`."""
        if not isinstance(value, bool | np.bool_):
            raise SettingError("Use True or False.")
        return bool(value)


@dataclass(frozen=True)
class NumberBetween:
    """Parser that accepts numbers from `low` to `high`.

    Parameters
    ----------
    low, high
        Least and greatest value.
    slider
        Least and greatest value of the slider in the player; default: `low` and `high`.
    """

    low: float
    high: float
    slider: tuple[float, float] | None = None

    def __call__(self, _: ShownExplanations, value: Any) -> float:
        """Check a value and return it; raises `SettingError`."""
        if not (is_finite_number(value) and self.low <= value <= self.high):
            raise SettingError(f"Use a number from {self.low:g} to {self.high:g}.")
        return float(value)


@dataclass(frozen=True)
class NameFrom:
    """Parser that accepts the given names."""

    names: tuple[str, ...]

    def __call__(self, _: ShownExplanations, value: Any) -> str:
        """Check a value and return it; raises `SettingError`."""
        if value not in self.names:
            raise SettingError(suggest_name(str(value), self.names, f"Choose from {', '.join(self.names)}."))
        return str(value)


def parse_frame(player: ShownExplanations, value: Any) -> int:
    """Check a source frame of the first pane's clip and return it; raises `SettingError`."""
    first, count = player.explanations[0].first_frame, len(player.explanations[0].times)
    if not (is_whole_number(value) and first <= value < first + count):
        raise SettingError(f"Choose from {first} to {first + count - 1}, the frames of the clip.")
    return int(value)


def parse_layer(player: ShownExplanations, value: Any) -> int:
    """Check a layer and return it: a layer that an explanation holds, or -1; raises `SettingError`."""
    return _parse_index(player, value, "layer")


def parse_head(player: ShownExplanations, value: Any) -> int:
    """Check a head and return it: a head that an explanation holds, or -1; raises `SettingError`."""
    return _parse_index(player, value, "head")


def parse_mask(player: ShownExplanations, value: Any) -> int:
    """Check a mask and return it: the index of a mask that an explanation holds, or -1; raises `SettingError`."""
    return _parse_index(player, value, "mask")


def _parse_index(player: ShownExplanations, value: Any, name: str) -> int:
    count = max(count_choices(e)[name] for e in player.explanations)
    if not (is_whole_number(value) and -1 <= value < count):
        choices = f"from 0 to {count - 1} of the {name}s, or -1" if count else f"-1: there are no {name}s"
        raise SettingError(f"Choose {choices}.")
    return int(value)


def parse_patch(player: ShownExplanations, value: Any) -> tuple[int, int, int] | None:
    """Check a value of the `patch` setting; return it as ``(slice, row, column)``, or ``None``.

    Raises
    ------
    SettingError
        If the value is neither ``None`` nor a patch of the active explanation's grid.
    """
    if value is None:
        return None
    grid = player.explanation.maps.shape
    indices = tuple(value) if isinstance(value, Iterable) else ()
    if len(indices) != 3 or not all(
        is_whole_number(index) and 0 <= index < size for index, size in zip(indices, grid, strict=True)
    ):
        slices, rows, columns = grid
        raise SettingError(
            f"Use None or (slice, row, column), counted from 0, of the {slices} slices of {rows} × {columns} patches."
        )
    slice_index, row, column = map(int, indices)
    return slice_index, row, column


def parse_pane(player: ShownExplanations, value: Any) -> int:
    """Check the index of a pane and return it; raises `SettingError`."""
    count = len(player.explanations)
    if not (is_whole_number(value) and 0 <= value < count):
        raise SettingError(f"Choose a pane from 0 to {count - 1}." if count > 1 else "There is only pane 0.")
    return int(value)


def parse_selection(player: ShownExplanations, value: Any) -> tuple[float, float] | None:
    """Check a selection and return it: two seconds within the first pane's clip, or ``None``; raises `SettingError`."""
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
        raise SettingError("Use (start, end) in seconds, or None.")
    low, high = (float(min(max(second, start), end)) for second in value)
    if not low < high:
        raise SettingError(f"Use a start before the end; the clip runs from {start:.2f} to {end:.2f} s.")
    return low, high


def parse_height(_: ShownExplanations, value: Any) -> int:
    """Check a height in pixels and return it; raises `SettingError`."""
    if not (is_whole_number(value) and 0 <= value <= MAX_HEIGHT):
        raise SettingError(f"Use a whole number of pixels up to {MAX_HEIGHT}, or 0 to fit the window.")
    return int(value)
