"""`live`: explain a camera or a stream while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError
from staa_widgets.live_video.explainer import WindowExplainer
from staa_widgets.live_video.live_explanation import Live
from staa_widgets.live_video.sources.choose import open_source
from staa_widgets.utils.numbers import is_positive_number
from staa_widgets.utils.text import quote_value

if TYPE_CHECKING:
    from torch import nn

    from staa_widgets.models.video_model import VideoModel

MAX_FPS = 60.0
"""Largest number of frames a second that can be asked for."""


def live(
    source: Any = None,
    model: VideoModel | nn.Module | str | Path | tuple[Any, Any] | None = None,
    method: str | None = None,
    *,
    fps: float = 8.0,
    window: float = 2.0,
    stride: float = 0.25,
    target: int | str | None = None,
    **params: Any,
) -> Live:
    """Explain a camera or a stream while it runs: return a `Live`, which a notebook shows as a widget.

    Nothing starts by itself: the widget starts at a click, and in Python `Live.windows`, `Live.start` and `Live.record`
    start the source. The newest window is explained again and again; whatever is too slow leaves frames out, and
    nothing queues up.

    Parameters
    ----------
    source
        Where the frames come from:

        - ``None``: the camera of the computer that shows the notebook, where its browser allows it;
        - an address: ``"rtsp://…"`` (over TCP), ``"http://…"`` and others. It is connected again if it is lost;
        - ``"/dev/video0"``, or its number: a camera of the computer that runs Python;
        - an iterator of frames, RGB ``(H, W, 3)``. If it waits for its frames, it sets its own speed; otherwise it is
          played at `fps`;
        - a file, or anything else that `staa_widgets.open_clip` takes: played once at its own speed.
    model
        A `VideoModel`, or anything that `load_model` takes; ``None`` for the bundled model.
    method
        Name in `METHODS`; default as for `explain`.
    fps
        Frames a second that are taken from the source; at least as many as the model sees are taken.
    window
        Seconds that the frames of one pass of the model span; they are ``window / T`` apart, whatever the rate of the
        source.
    stride
        Seconds from one window to the next; more if the model is slower.
    target
        Class to explain, by index or label; default: the class predicted in each window.
    **params
        Parameters of the method.

    Returns
    -------
    Live

    Raises
    ------
    LiveSourceError
        If an address is not valid, or there is no such camera. A source that does not answer is reported when it is
        started.
    VideoError, ModelError, MethodError, ParameterError
        As `explain`.
    """
    for name, value, most in (("fps", fps, MAX_FPS), ("window", window, 600.0), ("stride", stride, 600.0)):
        if not is_positive_number(value) or value > most:
            raise ParameterError(f"{name} is {quote_value(value)}.", f"Use a positive number up to {most:g}.")
    from staa_widgets.models.loading import load_model
    from staa_widgets.models.video_model import VideoModel

    opened = open_source(source, fps)
    loaded = model if isinstance(model, VideoModel) else load_model(model)
    return Live(opened, WindowExplainer(loaded, method, target, params, opened.name), fps, window, stride)
