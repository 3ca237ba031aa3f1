"""Table of the operations that a page can request from the kernel, by op of the protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import ExplainRequest
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.comparison import MAX_PANES
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.file_export import make_export_operation
from staa_widgets.widget.frame_requests import make_frames_operation
from staa_widgets.widget.pane_content import class_index
from staa_widgets.widget.player_protocol import PlayerView
from staa_widgets.widget.worker import Answer, Operation


@dataclass(frozen=True)
class ComputeOperation:
    """Operation that computes an explanation and shows it in a pane."""

    player: PlayerView
    request: ExplainRequest
    pane: int
    start: float = field(default_factory=time.perf_counter)

    def compute(self, report: Progress) -> Explanation:
        """Compute the explanation, through the cache."""
        return answer_request(self.request, report)

    def finish(self, result: Explanation) -> Answer:
        """Show the explanation, and return its method, class, use of the cache and computation time in seconds."""
        self.player.show_result(result, self.request, self.pane)
        seconds = round(time.perf_counter() - self.start, 3)
        cache = result.provenance["cache"]
        return {"method": result.method, "target": class_index(result), "cache": cache, "seconds": seconds}, []


def make_compute_operation(player: PlayerView, args: Mapping[str, Any]) -> ComputeOperation:
    """Return the operation of a `compute` request; raises the errors of `Player.compute`.

    The pane after the last one is a new one. Its request is that of the active pane, with the changes in `args`.
    """
    panes = len(player.explanations)
    adds = args.get("pane") == panes
    if adds and panes == MAX_PANES:
        raise ParameterError(f"The player already has {MAX_PANES} panes.", "Close one of them first.")
    source = player.pane_of({}) if adds else player.pane_of(args)
    request = player.change_request(args.get("method"), args.get("target"), args.get("params", {}), source)
    return ComputeOperation(player, request, panes if adds else source)


@dataclass(frozen=True)
class ClosePaneOperation:
    """Operation that closes one of several panes."""

    player: PlayerView
    pane: int

    def compute(self, report: Progress) -> int:
        """Return the pane: there is nothing to compute."""
        report("closing the pane", 0, 1)
        return self.pane

    def finish(self, result: int) -> Answer:
        """Close the pane, and return how many are left."""
        self.player.close_pane(result)
        return {"panes": len(self.player.explanations)}, []


def make_close_pane_operation(player: PlayerView, args: Mapping[str, Any]) -> ClosePaneOperation:
    """Return the operation of a `close_pane` request; raises `SettingError` if there is no such pane."""
    return ClosePaneOperation(player, player.pane_of(args))


OPERATIONS: dict[str, Callable[[PlayerView, Mapping[str, Any]], Operation]] = {
    "compute": make_compute_operation,
    "close_pane": make_close_pane_operation,
    "frames": make_frames_operation,
    "export": make_export_operation,
}
"""By op, the function that makes an operation from the player and the arguments that `parse_message` accepts."""
