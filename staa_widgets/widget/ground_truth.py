"""The truth that a player was given, for explanations that do not know it themselves."""

from __future__ import annotations

from dataclasses import replace

from staa_widgets.engine.request import attach_request, request_of
from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.video.ground_truth import GroundTruth, HasGroundTruth


class GivenGroundTruth:
    """What a player was told of the video of its first explanation.

    Parameters
    ----------
    explanation
        That one.
    ground_truth
        Of its whole video, or of the range of it that it is about; ``None`` where nothing was told.

    Raises
    ------
    ParameterError
        If the truth does not fit the explanation.
    """

    def __init__(self, explanation: Explanation, ground_truth: HasGroundTruth | GroundTruth | None) -> None:
        self._known: Explanation | None = None
        if ground_truth is not None:
            known = ground_truth if isinstance(ground_truth, GroundTruth) else GroundTruth.from_clip(ground_truth)
            first, count = explanation.first_frame, len(explanation.times)
            if len(known.when) > count and len(known.when) >= first + count:
                known = known.trim(first, first + count)
            self._known = replace(explanation, ground_truth=known)

    def add_to(self, explanation: Explanation) -> Explanation:
        """Give the truth to an explanation of the same clip; others stay as they are."""
        if self._known is None or not same_clip(self._known, explanation):
            return explanation
        knowing, question = replace(explanation, ground_truth=self._known.ground_truth), request_of(explanation)
        return attach_request(knowing, question) if question else knowing
