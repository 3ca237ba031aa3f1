"""Tell whether a file is shorter than its container states, so that a file that breaks off is noticed."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

TAIL = 1 << 17
"""Bytes at the end of a file in which its last part is looked for."""

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_MP4_BOXES = frozenset(
    (
        b"ftyp",
        b"moov",
        b"mdat",
        b"moof",
        b"mfra",
        b"free",
        b"skip",
        b"wide",
        b"uuid",
        b"sidx",
        b"styp",
        b"udta",
        b"meta",
    )
)


def is_cut_short(source: Path | bytes) -> bool:
    """Return whether a file ends before the last part of its container does.

    Known for MP4, Matroska and WebM, AVI, MPEG transport and program streams, Ogg and GIF.
    """
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        size = file.seek(0, os.SEEK_END)
        head = _read_at(file, 0, 12)
        if int.from_bytes(head[:4], "big") == _EBML:
            return _last_element_end(file) > size
        if head[:4] == b"RIFF":
            return _last_riff_end(file) > size
        if head[4:8] in _MP4_BOXES:
            return _last_box_end(file) > size
        tail = _read_at(file, max(0, size - TAIL), TAIL)
        if head[:4] == b"GIF8":
            return not tail.rstrip(b"\0").endswith(b";")
        if head[:4] == b"OggS":
            return not _ends_with_page(tail)
        if head[:4] == b"\0\0\1\xba":
            return _last_pack_end(tail) > len(tail)
        packet = _transport_packet(_read_at(file, 0, 1024))
        return packet > 0 and size % packet != 0


def _ends_with_page(tail: bytes) -> bool:
    """Return whether the last page of an Ogg file is whole and says that its stream ends (RFC 3533, section 6)."""
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    length = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return len(page) >= length and bool(page[5] & 4)


def _last_pack_end(tail: bytes) -> int:
    """Return where the last packet of a program stream ends (ISO/IEC 13818-1, section 2.5.3)."""
    position = tail.find(b"\0\0\1\xba")
    while position >= 0 and tail[position : position + 3] == b"\0\0\1":
        kind = tail[position + 3]
        if kind == 0xB9:  # the end of the stream
            return position + 4
        if position + 14 > len(tail):
            return position + 14
        if kind == 0xBA:
            is_mpeg2 = tail[position + 4] >> 6 == 1
            position += 14 + (tail[position + 13] & 7) if is_mpeg2 else 12
        else:
            position += 6 + int.from_bytes(tail[position + 4 : position + 6], "big")
    return position


def _transport_packet(head: bytes) -> int:
    """Return the bytes of a packet of a transport stream; 0 for another file."""
    for length, offset in ((188, 0), (192, 4), (204, 0)):
        if len(head) > offset + 4 * length and all(head[offset + k * length] == 0x47 for k in range(5)):
            return length
    return 0


def _last_box_end(file: BinaryIO) -> int:
    """Return where the last box of an MP4 file ends (ISO/IEC 14496-12, section 4.2); 0 if it ends with the file."""
    position = 0
    while len(head := _read_at(file, position, 16)) >= 8 and head[4:8] in _MP4_BOXES:
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return 0
        position += length
    return position


def _last_riff_end(file: BinaryIO) -> int:
    """Return where the last chunk ``RIFF`` of an AVI file ends; 0 if its length was never written."""
    position = 0
    while (head := _read_at(file, position, 8))[:4] == b"RIFF":
        length = int.from_bytes(head[4:8], "little")
        if length in (0, 0xFFFFFFFF):
            return 0
        position += 8 + length
    return position


def _last_element_end(file: BinaryIO) -> int:
    """Return where the last top element of a Matroska file ends (RFC 8794); 0 if its length was never written."""
    position = 0
    while len(head := _read_at(file, position, 12)) == 12 and int.from_bytes(head[:4], "big") in (_EBML, _SEGMENT):
        width = 9 - head[4].bit_length()
        value = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if width > 8 or value == (1 << 7 * width) - 1:
            return 0
        position += 4 + width + value
    return position


def _read_at(file: BinaryIO, position: int, count: int) -> bytes:
    try:
        file.seek(position)
    except (OSError, OverflowError, ValueError):  # In a damaged file a length can lead beyond any position.
        return b""
    return file.read(count)
