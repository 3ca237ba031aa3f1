"""Names of the methods of a comparison."""

from __future__ import annotations

from typing import Any

import pytest

from staa_widgets.engine.method_list import name_methods
from staa_widgets.errors import MethodError, ParameterError


def test_names_of_methods_state_their_parameters():
    methods = [
        ("staa", {"layers": "last"}),
        ("staa", {"layers": "last", "contrast": True}),
        ("staa_logit", {}),
        "staa",
    ]
    assert list(name_methods(methods)) == ["staa layers=last", "staa layers=last, contrast=True", "staa_logit", "staa"]
    assert list(name_methods({"staa": {"layers": "last"}})) == ["staa"]
    assert list(name_methods(["staa", "staa", ("staa", {})])) == ["staa"]


@pytest.mark.parametrize(
    "wrong", ["staa", [], {}, 3, [("staa",)], [("staa", 3)], [3], [("staa", {"layer": 1})], ["stab"], [("stab", {})]]
)
def test_wrong_methods_are_refused(wrong: Any):
    with pytest.raises((ParameterError, MethodError)):
        name_methods(wrong)
