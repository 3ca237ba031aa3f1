"""Content of one pane of a player: an explanation, and the request that produced it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staa_widgets.engine.request import ExplainRequest
from staa_widgets.errors import PlayerError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.records.target import TargetLike, resolve_target


@dataclass(frozen=True)
class PaneContent:
    """An explanation, the request that produced it (``None`` if unknown), and the user's own name for the two."""

    explanation: Explanation
    request: ExplainRequest | None
    own_name: str = ""

    def require_request(self) -> ExplainRequest:
        """Return the request; raises `PlayerError` if it is unknown."""
        if self.request is None:
            raise missing_request_error()
        return self.request

    def change_request(
        self, method: str | None, target: TargetLike | None, params: Mapping[str, Any]
    ) -> ExplainRequest:
        """Return the request for another method, class or parameters; ``None`` keeps the current value."""
        request = self.require_request()
        same_method = method in (None, request.method) and not params
        if same_method and resolve_target(target, request.model.labels) == self.explanation.explained_target:
            target = None
        return request.with_changes(method, target, params)


def class_index(explanation: Explanation) -> int:
    """Return the index of the explained class; -1 for a difference of classes or a function of the logits."""
    target = explanation.explained_target
    return target if isinstance(target, int) else -1


def missing_request_error() -> PlayerError:
    """Return the error to raise for an explanation whose request is unknown."""
    return PlayerError(
        "The kernel does not have the video and the model of this explanation.",
        "Run `staa.explain` on the video again, or show it with `staa.Player(explanation, video=…, model=…)`.",
    )
