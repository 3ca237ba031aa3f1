"""Settings of the player: accepted values, and errors for all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

import staa_widgets as staa
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.render.colormaps import COLORMAPS
from tests.helpers.barcodes import FIRST, LAST

pytestmark = pytest.mark.usefixtures("pages")


@pytest.mark.parametrize(
    ("name", "good", "bad", "hint"),
    [
        ("frame", [FIRST, LAST, np.int64(110)], [FIRST - 1, LAST + 1, 110.0, True, None, "110"], ""),
        ("playing", [True, False], [2, None, "yes"], "True or False"),
        ("rate", [0.1, 1, 4], [0, -1, 100, float("nan"), "fast"], ""),
        ("loop", [False], ["no"], "True or False"),
        ("layer", [-1, 0, 2], [-2, 3, 1.5], "2"),
        ("head", [-1, 0, 1], [2], "1"),
        ("mask", [-1], [0, -2, 0.5], "there are no masks"),
        ("colormap", [*(set(COLORMAPS) - {"diverging"})], ["jet", "diverging", None], "cividis"),
        ("colormap", ["magma"], ["magna"], "magma"),
        ("opacity", [0, 1, 0.3, np.float32(0.5)], [-0.1, 1.1, None, "1", True], "0 to 1"),
        ("threshold", [0, 1], [2], "0 to 1"),
        ("gamma", [0.25, 4], [0, -1], ""),
        ("normalize", ["clip", "frame"], ["slice"], "clip, frame"),
        ("interpolation", ["nearest", "cubic"], ["bicubic"], "cubic"),
        ("time_interpolation", ["hold", "linear"], ["line"], "linear"),
        ("view", ["auto", "overlay", "side", "wipe", "difference", "grid"], ["split"], ""),
        ("dim_outside", [True], [0.5], "True or False"),
        ("selection", [None, (2.5, 3), [2, 2.1]], [(3, 2.5), (3,), 3, "23", (2.5, None), (10, 20)], ""),
        ("theme", ["auto", "light", "dark"], ["darc"], "dark"),
        ("height", [0, 300], [-1, 0.5], ""),
    ],
)
def test_settings_are_checked(name: str, good: list[Any], bad: list[Any], hint: str, bars: Explanation):
    player = staa.Player(bars)
    current = getattr(player, name)
    for value in good:
        setattr(player, name, value)
        current = getattr(player, name)
        assert current == pytest.approx(tuple(value) if isinstance(value, list) else value)
        assert type(current) in (int, float, bool, str, tuple, type(None))
    for value in bad:
        with pytest.raises(ParameterError, match=f"^{name} is ") as caught:
            setattr(player, name, value)
        assert isinstance(caught.value, TraitError)
        assert caught.value.hint
        assert hint in caught.value.hint
        assert getattr(player, name) == current
        with pytest.raises(ParameterError):
            staa.Player(bars, **{name: value})


def test_a_selection_beyond_the_clip_is_clamped(bars: Explanation):
    player = staa.Player(bars, selection=(3, 100))
    assert player.selection == (3, bars.spans[-1, 1])


def test_misspelled_settings_get_a_suggestion(bars: Explanation):
    with pytest.raises(TypeError, match=r"no setting 'opactiy'\. Did you mean 'opacity'"):
        staa.Player(bars, opactiy=0.5)
    with pytest.raises(TypeError, match=r"no setting 'xyz'. Choose from .*frame"):
        staa.Player(bars, xyz=1)
    with pytest.raises(AttributeError, match="Did you mean 'threshold'"):
        staa.Player(bars).treshold = 0.5  # pyright: ignore[reportAttributeAccessIssue]


def test_slice_and_time_follow_the_frame_and_cannot_be_set(bars: Explanation):
    player = staa.Player(bars)
    changes: list[tuple[str, Any]] = []
    player.observe(lambda change: changes.append((change["name"], change["new"])), ["slice", "time"])
    player.frame = FIRST
    assert (player.slice, player.time) == (0, 2.0)
    assert sorted(changes) == [("slice", 0), ("time", 2.0)]
    for name in ("slice", "time"):
        with pytest.raises(TraitError, match="read-only"):
            setattr(player, name, 1)
