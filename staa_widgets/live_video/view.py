"""`LiveView` and `LiveOwner`: the interfaces between a `Live` object and the widget that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from staa_widgets.live_video.explainer import WindowExplainer
    from staa_widgets.live_video.frame import LiveFrame
    from staa_widgets.live_video.recordings import Recordings
    from staa_widgets.live_video.session import LiveResult, LiveStatus, Session
    from staa_widgets.live_video.sources.source import Source
    from staa_widgets.live_video.statistics import LiveStats


class LiveView(Protocol):
    """Widget that shows a live explanation. Every method may be called from any thread and does not block."""

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


class LiveOwner(Protocol):
    """The `Live` object that a view shows."""

    source: Source
    explainer: WindowExplainer
    recorder: Recordings
    fps: float

    @property
    def session(self) -> Session | None:
        """The session since the last start."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether the source is being read."""
        ...

    @property
    def status(self) -> LiveStatus:
        """What the source is doing."""
        ...

    @property
    def stats(self) -> LiveStats:
        """Counts, rates and ages."""
        ...

    def start(self) -> None:
        """Start the source."""
        ...

    def stop_with(self, text: str) -> None:
        """Stop, and give a sentence that says why."""
        ...
