"""Tell whether a file is shorter than its container states, so that a file that breaks off is noticed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
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
    """Return whether a file ends before the last part of its container does, or another file follows in it unread.

    Known for MP4, Matroska and WebM, AVI, MPEG transport and program streams, Ogg, GIF, FLV, ASF, MXF, DV and NUT.
    """
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        size = file.seek(0, os.SEEK_END)
        head = _read_at(file, 0, 12)
        if int.from_bytes(head[:4], "big") == _EBML:
            return _last_element_end(file) > size
        if head[:4] == b"RIFF":
            return _last_riff_end(file) > size
        if head[4:8] in _MP4_BOXES:
            return _mp4_breaks_off(file, size)
        for start, breaks_off in _BREAKS_OFF.items():
            if head.startswith(start):
                return breaks_off(file, size)
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


def _mp4_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether the boxes of an MP4 file lead beyond its end, or to another file (ISO/IEC 14496-12, 4.2)."""
    position, indexes = 0, 0
    while len(head := _read_at(file, position, 16)) >= 8 and head[4:8] in _MP4_BOXES:
        indexes += head[4:8] == b"moov"
        if indexes > 1 or (position > 0 and head[4:8] == b"ftyp"):
            return True
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # The box goes on to the end of the file.
            return False
        position += length
    return position > size


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


def _flv_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether the tags of an FLV file lead beyond its end, or not to it (Adobe's FLV specification, annex E)."""
    position = 13
    while position + 11 <= size:
        head = _read_at(file, position, 4)
        if head[0] & 31 not in (8, 9, 18):
            return True
        position += 15 + int.from_bytes(head[1:4], "big")
    return position > size


def _asf_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether an ASF file is shorter than it states, or followed by another one (Microsoft's section 3.2)."""
    header = _read_at(file, 0, TAIL)
    position = header.find(_ASF_PROPERTIES)
    stated = int.from_bytes(header[position + 40 : position + 48], "little") if position >= 0 else 0
    return stated > size or (stated > 0 and _read_at(file, stated, len(_ASF)) == _ASF)


def _mxf_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether the footer of an MXF file, whose place its header states, is missing (SMPTE ST 377-1, 7.1)."""
    length = _read_at(file, 16, 1)
    start = 17 + (length[0] & 127 if length and length[0] & 128 else 0)
    footer = int.from_bytes(_read_at(file, start + 24, 8), "big")
    return footer >= size


def _dv_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether a DV file ends within a frame (IEC 61834-2: 12 sequences of 12,000 bytes at 25 Hz, else 10)."""
    return size % (144_000 if _read_at(file, 3, 1)[0] & 128 else 120_000) != 0


def _nut_breaks_off(file: BinaryIO, size: int) -> bool:
    """Return whether a NUT file has no index at its end, as written by FFmpeg (the NUT specification, section 6)."""
    length = int.from_bytes(_read_at(file, max(0, size - 12), 8), "big")
    return not 0 < length <= size or _read_at(file, size - length, 8) != _NUT_INDEX


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_NUT_INDEX = bytes.fromhex("4e58dd672f23e64e")
_BREAKS_OFF: dict[bytes, Callable[[BinaryIO, int], bool]] = {
    b"FLV": _flv_breaks_off,
    _ASF[:12]: _asf_breaks_off,
    bytes.fromhex("060e2b34020501010d010201"): _mxf_breaks_off,
    b"\x1f\x07\x00": _dv_breaks_off,
    b"nut/multimed": _nut_breaks_off,
}
"""Functions that tell whether a file breaks off, by the first bytes of the file."""


def _read_at(file: BinaryIO, position: int, count: int) -> bytes:
    try:
        file.seek(position)
    except (OSError, OverflowError, ValueError):  # In a damaged file a length can lead beyond any position.
        return b""
    return file.read(count)
