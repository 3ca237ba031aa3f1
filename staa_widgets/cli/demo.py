"""``staa demo``: explain a synthetic clip and compare the explanation with the ground truth."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from staa_widgets.cli.output import DONE, open_in_browser, print_summary

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


def run_demo(options: argparse.Namespace) -> int:
    """Draw a clip, explain it, write its page and compare the explanation with the ground truth."""
    from staa_widgets.datasets.drawn_actions import action_clip
    from staa_widgets.engine.explain import explain
    from staa_widgets.video.ground_truth import GroundTruth

    options.out.mkdir(parents=True, exist_ok=True)
    clip = action_clip(options.seed)
    video = clip.write_mp4(options.out / "demo.mp4")
    print(f"Synthetic video of {clip.label!r}: {video}")
    # The video file carries no ground truth.
    explanation = replace(explain(video), ground_truth=GroundTruth.from_clip(clip))
    page = explanation.to_html(options.out / "demo.staa.html")
    print_summary(explanation, page)
    print(f"  ground truth: {_describe_score(explanation)}")
    if options.open:
        open_in_browser(page)
    return DONE


def _describe_score(explanation: Explanation) -> str:
    from staa_widgets.evaluation.metrics.localization import score_ground_truth
    from staa_widgets.explanation.ground_truth import explanation_ground_truth

    ground_truth, truth = explanation.ground_truth, explanation_ground_truth(explanation)
    assert ground_truth is not None
    assert truth is not None
    start, end = ground_truth.spans(explanation.times, explanation.end)[0]
    scores = score_ground_truth(explanation.maps, truth)
    return (
        f"{ground_truth.label!r}; the limbs move from {start:.2f} to {end:.2f} s and get {scores['mass']:.0%} of the "
        f"attribution (at equal entropy {scores['mass_equal_entropy']:.0%}; chance: {truth.where.mean():.0%})"
    )
