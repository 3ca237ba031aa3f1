"""`LiveView`: the interface between a `Live` object and the widget that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from staa_widgets.live_video.frame import LiveFrame
    from staa_widgets.live_video.session import LiveResult, LiveStatus


class LiveView(Protocol):
    """What shows a live explanation; every method may be called from any thread and does not block."""

    @property
    def page_started(self) -> bool:
        """Whether the user has clicked the start button in a page that still answers."""
        ...

    @property
    def is_watched(self) -> bool:
        """Whether a page shows the results and reports their age."""
        ...

    def show_frame(self, frame: LiveFrame) -> None:
        """Show a frame that was taken from the source."""
        ...

    def show_result(self, result: LiveResult) -> None:
        """Show the map of a window."""
        ...

    def show_status(self, status: LiveStatus) -> None:
        """Show what the source is doing."""
        ...

    def close(self) -> None:
        """Remove the view from every page."""
        ...
