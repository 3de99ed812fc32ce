"""Unpacks the KPL aggregates, gzip and texts into which producers pack events. All functions are pure."""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from event_lake.config.settings import Raw
from event_lake.kinesis.reading.aggregation import MAGIC, UserRecord, user_records
from event_lake.kinesis.reading.splitting import LOG_EVENTS, WAYS

# The two bytes that mark gzip, and the one of "deflate", its only method. Source: RFC 1952.
GZIP = b"\x1f\x8b\x08"
# zlib's wbits for data with a gzip header and trailer.
_WITH_GZIP_HEADER = 31
# zlib copies the input after a member's end. With all the input at once, thousands of members would copy gigabytes.
_PIECE_BYTES = 16 * 1024
# No JSON text begins so. Such bytes are damaged; cut at line breaks, nobody could mend them.
_NO_TEXT = (GZIP, MAGIC)
# A content is in memory as a whole while it's split, as its checksum comes last and must be compared first.
_MOST_TO_SPLIT = 64 * 1024 * 1024


class Part(NamedTuple):
    """The part of a record that becomes one row. `content` is what its gzip'ed `data` unpacks to, or else None.

    If the record has `too_many_events`, its only part has all its data.
    """

    partition_key: str
    data: bytes
    content: bytes | None
    too_many_events: bool = False


def begins_of_packed(raw: Raw) -> Sequence[bytes]:
    """Return the bytes with which records begin that may have to be unpacked."""
    return [MAGIC, GZIP] if _is_unzipped(raw) else [MAGIC]


def split_record(partition_key: str, record: bytes, raw: Raw) -> Iterator[Part]:
    """Yield the parts of a Kinesis record, in its order: at least one, so that no record vanishes.

    A KPL aggregate is always split. Each of its user records, or else the record, is then unpacked as `raw` says:
    - With `compression = "auto"`, data that is gzip to its last byte gets a content. That's cut to `max_payload_bytes`
      + 1 bytes, which are enough to see that it's too large.
    - With a `payload_split`, each event that `splitting` finds is a part. Data is kept whole if there's none, if it
      begins as gzip or an aggregate does and is neither, or if it's larger than 64 MiB and `max_payload_bytes`.
    - If there are more than `max_events_per_record`, the whole record is the only part.
    """
    packed = user_records(record) or [UserRecord(partition_key, record)]
    if len(packed) > 1 and _count_parts(packed, raw) > raw.max_events_per_record:
        yield Part(partition_key, record, None, too_many_events=True)
        return
    for key, data in packed:
        parts = _split(key, data, raw)
        if len(parts) > raw.max_events_per_record:
            yield Part(partition_key, record, None, too_many_events=True)
            return
        yield from parts


def _count_parts(packed: Sequence[UserRecord], raw: Raw) -> int:
    """Count the parts, at least up to one more than the most. They aren't kept, as together they may be too large."""
    if raw.payload_split == "none":
        return len(packed)
    count = 0
    for key, data in packed:
        count += len(_split(key, data, raw))
        if count > raw.max_events_per_record:
            break
    return count


def _split(key: str, data: bytes, raw: Raw) -> Sequence[Part]:
    if raw.payload_split == "none":
        return [Part(key, data, gunzip(data, raw.max_payload_bytes + 1) if _is_unzipped(raw) else None)]
    most = max(raw.max_payload_bytes, _MOST_TO_SPLIT)
    content = gunzip(data, most + 1) if _is_unzipped(raw) else None
    text = data if content is None else content
    _, find = WAYS[raw.payload_split]
    if len(text) <= most and not text.startswith(_NO_TEXT) and (events := find(text, raw.max_events_per_record)):
        return [Part(key, event, None) for event in events]
    return [Part(key, data, None if content is None else content[: raw.max_payload_bytes + 1])]


def _is_unzipped(raw: Raw) -> bool:
    return raw.compression == "auto" or raw.payload_split == LOG_EVENTS


def gunzip(data: bytes, most: int) -> bytes | None:
    """Return what all members of gzip'ed `data` unpack to, or the first `most` bytes (1 or more) of that.

    Return None if `data` isn't gzip to its last byte: if a checksum differs, bytes are missing, or other bytes follow.
    Data after the first `most` unpacked bytes isn't checked. Source: RFC 1952.
    """
    if not data.startswith(GZIP):
        return None
    view, at, pieces, left = memoryview(data), 0, list[bytes](), most
    while at < len(data):
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        while not member.eof:
            packed = view[at : at + _PIECE_BYTES]
            if not packed:
                return None
            try:
                piece = member.decompress(packed, left)
            except zlib.error:
                return None
            pieces.append(piece)
            left -= len(piece)
            if not left:
                return b"".join(pieces)
            at += len(packed) - len(member.unused_data)
    return b"".join(pieces)
