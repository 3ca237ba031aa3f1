"""Keep the clips with the best and the worst scores of each method, and draw them for the report."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from staa_widgets.evaluation.rows import ExampleRow, Row, mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from staa_widgets.evaluation.metric import Metric
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.video.clip import Clip
    from staa_widgets.video.preview import Preview

GRADED_METRICS = ("mass_equal_entropy", "mass", "average_precision", "temporal_auc", "insertion")
"""Metrics that rank the clips, the preferred one first; other metrics, such as pointing, have the same score often."""

FRAME_SIDE = 320
"""Longer side of the frames in pixels."""

PICTURE_WIDTH, PICTURE_PIXELS, PICTURE_QUALITY = 600, 900, 80
"""Width of a picture on the page, its number of pixels in a row, and its JPEG quality."""


class _Candidate(NamedTuple):
    score: float
    row: Row
    explanation: Explanation


@dataclass
class ExampleClips:
    """The explanations with the best and the worst scores so far, by method.

    Parameters
    ----------
    metric
        Label of the metric that ranks the clips.
    higher_is_better
        Its direction.
    count
        Number of best and of worst clips to keep.
    """

    metric: str
    higher_is_better: bool
    count: int
    _candidates: dict[str, list[_Candidate]] = field(default_factory=dict)

    def add(self, clip: Clip, explanations: Mapping[str, Explanation], rows: Iterable[Row]) -> None:
        """Keep the explanations of a clip whose scores are among the best or the worst so far."""
        preview: Preview | None = None
        for row in rows:
            if row.metric != self.metric or row.method not in explanations or not math.isfinite(row.value):
                continue
            kept = self._candidates.setdefault(row.method, [])
            score = row.value if self.higher_is_better else -row.value
            ranked = sorted([*(candidate.score for candidate in kept), score], reverse=True)
            if len(ranked) <= 2 * self.count or score in ranked[: self.count] + ranked[-self.count :]:
                e = explanations[row.method]
                preview = preview or _sampled_frames(clip, e)
                kept.append(_Candidate(score, row, replace(e, preview=preview)))
                kept.sort(key=lambda candidate: -candidate.score)
                del kept[self.count : max(len(kept) - self.count, self.count)]

    def draw(self, rows: Sequence[Row], controls: Collection[str]) -> list[ExampleRow]:
        """Return pictures of the best and the worst clips of the method with the best mean; controls do not count."""
        means = {
            method: mean([row.value for row in rows if (row.method, row.metric) == (method, self.metric)])
            for method in self._candidates
            if method not in controls
        }
        if not means:
            return []
        best = max(means, key=lambda method: means[method] if self.higher_is_better else -means[method])
        return [_draw_example(candidate) for candidate in self._candidates[best]]


def example_clips(metrics: Mapping[str, tuple[Metric, Mapping[str, object]]], count: int) -> ExampleClips | None:
    """Return an empty collection for the metrics of an evaluation; ``None`` if none of them can rank clips."""
    directed = {label: metric for label, (metric, _) in metrics.items() if metric.higher_is_better is not None}
    order = {name: place for place, name in enumerate(GRADED_METRICS)}
    if not directed or not count:
        return None
    label = min(directed, key=lambda label: order.get(directed[label].name, len(order)))
    return ExampleClips(label, bool(directed[label].higher_is_better), count)


def _sampled_frames(clip: Clip, e: Explanation) -> Preview:
    """Return the frames that the model saw as a preview."""
    from staa_widgets.video.frame_reader import resize_frame
    from staa_widgets.video.preview import Preview, encode_jpeg

    frames = np.unique(e.sampled_frames)
    scale = min(1.0, FRAME_SIDE / max(clip.width, clip.height))
    size = (max(1, round(clip.width * scale)), max(1, round(clip.height * scale)))
    images = clip.iter_frames(frames - clip.first_frame, size=size, on_damage=lambda _: None)
    pictures = [encode_jpeg(resize_frame(frame, size), 88) for frame in images]
    return Preview(
        indices=frames,
        times=clip.times[frames - clip.first_frame],
        offsets=np.array([*accumulate(map(len, pictures), initial=0)], np.int64),
        data=np.frombuffer(b"".join(pictures), np.uint8),
        width=size[0],
        height=size[1],
    )


def _draw_example(candidate: _Candidate) -> ExampleRow:
    from PIL import Image

    from staa_widgets.export.image import render_image

    picture = render_image(candidate.explanation, width=PICTURE_WIDTH)
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture.png)) as image:
        size = (PICTURE_PIXELS, round(PICTURE_PIXELS * image.height / image.width))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=PICTURE_QUALITY)
    return ExampleRow(*candidate.row, base64.b64encode(file.getvalue()).decode(), picture.alt)
