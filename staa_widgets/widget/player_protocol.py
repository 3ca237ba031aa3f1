"""Protocols of a player, for modules that cannot import `player` because `player` imports them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from staa_widgets.engine.request import ExplainRequest
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.records.target import TargetLike
    from staa_widgets.video.clip import Clip
    from staa_widgets.widget.frame_stream import FrameStream


class ShownExplanations(Protocol):
    """The explanations against which settings are checked."""

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """The shown explanations, one for each pane."""
        ...

    @property
    def explanation(self) -> Explanation:
        """The explanation in the active pane."""
        ...


class PlayerView(ShownExplanations, Protocol):
    """Members of a player that operations, exports and the display use."""

    comm: Any

    @property
    def frame(self) -> Any:
        """The shown source frame."""
        ...

    @property
    def frame_stream(self) -> FrameStream:
        """The decoder for requests of frames, which stays open."""
        ...

    def pane_of(self, args: Mapping[str, Any]) -> int:
        """Return the pane that a request names, or the active pane."""
        ...

    def clip_of(self, pane: int) -> Clip:
        """Return the video that a pane shows; raises `PlayerError` if it is not available."""
        ...

    def change_request(
        self, method: str | None, target: TargetLike | None, params: Mapping[str, Any], pane: int | None = None
    ) -> ExplainRequest:
        """Return the request of a pane (default: the active pane) with these changes."""
        ...

    def show_result(self, explanation: Explanation, request: ExplainRequest | None, pane: int) -> None:
        """Show an explanation in a pane; the pane after the last one is added."""
        ...

    def close_pane(self, pane: int) -> None:
        """Close one of several panes."""
        ...

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None: ...
