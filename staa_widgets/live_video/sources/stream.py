"""`StreamSource`: a network stream or a camera device, decoded by PyAV; it reconnects by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from staa_widgets.errors import LiveSourceError, StaaError, VideoError
from staa_widgets.live_video.sources.address import HTTP, PROTOCOLS, Address
from staa_widgets.live_video.sources.http import HttpBody, open_http
from staa_widgets.live_video.sources.source import Sink

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from staa_widgets.video.display import Display

OPEN_TIMEOUT = 10.0
"""Seconds after which a source that does not answer is given up."""

READ_TIMEOUT = 5.0
"""Seconds without a frame after which a connection counts as lost."""

FIRST_DELAY, MAX_DELAY = 0.5, 10.0
"""Seconds before the first attempt to connect again, and between later ones; each waits twice as long."""

LOW_LATENCY = {"fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "2000000", "probesize": "1000000"}


@dataclass(eq=False)
class StreamSource:
    """A network stream or a camera device, which connects again after it was lost.

    Parameters
    ----------
    name
        Name that may be shown: without passwords.
    connect
        Opens the stream and returns what PyAV opens; an `HttpBody` or a text, with options.
    """

    name: str
    connect: Callable[[], StreamInput]
    _body: HttpBody | None = field(default=None, init=False, repr=False)

    @property
    def _is_file(self) -> bool:
        return self._body is not None and self._body.is_file

    def run(self, sink: Sink) -> None:
        """Read all frames as they arrive and offer them."""
        delay, was_running = FIRST_DELAY, False
        while not sink.is_stopped:
            frames = 0
            reason = "The connection was lost"
            try:
                for seconds, frame, display in self._read(sink):
                    frames += 1
                    delay, was_running = FIRST_DELAY, True
                    sink.offer(seconds, partial(display.to_rgb, frame, display.size))
                    if sink.is_stopped:
                        return
                if frames and self._is_file:
                    return
            except LiveSourceError as error:
                if not was_running:
                    raise
                reason = error.message.rstrip(".")
            if sink.is_stopped:
                return
            if not was_running:
                raise LiveSourceError(
                    f"{self.name} gives no video that can be read.",
                    "Check that it plays in another program. An mp4 file must have its index at its start; otherwise "
                    "download it and give its path.",
                )
            sink.report_waiting(f"{reason}; connecting again in {delay:g} s")
            if sink.wait(delay):
                return
            delay = min(2 * delay, MAX_DELAY)

    def interrupt(self) -> None:
        """Close the connection, so that a blocked read ends."""
        body = self._body
        if body is not None:
            body.close()

    def _read(self, sink: Sink) -> Iterator[tuple[float, VideoFrame, Display]]:
        """Yield frames with the second of the session at which they were captured; a file is played at its speed."""
        from av.error import FFmpegError

        from staa_widgets.video.container import decode_stream
        from staa_widgets.video.display import read_display

        try:
            with self._open() as (container, stream):
                display, start = None, sink.now()
                for frame in decode_stream(container, stream):
                    display = display or read_display(stream, frame, self.name)
                    seconds = sink.now()
                    if self._is_file and frame.time is not None:
                        seconds = start + frame.time - float((stream.start_time or 0) * (stream.time_base or 0))
                        if sink.wait(seconds - sink.now()):
                            return
                    if (frame.width, frame.height) != display.stored_size:
                        display = read_display(stream, frame, self.name)
                    yield seconds, frame, display
        except TimeoutError:
            raise LiveSourceError(
                f"No frame came from {self.name} for {READ_TIMEOUT:g} s.", "Check that it is running."
            ) from None
        # Their texts may hold the address with its password, so no part of them is shown.
        except (OSError, FFmpegError, VideoError) as error:
            if isinstance(error, StaaError) and not isinstance(error, FFmpegError):
                raise
            raise LiveSourceError(f"{self.name} cannot be read: {_reason(error)}.", _hint(error)) from None

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        import av

        from staa_widgets.video.limits import check_frame_size

        opened = self.connect()
        self._body = opened.file if isinstance(opened.file, HttpBody) else None
        try:
            with av.open(
                opened.file,
                "r",
                format=opened.format,
                options={**({} if self._is_file else LOW_LATENCY), **opened.options},
                metadata_errors="ignore",
                timeout=(OPEN_TIMEOUT, READ_TIMEOUT),
                buffer_size=4096,
            ) as container:
                if not container.streams.video:
                    raise LiveSourceError(f"{self.name} has no video track.", "Give a source of video.")
                stream = container.streams.video[0]
                check_frame_size(self.name, stream.codec_context.width, stream.codec_context.height)
                stream.thread_type = "SLICE"  # Threads by frame would delay each frame by as many frames.
                yield container, stream
        finally:
            if self._body is not None:
                self._body.release()


@dataclass(frozen=True, eq=False)
class StreamInput:
    """What PyAV opens.

    Parameters
    ----------
    file
        A body over HTTP, or the text that FFmpeg opens.
    format
        FFmpeg's name of the format; ``None`` to recognize it.
    options
        Options of FFmpeg.
    """

    file: HttpBody | str = field(repr=False)
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def network_source(address: Address) -> StreamSource:
    """Return the source of an address."""
    if address.scheme in HTTP:
        return StreamSource(address.public_form, partial(_connect_http, address))
    options = {"protocol_whitelist": PROTOCOLS[address.scheme]}
    if address.scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    opened = StreamInput(address.url, "rtsp" if address.scheme.startswith("rtsp") else None, options)
    return StreamSource(address.public_form, lambda: opened)


def device_source(path: str) -> StreamSource:
    """Return the source of a camera of this computer, such as ``"/dev/video0"``."""
    opened = StreamInput(path, "v4l2", {"protocol_whitelist": "file"})
    return StreamSource(path, lambda: opened)


def _connect_http(address: Address) -> StreamInput:
    from staa_widgets.video.container import CONTAINERS

    # Formats that name other files or addresses, such as playlists, are not allowed.
    return StreamInput(open_http(address, READ_TIMEOUT), None, {"format_whitelist": f"{CONTAINERS},mpjpeg"})


def _reason(error: BaseException) -> str:
    """Return the cause of a failure without the address, which the text of an error may hold."""
    text = getattr(error, "strerror", None) or type(error).__name__
    return str(text).lower() if "://" not in str(text) else type(error).__name__


def _hint(error: BaseException) -> str:
    """Return what to check after a failure."""
    from av.error import HTTPForbiddenError, HTTPNotFoundError, HTTPUnauthorizedError

    if isinstance(error, HTTPUnauthorizedError | HTTPForbiddenError):
        return "Check user and password, which are written as rtsp://user:password@host."
    if isinstance(error, HTTPNotFoundError):
        return "Check the path of the address."
    return "Check that it exists and is running."
