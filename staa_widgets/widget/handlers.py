"""What pages ask of a player's kernel, op by op."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import ExplainRequest
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.file_export import make_export_operation
from staa_widgets.widget.frame_requests import make_frames_operation
from staa_widgets.widget.service import Answer, Operation

if TYPE_CHECKING:
    from staa_widgets.widget.player import Player


@dataclass(frozen=True)
class ComputeOperation:
    """Answer a question and show the answer in a pane."""

    player: Player
    request: ExplainRequest
    pane: int
    start: float = field(default_factory=time.perf_counter)

    def compute(self, report: Progress) -> Explanation:
        """Compute, through the cache."""
        return answer_request(self.request, report)

    def finish(self, result: Explanation) -> Answer:
        """Show it."""
        self.player.show_result(result, self.request, self.pane)
        seconds = round(time.perf_counter() - self.start, 3)
        cache = result.provenance["cache"]
        return {"method": result.method, "target": result.target, "cache": cache, "seconds": seconds}, []


def make_compute_operation(player: Player, args: Mapping[str, Any]) -> ComputeOperation:
    """Make an errand of a `make_compute_operation` request; raises as `Player.make_compute_operation`."""
    pane = player.pane_of(args)
    question = player.resolve_request(args.get("method"), args.get("target"), args.get("params", {}), pane)
    return ComputeOperation(player, question, pane)


OPERATIONS: dict[str, Callable[[Player, Mapping[str, Any]], Operation]] = {
    "compute": make_compute_operation,
    "frames": make_frames_operation,
    "export": make_export_operation,
}
"""By op; each takes the player and the arguments that messages.py lets through."""
