"""Write records to files of the cache and read them: `record_to_bytes` and `record_from_bytes`."""

from __future__ import annotations

from dataclasses import asdict

from staa_widgets.errors import FormatError
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.storage.format import pack, split_fields, unpack


def record_to_bytes(record: Record, needs: Needs) -> bytes:
    """Return the bytes of a file that holds a record and the `Needs` that the record meets."""
    values, arrays = split_fields(record)
    return pack("record", {**values, "geometry": asdict(record.geometry), "needs": asdict(needs)}, arrays)


def record_from_bytes(data: bytes) -> tuple[Record, Needs]:
    """Return the record and the `Needs` from bytes that `record_to_bytes` made.

    Raises
    ------
    FormatError
        If the bytes are not a record, or the record is truncated, altered or of another version.
    """
    values, arrays = unpack("record", data)
    try:
        needs, geometry = Needs(**values.pop("needs")), values.pop("geometry")
        geometry["input_size"] = tuple(geometry["input_size"])
        return Record(geometry=Geometry(**geometry), **values, **arrays), needs
    except (KeyError, TypeError) as error:
        raise FormatError("This record was written by another version of staa_widgets.", "Compute it again.") from error
