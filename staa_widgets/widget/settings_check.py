"""Settings of a player, checked where there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from staa_widgets.widget.settings import SETTINGS

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


def refuse_unknown_names(names: Iterable[str], known: Collection[str], caller: str) -> None:
    """Raise `TypeError` for a keyword that is not known; it names the nearest."""
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            told = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise TypeError(f"{caller} has no setting {name!r}; {told}")


def check_settings(explanations: Sequence[Explanation], settings: Mapping[str, Any], caller: str) -> dict[str, Any]:
    """Check settings for a view of explanations as `Player` does, and return them as it would keep them.

    Raises
    ------
    SettingError
        If a setting cannot have its value.
    TypeError
        If there is no such setting.
    """
    # Which patch is asked about follows from the explanation.
    refuse_unknown_names(settings, [name for name in SETTINGS if name != "patch"], caller)
    host: Any = SimpleNamespace(explanations=tuple(explanations))
    several = {"view": "grid"} if len(explanations) > 1 else {}
    return {name: SETTINGS[name].validate(host, value) for name, value in {**several, **settings}.items()}
