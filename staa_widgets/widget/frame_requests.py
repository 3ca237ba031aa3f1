"""Answer requests for frames that the preview does not hold, as JPEG files of consecutive frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, VideoError
from staa_widgets.utils.progress import Progress
from staa_widgets.video.frame_reader import resize_frame
from staa_widgets.video.preview import LADDER, encode_jpeg
from staa_widgets.widget.frame_stream import FrameStream
from staa_widgets.widget.player_protocol import PlayerView
from staa_widgets.widget.worker import Answer

if TYPE_CHECKING:
    from PIL import Image

    from staa_widgets.video.clip import Clip

MAX_FRAMES = 32
"""Maximum number of frames in one answer."""

MAX_BYTES = 1_900_000
"""Maximum bytes of one answer: some notebook hosts drop messages above 2 MB."""

_QUALITIES = sorted({quality for quality, _ in LADDER} - {88}, reverse=True)


@dataclass(frozen=True)
class FramesOperation:
    """Operation that encodes consecutive frames as JPEG files.

    Parameters
    ----------
    stream
        The player's decoder, which stays open.
    clip
        The video.
    first, count
        Position of the first frame in the clip, and number of frames.
    size
        ``(width, height)`` of the pictures in pixels.
    """

    stream: FrameStream
    clip: Clip
    first: int
    count: int
    size: tuple[int, int]

    def compute(self, report: Progress) -> list[bytes]:
        """Return a JPEG file for each frame; fewer if a frame cannot be decoded or the answer would be too large."""
        images: list[Image.Image] = []
        frames = self.stream.read(self.clip, self.first, self.count, self.size)
        try:
            for frame in frames:
                report("frames", len(images), self.count)
                images.append(resize_frame(frame, self.size))
        except VideoError:
            if not images:
                raise
        finally:
            frames.close()
        return encode_within(images)

    def finish(self, result: list[bytes]) -> Answer:
        """Return the index of the first frame and the offsets of the pictures, with the pictures in one buffer."""
        first = self.clip.first_frame + self.first
        return {"first": first, "offsets": [*accumulate(map(len, result), initial=0)]}, [b"".join(result)]


def encode_within(images: list[Image.Image], limit: int = MAX_BYTES) -> list[bytes]:
    """Return JPEG files at the best quality at which all fit into `limit` bytes, else as many files as fit."""
    files: list[bytes] = []
    for quality in _QUALITIES:
        files = [encode_jpeg(picture, quality) for picture in images]
        if sum(map(len, files)) <= limit:
            return files
    fitting = sum(size <= limit for size in accumulate(map(len, files)))
    return files[: max(fitting, 1)]


def make_frames_operation(player: PlayerView, args: Mapping[str, Any]) -> FramesOperation:
    """Return the operation of a `frames` request.

    Raises
    ------
    PlayerError
        If the video is not available.
    ParameterError
        If the clip has no such frame, or the explanation has no preview, which sets the size of the pictures.
    """
    pane = player.pane_of(args)
    clip, e = player.clip_of(pane), player.explanations[pane]
    first = args.get("first", clip.first_frame) - clip.first_frame
    if not 0 <= first < len(clip) or e.preview is None:
        raise ParameterError(f"There are no frames to send from frame {args.get('first')} on.", "Reload the page.")
    count = max(1, min(args.get("count", MAX_FRAMES), MAX_FRAMES, len(clip) - first))
    return FramesOperation(player.frame_stream, clip, first, count, (e.preview.width, e.preview.height))
