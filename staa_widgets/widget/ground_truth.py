"""Ground truth that is passed to a player, and added to the explanations that the player shows."""

from __future__ import annotations

from dataclasses import replace

from staa_widgets.engine.request import attach_request, request_of
from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.video.ground_truth import GroundTruth, HasGroundTruth


class GivenGroundTruth:
    """Ground truth that the user gives for the video of a player's first explanation.

    Parameters
    ----------
    explanation
        The first explanation.
    ground_truth
        Ground truth of the whole video or of the explained range; ``None`` if unknown.

    Raises
    ------
    ParameterError
        If the ground truth does not fit the explanation.
    """

    def __init__(self, explanation: Explanation, ground_truth: HasGroundTruth | GroundTruth | None) -> None:
        self._reference: Explanation | None = None
        if ground_truth is not None:
            truth = ground_truth if isinstance(ground_truth, GroundTruth) else GroundTruth.from_clip(ground_truth)
            first, count = explanation.first_frame, len(explanation.times)
            if len(truth.when) > count and len(truth.when) >= first + count:
                truth = truth.trim(first, first + count)
            self._reference = replace(explanation, ground_truth=truth)

    def add_to(self, explanation: Explanation) -> Explanation:
        """Return an explanation with this ground truth added if it is of the same clip, else unchanged."""
        if self._reference is None or not same_clip(self._reference, explanation):
            return explanation
        with_truth = replace(explanation, ground_truth=self._reference.ground_truth)
        request = request_of(explanation)
        return attach_request(with_truth, request) if request else with_truth
