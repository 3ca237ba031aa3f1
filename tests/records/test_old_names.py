"""Names in old files are mapped to those of today."""

from __future__ import annotations

from staa_widgets.records.old_names import rename_method, rename_parameters


def test_renamed_methods_get_the_name_of_today() -> None:
    assert rename_method("attention_query") == "patch_attention"
    assert rename_method("staa_published") == "staa_original_code"
    assert rename_method("centre") == "center"
    assert rename_method("staa") == "staa"


def test_renamed_parameters_get_the_name_of_today() -> None:
    old = {"query": [1, 2, 3], "layers": "last"}
    new = {"patch": [1, 2, 3], "layers": "last"}
    for method in ("attention_query", "patch_attention"):
        assert rename_parameters(method, old) == new
        assert rename_parameters(method, new) == new
    assert rename_parameters("staa", {"layers": "last"}) == {"layers": "last"}
