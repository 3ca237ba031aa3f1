"""`VideoFile`: facts about a video file, known before its pixels are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.video.display import Display
from staa_widgets.video.file_stamp import FileStamp

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class VideoFile:
    """Facts about a video file, known before its pixels are decoded.

    Parameters
    ----------
    source
        Path of the file, or its bytes.
    name
        Short name for messages.
    container, codec, pix_fmt
        FFmpeg's names.
    display
        How stored frames are displayed: turned upright and with square pixels.
    times
        float64 ``(F,)``, seconds, rising from 0.
    end
        Seconds at which the last frame ends.
    time_base
        Seconds from one time stamp to the next.
    first_pts
        Time stamp of the first frame, relative to which other frames are recognized; ``None`` if the file's time stamps
        are not reliable, so that frames must be counted from the beginning.
    key_frames, seek_pts
        int64, frames at which decoding can start, and the time stamps to seek to for them; the first entry is the
        beginning of the file.
    seek_positions
        int64, the bytes at which these frames begin, of an AVI file: it stores no time stamps, and its index may
        disagree with its data, so a seek has to be checked. ``None`` for other files.
    video_tracks
        Number of video tracks.
    has_rotate_tag
        Whether a tag, which players ignore, asks for a rotation.
    packets_are_exact
        Whether the packets determine the frames and their times, so that no frame was decoded to count them.
    shows_all_packets
        Whether every packet is displayed, and the container states this number of frames or none.
    has_closed_groups
        Whether decoding can start at every key frame, as `staa_widgets.video.packets.has_closed_groups` says.
    file_stamp
        Size and time of change of the file when it was probed.
    """

    source: Path | bytes
    name: str
    container: str
    codec: str
    pix_fmt: str
    display: Display
    times: NDArray[np.float64]
    end: float
    time_base: Fraction
    first_pts: int | None
    key_frames: NDArray[np.int64]
    seek_pts: NDArray[np.int64]
    seek_positions: NDArray[np.int64] | None
    video_tracks: int
    has_rotate_tag: bool
    packets_are_exact: bool
    shows_all_packets: bool
    has_closed_groups: bool
    file_stamp: FileStamp

    @property
    def width(self) -> int:
        """Displayed width in pixels."""
        return self.display.size[0]

    @property
    def height(self) -> int:
        """Displayed height in pixels."""
        return self.display.size[1]

    def frame_index(self, pts: int) -> int | None:
        """Return the index of the frame with a time stamp; ``None`` if there is no such frame or no `first_pts`."""
        if self.first_pts is None:
            return None
        # Only seconds are stored, to save memory for long films; the same computation gives exactly the same seconds.
        second = pts_to_seconds(pts - self.first_pts, self.time_base)
        index = int(np.searchsorted(self.times, second))
        return index if index < len(self.times) and self.times[index] == second else None


def pts_to_seconds(ticks: Any, base: Fraction) -> Any:
    """Return time stamps in seconds; multiplying before dividing keeps a time such as 2.0 exact."""
    return ticks * base.numerator / base.denominator
