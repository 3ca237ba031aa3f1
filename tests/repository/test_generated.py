"""The generated TypeScript file: it is fresh, and says of a setting what Python says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from js import generate
from staa_widgets.widget.setting_types import NameFrom, NumberBetween, Setting, TrueOrFalse, parse_height, parse_patch
from staa_widgets.widget.settings import SETTINGS


def test_the_generated_file_is_fresh():
    text = generate.GENERATED.read_text("utf-8")
    assert text == generate.generated_text(), "js/src/core/generated.ts is out of date: run `make settings`"


@pytest.mark.parametrize(
    ("default", "parse", "expected"),
    [
        (False, TrueOrFalse(), "boolean"),
        (0.5, NumberBetween(0, 1), "number"),
        (0, parse_height, "number"),
        (None, parse_height, "number | null"),
        ("a", NameFrom(("a", "b")), '"a" | "b"'),
        (None, parse_patch, "readonly [number, number, number] | null"),
    ],
)
def test_typescript_types_of_settings(default: Any, parse: Any, expected: str):
    assert generate.setting_type(Setting(default, parse, "A setting.")) == expected


def test_every_setting_has_a_default_and_every_number_from_a_range_a_slider():
    text = generate.generated_text()
    defaults = re.search(r"DEFAULTS: Settings = \{\n(.*?)\};", text, re.DOTALL)
    sliders = re.search(r"SLIDERS = \{\n(.*?)\} as const;", text, re.DOTALL)
    assert defaults
    assert sliders
    listed = {name: json.loads(value) for name, value in re.findall(r"(\w+): (.+),\n", defaults[1])}
    assert listed == {name: setting.default_value for name, setting in SETTINGS.items()}
    ranges = {name: json.loads(value) for name, value in re.findall(r"(\w+): (.+),\n", sliders[1])}
    numbers = {name: setting.parse for name, setting in SETTINGS.items() if isinstance(setting.parse, NumberBetween)}
    assert ranges.keys() == numbers.keys()
    for name, (low, high) in ranges.items():
        assert numbers[name].low <= low < high <= numbers[name].high


def test_a_list_that_fits_stays_on_one_line():
    assert (
        generate.constant("X", ("a", "b"), "Two names.") == '/** Two names. */\nexport const X = ["a", "b"] as const;\n'
    )
    lines = generate.constant("X", ("a" * 60, "b" * 60), "Two names.").splitlines()
    assert lines[1:] == ["export const X = [", f'  "{"a" * 60}",', f'  "{"b" * 60}",', "] as const;"]
