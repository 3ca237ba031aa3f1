"""The transform equals the PIL processors, and its box is the region that the model sees."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

from staa_widgets.errors import ModelLoadError, ParameterError
from staa_widgets.models import Transform
from tests.helpers.image_processors import VideoMAEProcessor

SIZES = [(320, 240), (240, 320), (123, 77), (64, 64), (500, 90), (31, 57)]
SETTINGS: list[dict[str, Any]] = [
    {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}},
    {"size": {"shortest_edge": 73}, "crop_size": {"height": 64, "width": 56}, "resample": 3},
    {"size": {"height": 64, "width": 48}, "do_center_crop": False, "image_mean": [0.45, 0.4, 0.5]},
    {"size": {"shortest_edge": 40}, "crop_size": {"height": 64, "width": 51}, "resample": 0},
    {"do_resize": False, "crop_size": {"height": 65, "width": 65}, "do_normalize": False},
    {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}, "do_rescale": False},
]


def frames(width: int, height: int, count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(width * 1000 + height)
    coarse = rng.integers(0, 256, (count, height // 7 + 1, width // 7 + 1, 3), np.uint8)
    return coarse.repeat(7, 1).repeat(7, 2)[:, :height, :width] ^ rng.integers(
        0, 16, (count, height, width, 3), np.uint8
    )


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("size", SIZES)
def test_transform_equals_the_pil_processor(settings: dict[str, Any], size: tuple[int, int]) -> None:
    processor = VideoMAEProcessor(**settings)
    video = frames(*size)
    expected = processor(list(video), return_tensors="np")["pixel_values"][0]
    pixels = Transform.from_json(json.loads(processor.to_json_string()))(video)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_transform_equals_the_vivit_processor(size: tuple[int, int]) -> None:
    processor = VivitImageProcessor(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64})
    video = frames(*size)
    expected = np.asarray(processor.preprocess(list(video))["pixel_values"][0])
    np.testing.assert_allclose(Transform.from_json(processor.to_dict())(video), expected, atol=1e-5)
    minimal = {"video_processor_type": "VivitVideoProcessor", "size": {"shortest_edge": 72}, "crop_size": 64}
    np.testing.assert_allclose(Transform.from_json(minimal)(video), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (333, 127), (127, 333)])
@pytest.mark.parametrize(
    "transform",
    [
        Transform(shortest_edge=64, crop=(64, 64)),
        Transform(shortest_edge=80, crop=(64, 56)),
        Transform(size=(64, 48)),
        Transform(crop=(100, 101)),
    ],
)
def test_box_corners_are_the_corners_of_the_input(transform: Transform, size: tuple[int, int]) -> None:
    """Dots at the corners of the box appear at the corners of the input, and the box fills it."""
    width, height = size
    x0, y0, x1, y1 = transform.box(width, height)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))
    pixels = transform((inside[None, ..., None] * np.full(3, 255)).astype(np.uint8))[0, 0]
    assert pixels[1:-1, 1:-1].min() == 1
    assert pixels[[0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.5
    # Dots of 6 % of the frame at the corners of the box.
    dot = 0.06
    across, down = dot * (x1 - x0), dot * (y1 - y0)
    corners = ((y > y0) & (y < y0 + down) | (y > y1 - down) & (y < y1))[:, None] & (
        (x > x0) & (x < x0 + across) | (x > x1 - across) & (x < x1)
    )
    pixels = transform((corners[None, ..., None] * np.full(3, 255)).astype(np.uint8))[0, 0]
    assert pixels[[0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.5
    rows, columns = np.nonzero(pixels > 0.5)
    for indices, length in ((rows, pixels.shape[0]), (columns, pixels.shape[1])):
        position = (indices + 0.5) / length
        assert np.all((position < dot + 1.5 / length) | (position > 1 - dot - 1.5 / length))


def test_box_of_landscape_and_portrait() -> None:
    square = Transform(shortest_edge=224, crop=(224, 224))
    np.testing.assert_allclose(square.box(640, 360), (140.36, 0, 500.36, 360), atol=1)
    np.testing.assert_allclose(square.box(360, 640), (0, 140.36, 360, 500.36), atol=1)
    assert Transform(size=(224, 224)).box(640, 360) == (0, 0, 640, 360)


@pytest.mark.parametrize(("height", "width"), [(1, 4000), (4000, 1), (9, 5000)])
def test_an_elongated_frame_is_not_resized_beyond_its_crop(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resized whole to an edge of 224, these frames would have 28 to 200 million pixels."""
    sizes: list[int] = []
    original = Image.Image.resize

    def note_size(picture: Image.Image, size: tuple[int, int], *rest: Any) -> Image.Image:
        sizes.append(size[0] * size[1])
        return original(picture, size, *rest)

    monkeypatch.setattr(Image.Image, "resize", note_size)
    pixels = Transform(shortest_edge=224, crop=(224, 224))(frames(width, height, 1))
    assert pixels.shape == (1, 3, 224, 224)
    assert max(sizes) < 15_000_000


