"""Copy or encode the audio of a video for another file."""

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
"""Codecs whose packets an mp4 file can hold; audio of any other codec is encoded as AAC."""


def has_audio(path: Path) -> bool:
    """Return whether a video has audio; raises `VideoError` if it cannot be read."""
    from staa_widgets.video.container import open_container

    with open_container(path, path.name) as (container, _):
        return bool(container.streams.audio)


@contextmanager
def audio_packets(
    out: OutputContainer, path: Path, start: float, end: float
) -> Iterator[Iterator[tuple[float, Packet]]]:
    """Yield the audio packets of a video, copied or encoded for another file.

    Parameters
    ----------
    out
        The file to write; an audio track is added to it.
    path
        The video whose audio is read.
    start, end
        Seconds on the clock of the video track, whose first frame is at 0. Audio outside this range is left out.

    Yields
    ------
    Iterator[tuple[float, Packet]]
        Packets in order, each with its time in seconds after `start`.

    Raises
    ------
    ExportError
        If the video has no audio.
    VideoError
        If the video cannot be read.
    """
    from staa_widgets.video.container import open_container

    if not path.is_file():
        raise VideoNotFoundError(f"There is no file {str(path)!r}.", "Check the path given as audio=.")
    with open_container(path, path.name) as (container, video_stream):
        if not container.streams.audio:
            raise ExportError(f"{path.name!r} has no audio track.", "Leave out audio=, or give a file that has one.")
        source = container.streams.audio[0]
        video_start = float((video_stream.start_time or 0) * (video_stream.time_base or 0))
        begin, stop = video_start + start, video_start + end
        if source.codec_context.name in COPYABLE_CODECS:
            stream = out.add_stream_from_template(source)
        else:
            layout = "mono" if source.codec_context.channels == 1 else "stereo"
            stream = out.add_stream("aac", rate=source.codec_context.sample_rate, layout=layout)

        def copy_packets() -> Iterator[tuple[float, Packet]]:
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

        def encode_packets() -> Iterator[tuple[float, Packet]]:
            from av.audio.resampler import AudioResampler

            resampler = AudioResampler("fltp", stream.codec_context.layout, stream.codec_context.sample_rate)
            base = Fraction(1, stream.codec_context.sample_rate)
            for frame in container.decode(source):
                if frame.time is None or not begin <= frame.time < stop:
                    continue
                for audio_frame in resampler.resample(frame):
                    audio_frame.pts, audio_frame.time_base = round((frame.time - begin) / base), base
                    for packet in stream.encode(audio_frame):
                        yield frame.time - begin, packet
            for packet in stream.encode():
                yield end - start, packet

        yield copy_packets() if source.codec_context.name in COPYABLE_CODECS else encode_packets()
