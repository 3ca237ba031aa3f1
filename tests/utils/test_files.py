"""File names of exports."""

from __future__ import annotations

from staa_widgets.utils.files import file_stem


def test_a_file_name_is_one_that_any_system_takes():
    assert file_stem("my clip (1).mp4") == "my_clip_1_"
    assert file_stem("größe.avi") == "größe"
    assert file_stem("../../.mp4") == "_"
    assert file_stem("") == "clip"