@pytest.mark.parametrize("resample", range(6))
@pytest.mark.parametrize("size", [(320, 240), (1999, 777), (7, 900), (640, 360)])
def test_the_crop_is_cut_from_the_resized_frame_to_the_last_bit(size: tuple[int, int], resample: int) -> None:
    video = frames(*size, count=1)
    transform = Transform(shortest_edge=80, crop=(64, 56), resample=resample)
    width, height = transform.resized_size(*size)
    left, top = (width - 56) // 2, (height - 64) // 2
    whole = Image.fromarray(video[0]).resize((width, height), Image.Resampling(resample))
    expected = np.asarray(whole.crop((left, top, left + 56, top + 64)))
    np.testing.assert_array_equal(np.rint(transform(video)[0] * 255), expected.transpose(2, 0, 1))


def test_box_of_a_padded_frame_is_larger_than_the_frame() -> None:
    assert Transform(crop=(100, 100)).box(50, 200) == (-25, 50, 75, 150)


def test_an_old_processor_file_gets_the_defaults_of_its_class() -> None:
    transform = Transform.from_json({"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224})
    assert transform == Transform(shortest_edge=224, crop=(224, 224), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.mark.parametrize("size", [(320, 240), (77, 123)])
@pytest.mark.parametrize(
    ("settings", "model_type"),
    [
        ({"image_processor_type": "ViViTImageProcessor"}, None),
        ({"image_processor_type": "vivitimageprocessorFAST"}, "timesformer"),
        ({"image_processor_type": "VivitImageProcessor", "offset": True}, None),
        ({"feature_extractor_type": "VivitFeatureExtractor"}, "videomae"),
        ({"video_processor_type": "VivitVideoProcessor", "offset": False}, None),  # This class does not read it.
        ({}, "vivit"),
        ({"image_processor_type": "SomebodysProcessor"}, "vivit"),
    ],
)
def test_a_vivit_processor_is_recognized_by_every_name_and_by_the_model_type(
    settings: dict[str, Any], model_type: str | None, size: tuple[int, int]
) -> None:
    sizes: dict[str, Any] = {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}
    video = frames(*size)
    expected = np.asarray(VivitImageProcessor(**sizes).preprocess(list(video))["pixel_values"][0])
    pixels = Transform.from_json(sizes | settings, model_type)(video)
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


def test_a_vivit_processor_without_an_offset() -> None:
    sizes = {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}, "rescale_factor": 1 / 255}
    processor, video = VivitImageProcessor(offset=False, **sizes), frames(80, 70)
    expected = np.asarray(processor.preprocess(list(video))["pixel_values"][0])
    np.testing.assert_allclose(Transform.from_json(processor.to_dict())(video), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["VideoMAEImageProcessor", "VideoMAEFeatureExtractor", "videomaeVideoProcessor"])
@pytest.mark.parametrize("offset", [True, False, "no"])
def test_an_offset_is_ignored_where_the_processors_class_ignores_it(name: str, offset: Any) -> None:
    settings = {"image_processor_type": name, "size": {"shortest_edge": 64}, "crop_size": 64}
    video = frames(90, 70)
    expected = VideoMAEProcessor(**settings, offset=offset)(list(video), return_tensors="np")["pixel_values"][0]
    pixels = Transform.from_json({**settings, "offset": offset}, "vivit")(video)
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


@pytest.mark.parametrize(
    "crop_size", [64, [64, 64], (64, 64), {"height": 64, "width": 64}, {"height": 64.0, "width": 64.0}]
)
def test_a_crop_is_written_in_several_forms(crop_size: Any) -> None:
    assert Transform.from_json({"size": 64, "crop_size": crop_size}).crop == (64, 64)
    assert Transform.from_json({"size": 64, "crop_size": {"shortest_edge": 64}}).crop == (64, 64)
    vjepa2 = Transform.from_json({"video_processor_type": "VJEPA2VideoProcessor", "crop_size": crop_size})
    assert (vjepa2.shortest_edge, vjepa2.crop) == (73, (64, 64))


@pytest.mark.parametrize(
    ("settings", "model_type", "size", "shortest_edge"),
    [
        ({"image_processor_type": "VideoMAEImageProcessor"}, "timesformer", 448, 448),
        ({"image_processor_type": "VideoMAEImageProcessor", "size": 448}, "timesformer", 448, 448),
        ({"image_processor_type": "ViViTImageProcessor"}, "vivit", 224, 256),
        ({"image_processor_type": "VivitImageProcessor"}, "vivit", 112, 128),
        ({"video_processor_type": "VJEPA2VideoProcessor"}, "vjepa2", 384, 438),
        ({}, "vjepa2", 256, 292),
        ({"do_normalize": True}, "videomae", 224, 224),
    ],
)
def test_sizes_that_a_processor_lacks_are_those_of_its_class_for_the_models_input(
    settings: dict[str, Any], model_type: str, size: int, shortest_edge: int
) -> None:
    transform = Transform.from_processor(settings, (size, size), model_type)
    assert (transform.shortest_edge, transform.crop) == (shortest_edge, (size, size))


def test_a_processor_for_several_kinds_of_input_has_one_for_videos() -> None:
    parts = {"processor_class": "VideoPrismProcessor", "video_processor": {"do_normalize": False}, "tokenizer": {}}
    transform = Transform.from_processor(parts, (288, 288), "videoprism_vision_model")
    assert transform == Transform(size=(288, 288), resample=3)


def test_describe_returns_json() -> None:
    description = Transform(shortest_edge=64, crop=(64, 64)).describe()
    assert json.loads(json.dumps(description)) == description
    assert description != Transform(shortest_edge=65, crop=(64, 64)).describe()


@pytest.mark.parametrize("size", [{"longest_edge": 224}, {"shortest_edge": 224, "longest_edge": 300}, {"height": 3}])
def test_an_unknown_resize_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(ModelLoadError, match="not supported"):
        Transform.from_json({"size": size})


@pytest.mark.parametrize(
    "settings",
    [
        *({"size": size} for size in ([24], "24", 0, -1, 10**9, {"shortest_edge": "24"}, {"shortest_edge": math.inf})),
        *(
            {"crop_size": size}
            for size in ([24], [24, 24, 24], "24", {"height": 24}, {"height": 24.5, "width": 24}, 0, 2**20)
        ),
        *({"resample": number} for number in (99, -1, "bilinear", 2.5, 10**400)),
        *({"rescale_factor": number} for number in (0, 1e-310, math.nan, math.inf, 10**400, "x")),
        *({"image_mean": mean} for mean in ([0.5], [0.5] * 4, [math.nan] * 3, "x", {})),
        *({"image_std": std} for std in (0, [-1, 1, 1], [1e-310] * 3, "x")),
        *({name: "no"} for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize")),
        {"image_processor_type": "VivitImageProcessor", "offset": "no"},
    ],
    ids=lambda settings: str(settings)[:40],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ModelLoadError, match="The processor has settings that cannot be used: "):
        Transform.from_json(settings)


@pytest.mark.parametrize("settings", [{"shortest_edge": 0}, {"crop": (24,)}, {"mean": (0.5, 0.5)}, {"std": (0, 1, 1)}])
def test_a_transform_out_of_range_cannot_be_made(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"{next(iter(settings))} "):
        Transform(**settings)


def test_lists_and_numbers_of_numpy_are_accepted() -> None:
    lists: Any = {"crop": [np.int64(24), 24], "mean": np.full(3, 0.5, np.float32), "std": [1, 1, 1]}
    assert Transform(**lists) == Transform(crop=(24, 24), mean=(0.5, 0.5, 0.5))
