"""`Explanation`: a frozen value with maps over space and time, the same after saving and loading."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from staa_widgets import Comparison, Explanation
from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.explanation.explanation import class_probabilities
from staa_widgets.explanation.peak import describe_position
from staa_widgets.storage.format import Seal, pack, unpack
from staa_widgets.video.preview import Preview, encode_jpeg
from tests.helpers.explanations import make_explanation
from tests.helpers.foreign_files import pack_anything


def explanation_with_preview() -> Explanation:
    jpeg = encode_jpeg(Image.new("RGB", (6, 4)), 90)
    preview = Preview(
        indices=np.array([20, 22]),
        times=np.array([1.0, 1.5]),
        offsets=np.array([0, len(jpeg), 2 * len(jpeg)]),
        data=np.frombuffer(2 * jpeg, np.uint8),
        width=6,
        height=4,
    )
    return make_explanation(
        preview=preview,
        attention=np.full((1, 2, 2, 2, 3), 0.25, np.float16),
        window_logits=[[0.0, 1.0]],
        provenance={"seconds": {"forward": 0.5}, "sampling": {"frames": np.arange(4)[None]}},
    )


def assert_same(one: Explanation, other: Explanation) -> None:
    for part, other_part in ((one, other), (one.preview, other.preview)):
        assert type(part) is type(other_part)
        if part is None:
            continue
        for f in dataclasses.fields(part):
            a, b = getattr(part, f.name), getattr(other_part, f.name)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
            elif not isinstance(a, Preview):
                assert a == b


def test_the_temporal_curve_is_the_share_of_mass_in_each_slice():
    np.testing.assert_allclose(make_explanation().temporal, [0.25, 0.75])
    assert make_explanation().temporal_signed is None


def test_signed_maps_give_a_signed_curve_beside_the_mass():
    signed = make_explanation(maps=np.array([[[-1.0, 0, 0]] * 2, [[3.0, 0, 0]] * 2]))
    np.testing.assert_allclose(signed.temporal, [0.25, 0.75])
    assert signed.temporal_signed is not None
    np.testing.assert_allclose(signed.temporal_signed, [-0.25, 0.75])
    assert signed.spatial.min() == pytest.approx(-1 / 3)


def test_zero_maps_give_equal_shares_and_a_warning():
    empty = make_explanation(maps=np.zeros((2, 2, 3)))
    with pytest.warns(RuntimeWarning, match="every slice gets an equal share"):
        np.testing.assert_array_equal(empty.temporal, [0.5, 0.5])
    assert not empty.spatial.any()


def test_space_is_scaled_over_the_whole_clip():
    assert make_explanation().spatial[1].max() == 1
    assert make_explanation().spatial[0].max() == pytest.approx(1 / 3)


def test_predictions_are_probabilities_best_first():
    assert make_explanation().predictions() == [("wave", pytest.approx(0.75)), ("clap", pytest.approx(0.25))]
    assert [label for label, _ in make_explanation().predictions(1)] == ["wave"]
    large = make_explanation(logits=[1000.0, -1000.0])
    np.testing.assert_array_equal(large.probabilities, [1, 0])


def test_every_frame_has_the_slice_whose_span_contains_it():
    np.testing.assert_array_equal(make_explanation().slice_of_frame, [0, 0, 1, 1])
    edges = make_explanation(times=[1.0, 1.4999, 1.5, 9.0], end=9.5)
    np.testing.assert_array_equal(edges.slice_of_frame, [0, 0, 1, 1])


def test_the_peak_is_in_seconds_and_pixels_of_the_source_frame():
    peak = make_explanation().peak
    assert (peak.slice, peak.start, peak.end) == (1, 1.5, 2.0)
    assert (peak.x, peak.y) == pytest.approx((15 + 30 * 5 / 6, 30))
    assert describe_position(make_explanation().peak, (60, 40)) == "bottom right"
    assert (
        repr(make_explanation())
        == "<Explanation of 'clip.mp4' by staa: 'wave' 75%, mostly at 1.50–2.00 s, bottom right>"
    )
    assert "by staa for 'clap', predicted: 'wave' 75%" in repr(make_explanation(target=0))


def test_an_explanation_cannot_be_changed():
    maps = np.ones((2, 2, 3), np.float32)
    params = {"layers": [1, 2]}
    explanation = make_explanation(maps=maps, params=params)
    maps[:] = 0
    params["layers"].append(3)
    assert explanation.maps.all()
    assert explanation.params == {"layers": [1, 2]}
    for array in (explanation.maps, explanation.temporal, explanation.spatial, explanation.slice_of_frame):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(TypeError):
        explanation.params["layers"] = "last"  # pyright: ignore[reportIndexIssue]
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation.target = 0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": np.zeros((2, 3))}, "maps must have shape"),
        ({"maps": np.full((2, 2, 3), np.nan)}, "maps contains NaN"),
        ({"maps": "maps"}, "maps cannot be converted"),
        ({"maps": np.zeros((2, 0, 3))}, "maps is empty"),
        ({"spans": [[1.0, 1.5]]}, "spans must have shape"),
        ({"spans": [[1.0, 1.4], [1.5, 2.0]]}, "gaps or overlaps"),
        ({"spans": [[1.0, 2.5], [2.5, 2.0]]}, "ends before"),
        ({"sampled_frames": [[19], [22]]}, "sampled_frames has a frame"),
        ({"times": [1.0, 0.9, 1.5, 1.75]}, "times must not be empty or decrease"),
        ({"labels": ("clap",)}, "labels has 1 names"),
        ({"target": 2}, "target is 2"),
        ({"target": -1}, "target is -1"),
        ({"box": (60, 0, 90, 40)}, "box"),
        ({"attention": np.zeros((1, 1, 3, 2, 3))}, "attention must have shape"),
        ({"window_logits": np.zeros((2, 3))}, "window_logits must have shape"),
        ({"params": {"model": object()}}, "cannot be stored"),
        ({"provenance": {"loss": float("nan")}}, "cannot be stored"),
    ],
)
def test_fields_that_do_not_fit_are_named(changes: dict[str, Any], message: str):
    with pytest.raises(ParameterError, match=message):
        make_explanation(**changes)


def test_previews_that_do_not_fit_are_refused():
    sound = explanation_with_preview().preview
    assert sound is not None
    size = sound.data.size // 2
    assert [sound.jpeg(i) for i in range(len(sound))] == [sound.data[:size].tobytes(), sound.data[size:].tobytes()]
    for changes in ({"offsets": [0, 3, 6]}, {"indices": [22, 20]}, {"times": [0.0]}, {"width": 0}):
        with pytest.raises(ParameterError, match="Preview"):
            dataclasses.replace(sound, **changes)


@pytest.mark.parametrize(
    "explanation", [make_explanation(), explanation_with_preview()], ids=["plain", "with everything"]
)
def test_saving_and_loading_gives_the_same(explanation: Explanation, tmp_path: Path):
    path = explanation.save(tmp_path / "clip.safetensors")
    assert_same(Explanation.load(path), explanation)
    assert [file.name for file in tmp_path.iterdir()] == ["clip.safetensors"]
    assert_same(pickle.loads(pickle.dumps(explanation)), explanation)
    assert_same(copy.deepcopy(explanation), explanation)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = make_explanation().save(tmp_path / "clip.safetensors")

    def fail_to_write(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail_to_write)
    with pytest.raises(OSError, match="No space"):
        make_explanation(target=0).save(path)
    assert Explanation.load(path).target == 1
    assert len(list(tmp_path.iterdir())) == 1


def replace_text(values: dict[str, Any], name: str, text: str) -> bytes:
    """Return the file of an explanation, with a fresh checksum, in which the JSON text of one value is replaced."""
    _, arrays = unpack("explanation", make_explanation().to_bytes())
    original = pack("explanation", {**values, name: "REPLACED"}, arrays)
    content = json.loads(original[8 : 8 + int.from_bytes(original[:8], "little")])["__metadata__"]["values"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("staa_widgets.storage.format.canonical_json", lambda _: content.replace('"REPLACED"', text))
        return pack("explanation", {}, arrays)


def explanation_with_picture(picture: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    values, arrays = explanation_with_preview().to_parts()
    arrays["preview.offsets"] = np.array([0, len(picture), 2 * len(picture)])
    arrays["preview.data"] = np.frombuffer(2 * picture, np.uint8)
    return values, arrays


def test_a_file_that_is_no_sound_explanation_is_refused(tmp_path: Path):
    data = bytearray(make_explanation().to_bytes())
    values, arrays = unpack("explanation", bytes(data))
    data[-1] ^= 1
    broken = {
        "nothing": b"",
        "text": b"an explanation",
        "cut": bytes(data[:-5]),
        "altered": bytes(data),
        "other": pack("record", values, arrays),
        "newer": pack("explanation", {**values, "format": 99}, arrays),
        "lacking": pack("explanation", values, {"maps": arrays["maps"]}),
        "unknown": pack("explanation", {**values, "mood": "good"}, arrays),
        "wrong": pack("explanation", {**values, "target": 7}, arrays),
        "huge": (2**60).to_bytes(8, "little") + bytes(data[8:]),
        "list": pack("explanation", [values], {}),  # pyright: ignore[reportArgumentType]
        "deep": replace_text(values, "params", "[" * 100_000 + "]" * 100_000),
        "deep object": replace_text(values, "params", '{"a":' * 900 + "1" + "}" * 900),
        "infinite": replace_text(values, "end", "1e999"),
        "not a number": replace_text(values, "end", "NaN"),
        "long": replace_text(values, "first_frame", "9" * 4000),
        "text as maps": pack("explanation", {**values, "maps": "maps"}, {}),
        "number": pack("explanation", {**values, "method": 5}, arrays),
        "nan": pack("explanation", values, {**arrays, "maps": np.full_like(arrays["maps"], np.nan)}),
        "entry": pack("explanation", values, arrays, Seal("ab" * 32, bytes(32))),
        "old": pack("explanation", {"format": 1}, {}),
        "picture": pack("explanation", *explanation_with_picture(b"<svg onload=alert(1)>")),
        "cut picture": pack("explanation", *explanation_with_picture(encode_jpeg(Image.new("RGB", (6, 4)), 90)[:-2])),
        "large picture": pack("explanation", *explanation_with_picture(encode_jpeg(Image.new("RGB", (9, 9)), 90))),
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        for kind in (Explanation, Comparison):
            with pytest.raises(FormatError, match=f"^{name}: ") as caught:
                kind.load(path)
            assert caught.value.hint
    with pytest.raises(FileNotFoundError):
        Explanation.load(tmp_path / "missing")


def test_a_single_logit_gives_a_sigmoid_probability() -> None:
    np.testing.assert_allclose(class_probabilities(np.array([[0.0], [np.log(3)]])), [[0.5], [0.75]])
    np.testing.assert_allclose(class_probabilities(np.array([0.0, np.log(3)])), [0.25, 0.75])


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_name": "\ud83d"},
        {"labels": ("clap", "\udc00")},
        {"method": 3},
        {"params": {"layers": "\ud83d"}},
        {"params": "layers"},
        {"provenance": "none"},
        {"provenance": {"\ud83d": 1}},
        {"provenance": {"model": "timesformer"}},
        {"provenance": {"seconds": {"forward": "long"}}},
        {"provenance": {"seconds": {"forward": 10**400}}},
        {"provenance": {"sampling": {"frames": [3]}}},
        {"provenance": {"sampling": {"frames": [[]]}}},
        {"provenance": {"sampling": {"window": []}}},
    ],
    ids=ascii,
)
def test_texts_and_provenance_that_nothing_can_show_are_refused(changes: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        make_explanation(**changes)
    str(caught.value).encode()


@pytest.mark.parametrize(
    "value", ["\ud83d", [1] * 10**5, "x" * 10**6, {"__proto__": {}}], ids=lambda value: ascii(value)[:9]
)
@pytest.mark.parametrize("name", ["format", "labels", "provenance", "box", "preview", "clip_name", "new"])
def test_the_error_of_a_file_that_was_changed_is_short_and_can_be_printed(name: str, value: Any):
    values, arrays = unpack("explanation", explanation_with_preview().to_bytes())
    if (name, type(value)) in (("clip_name", str), ("provenance", dict), ("labels", str)) and value != "\ud83d":
        return
    with pytest.raises(FormatError) as caught:
        Explanation.from_bytes(pack_anything("explanation", {**values, name: value}, arrays))
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()
