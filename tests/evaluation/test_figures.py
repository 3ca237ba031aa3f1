"""Figure of ground truth and explanation: frames over their seconds, tinted limbs, heat inside the box."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from staa_widgets.datasets.drawn_actions import ActionClip
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.figures import GROUND_TRUTH_COLOR, ground_truth_figure
from staa_widgets.explanation.explanation import Explanation
from tests.helpers.barcodes import barcode_explanation


def clip() -> ActionClip:
    """48 gray frames of 320 × 180, each of its own brightness; a square acts from frame 10 to 20 and 30 to 40."""
    frames = np.broadcast_to(np.arange(48, dtype=np.uint8)[:, None, None, None] * 5, (48, 180, 320, 3)).copy()
    when = np.isin(np.arange(48), [*range(10, 20), *range(30, 40)])
    where = np.zeros((48, 180, 320), bool)
    where[when, 40:120, 100:180] = True
    return ActionClip(frames, np.arange(48) / 10, "a <b>kick</b>", where, when, 0)


def make_explanation(**changes: Any) -> Explanation:
    edges = np.arange(7) * 0.8
    sampled = np.arange(6)[:, None] * 8 + [4]
    parts = {"times": np.arange(48) / 10, "spans": np.stack([edges[:-1], edges[1:]], 1), "sampled_frames": sampled}
    return barcode_explanation(**{**parts, "first_frame": 0, "end": 4.8, "preview": None, **changes})


def pictures(figure: Any, row: str) -> list[NDArray[np.int64]]:
    sources = [image.source.split(",")[1] for image in figure.layout.images if image.yref == row]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int) for data in sources]


def test_each_slice_shows_its_frame_over_its_seconds():
    e = make_explanation(maps=np.full((6, 5, 7), 1e-9, np.float32))
    figure: Any = ground_truth_figure(e, clip())
    for row in ("y2", "y3"):
        places = [image.x for image in figure.layout.images if image.yref == row]
        np.testing.assert_allclose(places, e.spans.mean(axis=1))
    corners = [picture[2, 2].mean() for picture in pictures(figure, "y2")]
    np.testing.assert_allclose(corners, e.sampled_frames[:, 0] * 5, atol=3)


def test_acting_limbs_are_tinted_and_nothing_else():
    tinted = [
        np.abs(picture - GROUND_TRUTH_COLOR).sum(axis=2) < 60
        for picture in pictures(ground_truth_figure(make_explanation(), clip()), "y3")
    ]
    expected = clip().when[make_explanation().sampled_frames[:, 0]]
    assert [bool(mask.any()) for mask in tinted] == expected.tolist()
    for mask in (mask for mask in tinted if mask.any()):
        rows, columns = np.nonzero(mask)
        scale = 200 / 320
        extent = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
        np.testing.assert_allclose(extent, np.array([40, 120, 100, 180]) * scale, atol=2)


def test_heat_lies_where_the_map_is_strong_and_inside_the_box():
    maps = np.zeros((6, 5, 7), np.float32)
    maps[1, :, -1] = 1
    drawn = pictures(ground_truth_figure(make_explanation(maps=maps), clip()), "y2")
    gray = np.ptp(drawn[1], axis=2) < 12
    box = np.array(make_explanation().box) * 200 / 320
    columns = np.flatnonzero(~gray.all(axis=0))
    assert box[2] - 2 * (box[2] - box[0]) / 7 - 2 <= columns.min()
    assert columns.max() <= box[2] + 2
    assert all((np.ptp(picture, axis=2) < 12).all() for s, picture in enumerate(drawn) if s != 1)


def test_the_time_of_the_action_is_shaded():
    figure: Any = ground_truth_figure(make_explanation(), clip())
    shaded = [(shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]
    np.testing.assert_allclose(shaded, [(1, 2), (3, 4)])


def test_the_title_is_text():
    figure: Any = ground_truth_figure(make_explanation(), clip())
    assert figure.layout.title.text == "Ground truth and explanation: a &#60;b&#62;kick&#60;/b&#62;, staa"


def test_eight_of_many_slices_are_shown():
    edges = np.linspace(0, 4.8, 25)
    sampled = np.arange(24)[:, None] * 2
    e = make_explanation(
        maps=np.ones((24, 5, 7)), spans=np.stack([edges[:-1], edges[1:]], 1), sampled_frames=sampled, attention=None
    )
    images = pictures(ground_truth_figure(e, clip()), "y2")
    assert len(images) == 8


@pytest.mark.parametrize("changes", [{"frame_size": (180, 320), "box": (0, 0, 180, 180)}, {"first_frame": 9}])
def test_another_clip_is_refused(changes: dict[str, Any]):
    if "first_frame" in changes:
        changes = {**changes, "sampled_frames": make_explanation().sampled_frames + 9}
    with pytest.raises(ParameterError, match="of another clip"):
        ground_truth_figure(make_explanation(**changes), clip())
