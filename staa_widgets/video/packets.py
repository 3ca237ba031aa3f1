"""Read the packets of a video stream: time stamps, key frames and damage, without decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.error import FFmpegError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

NO_STAMP = -(2**63)
"""Value for a missing time stamp, as in FFmpeg."""

MAX_REORDERED = 17
"""Packets by which a frame may be displayed late: H.264 and HEVC keep up to 16 frames for reordering."""

PACKET = np.dtype(
    [(name, np.int64) for name in ("pts", "dts", "duration", "position")]
    + [(name, np.bool_) for name in ("key", "shown", "clean", "broken")]
)
"""numpy type of a packet: long videos have many packets, and an array takes less memory than objects."""


def list_packets(container: InputContainer, stream: VideoStream) -> NDArray[np.void]:
    """Return all packets of a stream, ``(n,)`` of `PACKET`, in order of decoding."""
    return np.fromiter(_iter_packets(container, stream), PACKET)


def has_closed_groups(packets: NDArray[np.void]) -> bool:
    """Return whether every key packet can be decoded alone, and no packet after it is displayed before it."""
    earliest = np.minimum.accumulate(packets["pts"][::-1])[::-1]
    return bool(packets["clean"][packets["key"]].all() and np.all((earliest == packets["pts"])[packets["key"]]))


def find_key_frames(
    packets: NDArray[np.void], pts: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the frames at which decoding can start, among them the first, and the time stamps to seek to."""
    stamp_by_frame = {0: 0}
    if pts is not None:
        stamps = packets["pts"][packets["key"] & (packets["pts"] != NO_STAMP)]
        frames_of_stamps = np.searchsorted(pts, stamps).tolist()
        stamp_by_frame |= {
            frame: stamp for frame, stamp in zip(frames_of_stamps, stamps.tolist(), strict=True) if frame
        }
    frames = sorted(stamp_by_frame)
    return np.array(frames, np.int64), np.array([stamp_by_frame[frame] for frame in frames], np.int64)


def find_positions(packets: NDArray[np.void], stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the byte at which the packet with each display stamp begins; -1 where there is none."""
    order = np.argsort(packets["pts"], kind="stable")
    entries = np.searchsorted(packets["pts"], stamps, sorter=order)
    entries = order[np.minimum(entries, len(order) - 1)]
    return np.where(packets["pts"][entries] == stamps, packets["position"][entries], -1)


def keeps_order(packets: NDArray[np.void]) -> bool:
    """Return whether the display stamps never step back further than reordered frames can.

    No packet is displayed after a later key packet, and a frame is displayed at most `MAX_REORDERED` packets late.
    """
    stamps, is_key = (packets[name][packets["pts"] != NO_STAMP] for name in ("pts", "key"))
    highest = np.maximum.accumulate(stamps)
    after_keys = bool(np.all(stamps[1:][is_key[1:]] > highest[:-1][is_key[1:]]))
    return after_keys and bool(np.all(stamps[MAX_REORDERED:] > highest[:-MAX_REORDERED]))


def restore_damaged(
    decoded_pts: NDArray[np.int64], stamps: NDArray[np.int64], first_pts: int, *, keep_last: bool
) -> NDArray[np.int64]:
    """Return the stamps of all frames, also of those that could not be decoded: rising int64 ``(F,)``.

    Parameters
    ----------
    decoded_pts
        Rising stamps of the frames that could be decoded.
    stamps
        Rising stamps of all shown packets.
    first_pts
        Stamp before which frames that could not be decoded do not count.
    keep_last
        Whether frames after the last one that could be decoded count too; not so in a file that breaks off.
    """
    if not np.isin(decoded_pts, stamps).all():
        return decoded_pts
    first = min(decoded_pts[0], first_pts)
    return stamps[(stamps >= first) & (keep_last | (stamps <= decoded_pts[-1]))]


def choose_stamps(
    decoded_pts: Sequence[int | None], packets: NDArray[np.void], stamps_are_exact: bool
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return the stamps by which frames are recognized, and the stamps of their times.

    Parameters
    ----------
    decoded_pts
        Stamps of the decoded frames, in order.
    packets
        ``(n,)`` of `PACKET`.
    stamps_are_exact
        Whether the stamps of packets and of frames can be relied on.

    Returns
    -------
    pts, ticks
        ``None`` where no stamps are reliable.
    """
    count = len(decoded_pts)
    display_stamps = np.array([pts for pts in decoded_pts if pts is not None], np.int64)
    if stamps_are_exact and _rise(display_stamps, count):
        return display_stamps, display_stamps
    # Decoding stamps rise in every sound file, so they are used if the container stores no display stamps.
    decoding_stamps = packets["dts"][packets["dts"] != NO_STAMP][:count]
    for ticks in (decoding_stamps, display_stamps):
        if _rise(ticks, count):
            return None, ticks
    return None, None


def _iter_packets(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, ...]]:
    codec = stream.codec_context.name
    header = stream.codec_context.extradata or b""
    try:
        for packet in container.demux(stream):
            if packet.size:
                data = memoryview(packet)
                stamps = (NO_STAMP if stamp is None else stamp for stamp in (packet.pts, packet.dts))
                is_key = packet.is_keyframe
                # VP8 stores in bit 4 of a packet whether it is shown (RFC 6386, section 9.1).
                is_shown = not packet.is_discard and (codec != "vp8" or bool(data[0] & 0x10))
                is_clean = is_key and _has_idr_picture(codec, header, data)
                position = -1 if packet.pos is None else packet.pos
                yield *stamps, packet.duration or 0, position, is_key, is_shown, is_clean, packet.is_corrupt
    except FFmpegError:
        yield NO_STAMP, NO_STAMP, 0, -1, False, False, False, True


def _has_idr_picture(codec: str, header: bytes, data: memoryview) -> bool:
    """Return whether a key packet holds an IDR picture, so that no later frame refers to an earlier one."""
    if codec not in ("h264", "hevc"):
        return True
    # The header is the avcC or hvcC record of ISO/IEC 14496-15; one byte holds the size of the units' length fields.
    length_byte, idr_types = (4, {5}) if codec == "h264" else (21, {19, 20})
    if len(header) <= length_byte or header[0] != 1:  # units without lengths, as in a broadcast stream
        return False
    length_size = 1 + (header[length_byte] & 3)
    position = 0
    while position + length_size < len(data):
        unit = data[position + length_size]
        if (unit & 31 if codec == "h264" else unit >> 1 & 63) in idr_types:
            return True
        position += length_size + int.from_bytes(data[position : position + length_size], "big")
    return False


def _rise(ticks: NDArray[np.int64], count: int) -> bool:
    return len(ticks) == count and bool(np.all(np.diff(ticks) > 0))
