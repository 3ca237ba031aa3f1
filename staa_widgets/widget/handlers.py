"""What pages ask of a player's kernel, op by op."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.request import Question
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.file_export import export
from staa_widgets.widget.frame_requests import pictures
from staa_widgets.widget.service import Answer, Errand

if TYPE_CHECKING:
    from staa_widgets.widget.player import Player


@dataclass(frozen=True)
class Compute:
    """Answer a question and show the answer in a pane."""

    player: Player
    question: Question
    pane: int
    began: float = field(default_factory=time.perf_counter)

    def ask(self, report: Progress) -> Explanation:
        """Compute, through the cache."""
        return self.question.ask(report)

    def settle(self, found: Explanation) -> Answer:
        """Show it."""
        self.player.settle(found, self.question, self.pane)
        seconds = round(time.perf_counter() - self.began, 3)
        cache = found.provenance["cache"]
        return {"method": found.method, "target": found.target, "cache": cache, "seconds": seconds}, []


def compute(player: Player, args: Mapping[str, Any]) -> Compute:
    """Make an errand of a `compute` request; raises as `Player.compute`."""
    pane = player.pane_of(args)
    question = player.ask_about(args.get("method"), args.get("target"), args.get("params", {}), pane)
    return Compute(player, question, pane)


ERRANDS: dict[str, Callable[[Player, Mapping[str, Any]], Errand]] = {
    "compute": compute,
    "frames": pictures,
    "export": export,
}
"""By op; each takes the player and the arguments that messages.py lets through."""
