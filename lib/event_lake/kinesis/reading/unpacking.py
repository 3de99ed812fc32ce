"""Unpacks the KPL aggregates, gzip and lines into which producers pack events. All functions are pure."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from event_lake.config.settings import Raw
from event_lake.kinesis.reading.aggregation import MAGIC, UserRecord, user_records

# The two bytes that mark gzip, and the one of "deflate", its only method. Source: RFC 1952.
GZIP = b"\x1f\x8b\x08"
# zlib's wbits for data with a gzip header and trailer.
_WITH_GZIP_HEADER = 31
# zlib copies the input after a member's end. With all the input at once, thousands of members would copy gigabytes.
_PIECE_BYTES = 16 * 1024
_WHITESPACE = b" \t\r\n"
# No JSON text begins so. Such bytes are damaged; cut at line breaks, nobody could mend them.
_NO_TEXT = (GZIP, MAGIC)
# A content is in memory as a whole while it's split into lines, as its checksum comes last and must be compared first.
_MOST_TO_SPLIT = 64 * 1024 * 1024


class Part(NamedTuple):
    """The part of a record that becomes one row. `content` is what its gzip'ed `data` unpacks to, or else None."""

    partition_key: str
    data: bytes
    content: bytes | None


def split_record(partition_key: str, record: bytes, raw: Raw) -> Iterator[Part]:
    """Yield the parts of a Kinesis record, in its order: at least one, so that no record vanishes.

    A KPL aggregate is always split. Each of its user records, or else the record, is then unpacked as `raw` says:
    - With `compression = "auto"`, data that is gzip to its last byte gets a content. That's cut to `max_payload_bytes`
      + 1 bytes, which are enough to see that it's too large.
    - With `payload_split = "lines"`, each line that isn't empty is a part. Data is kept whole if it has no such line,
      if it begins as gzip or an aggregate does and is neither, or if it's larger than 64 MiB and `max_payload_bytes`.
    """
    for key, data in user_records(record) or [UserRecord(partition_key, record)]:
        if raw.payload_split == "lines":
            yield from _parts_by_line(key, data, raw)
        else:
            yield Part(key, data, gunzip(data, raw.max_payload_bytes + 1) if raw.compression == "auto" else None)


def _parts_by_line(key: str, data: bytes, raw: Raw) -> Iterator[Part]:
    most = max(raw.max_payload_bytes, _MOST_TO_SPLIT)
    content = gunzip(data, most + 1) if raw.compression == "auto" else None
    text = data if content is None else content
    is_whole = True
    if len(text) <= most and not text.startswith(_NO_TEXT):
        for line in split_lines(text):
            is_whole = False
            yield Part(key, line, None)
    if is_whole:
        yield Part(key, data, None if content is None else content[: raw.max_payload_bytes + 1])


def split_lines(text: bytes) -> Iterator[bytes]:
    r"""Yield the lines of `text` that hold more than JSON's whitespace, without the "\n" or "\r\n" at their end."""
    for line in BytesIO(text):
        if line.lstrip(_WHITESPACE):
            yield line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")


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
