"""Helpers of the registries: defaults from a signature, lookup by name, and suggestions for misspelled names."""

from __future__ import annotations

import pytest

from staa_widgets.errors import ParameterError, UnknownMethodError
from staa_widgets.utils.registry import (
    docstring_summary,
    fill_defaults,
    look_up,
    parameter_defaults,
    refuse_unknown_keywords,
)


def blur(record: object, *, sigma: float = 1.5, truncate: int = 4) -> None:
    """Blur the maps of a record.

    The second paragraph is not part of the summary.
    """


def test_defaults_leave_out_the_first_parameter() -> None:
    assert dict(parameter_defaults(blur)) == {"sigma": 1.5, "truncate": 4}
    assert docstring_summary(blur) == "Blur the maps of a record."


def test_given_parameters_replace_defaults_and_unknown_ones_get_a_suggestion() -> None:
    defaults = parameter_defaults(blur)
    assert fill_defaults("method 'blur'", defaults, {"sigma": 3.0}) == {"sigma": 3.0, "truncate": 4}
    with pytest.raises(ParameterError, match="method 'blur' has no parameter 'sigm'") as caught:
        fill_defaults("method 'blur'", defaults, {"sigm": 3.0})
    assert "sigma" in caught.value.hint


def test_an_unknown_keyword_of_a_call_is_compared_with_both_lists() -> None:
    defaults = parameter_defaults(blur)
    refuse_unknown_keywords("explain", ["window"], "method 'blur'", defaults, {"sigma": 3.0})
    for misspelled, name in (("windw", "window"), ("truncat", "truncate")):
        with pytest.raises(ParameterError, match=rf"explain\(\) has no keyword '{misspelled}'") as caught:
            refuse_unknown_keywords("explain", ["window"], "method 'blur'", defaults, {misspelled: 1})
        assert name in caught.value.hint


def test_look_up_raises_the_given_error_for_unknown_names() -> None:
    registry = {"staa": 1, "rollout": 2}
    assert look_up("method", "rollout", registry) == 2
    with pytest.raises(UnknownMethodError, match="no method 'rolout'") as caught:
        look_up("method", "rolout", registry, UnknownMethodError)
    assert "rollout" in caught.value.hint
    with pytest.raises(ParameterError, match="no method None"):
        look_up("method", None, registry)  # pyright: ignore[reportArgumentType]
