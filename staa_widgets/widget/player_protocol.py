"""Protocols of a player, for the modules that `player` imports and that therefore cannot import `player`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from staa_widgets.engine.request import ExplainRequest
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.video.clip import Clip
    from staa_widgets.widget.frame_stream import FrameStream


class ShownExplanations(Protocol):
    """Explanations that settings are checked against."""

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """The explanations on show, pane by pane."""
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
        """The source frame on show."""
        ...

    @property
    def frame_stream(self) -> FrameStream:
        """The open decoder for requests of frames."""
        ...

    def pane_of(self, args: Mapping[str, Any]) -> int:
        """Return the pane that a request names, or the active one."""
        ...

    def clip_of(self, pane: int) -> Clip:
        """Return the video that a pane shows; raises `PlayerError` if it is not available."""
        ...

    def change_request(
        self, method: str | None, target: int | str | None, params: Mapping[str, Any], pane: int | None = None
    ) -> ExplainRequest:
        """Return the request of a pane (default: the active one) with these changes."""
        ...

    def show_result(self, explanation: Explanation, request: ExplainRequest | None, pane: int) -> None:
        """Show an explanation in a pane."""
        ...

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None: ...
