"""The sound of a video, for a movie of its explanation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from staa_widgets.errors import ExportError, VideoNotFoundError

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet

COPYABLE_CODECS = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Sound that an mp4 file can hold as it is; any other is coded anew."""


def has_audio(path: Path) -> bool:
    """Tell whether a video has sound; raises `VideoError` if it cannot be read."""
    from staa_widgets.video.probe import open_container

    with open_container(path, path.name) as (container, _):
        return bool(container.streams.audio)


@contextmanager
def audio_packets(
    out: OutputContainer, path: Path, start: float, end: float
) -> Iterator[Iterator[tuple[float, Packet]]]:
    """Give the packets of a video's sound for another file.

    Parameters
    ----------
    out
        Where they will go; it is given a track for them.
    path
        The video.
    start, end
        Seconds on the clock of its pictures, whose first one is at 0: what lies outside is left out.

    Yields
    ------
    Iterator[tuple[float, Packet]]
        Packets in order, each with its second after `start`.

    Raises
    ------
    ExportError
        If the video has no sound.
    VideoError
        If it cannot be read.
    """
    from staa_widgets.video.probe import open_container

    if not path.is_file():
        raise VideoNotFoundError(f"There is no file {str(path)!r}.", "Check audio=.")
    with open_container(path, path.name) as (container, picture):
        if not container.streams.audio:
            raise ExportError(f"{path.name!r} has no sound.", "Leave audio= out.")
        source = container.streams.audio[0]
        first = float((picture.start_time or 0) * (picture.time_base or 0))
        begin, stop = first + start, first + end
        if source.codec_context.name in COPYABLE_CODECS:
            stream = out.add_stream_from_template(source)
        else:
            layout = "mono" if source.codec_context.channels == 1 else "stereo"
            stream = out.add_stream("aac", rate=source.codec_context.sample_rate, layout=layout)

        def copied() -> Iterator[tuple[float, Packet]]:
            for packet in container.demux(source):
                if not packet.size or packet.pts is None or packet.time_base is None:
                    continue
                time = float(packet.pts * packet.time_base)
                if begin <= time < stop:
                    shift = round(begin / float(packet.time_base))
                    packet.pts -= shift
                    packet.dts = packet.pts
                    packet.stream = stream
                    yield time - begin, packet

        def coded() -> Iterator[tuple[float, Packet]]:
            from av.audio.resampler import AudioResampler

            fitting = AudioResampler("fltp", stream.codec_context.layout, stream.codec_context.sample_rate)
            base = Fraction(1, stream.codec_context.sample_rate)
            for frame in container.decode(source):
                if frame.time is None or not begin <= frame.time < stop:
                    continue
                for part in fitting.resample(frame):
                    part.pts, part.time_base = round((frame.time - begin) / base), base
                    for packet in stream.encode(part):
                        yield frame.time - begin, packet
            for packet in stream.encode():
                yield end - start, packet

        yield copied() if source.codec_context.name in COPYABLE_CODECS else coded()
