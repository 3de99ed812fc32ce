"""Unpacks what producers pack events into: KPL aggregates, gzip, lines. Pure."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from event_lake.config.settings import Raw
from event_lake.kinesis.reading.aggregation import MAGIC, UserRecord, user_records

# RFC 1952: the two bytes that say gzip, and "deflate", the only method that it has.
GZIP = b"\x1f\x8b\x08"
_WITH_GZIP_HEADER = 31
# zlib gives back a copy of what lies behind a member's end: of a long rest, thousands of members would make gigabytes.
_PIECE_BYTES = 16 * 1024
_WHITESPACE = b" \t\r\n"
# No JSON begins so. Damaged bytes that were cut at line breaks could never be mended.
_NO_TEXT = (GZIP, MAGIC)
# A content is in memory as a whole while it's split into lines, as nothing of it may be taken before its checksum.
_MOST_TO_SPLIT = 64 * 1024 * 1024


class Part(NamedTuple):
    """What becomes a row of its own. `content`: of `data`, where that is compressed and wasn't split into lines."""

    partition_key: str
    data: bytes
    content: bytes | None


def split_record(partition_key: str, record: bytes, raw: Raw) -> Iterator[Part]:
    """What a Kinesis record holds, in its order: one part at least, so that none vanishes.

    A KPL aggregate is always split; each of its user records, or else the record, is then unpacked as `raw` says.
    `compression = "auto"`: what is gzip to its last byte has a content, of `max_payload_bytes` + 1 bytes at most, which
    is enough to see that it's too large. `payload_split = "lines"`: each line that isn't empty is a part. Kept whole is
    what has no such line, what begins as gzip or an aggregate does and is neither, and a content of more than 64 MiB
    and more than `max_payload_bytes`.
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
    r"""The lines of `text` that hold more than JSON's whitespace, without the "\n" or "\r\n" at their end."""
    for line in BytesIO(text):
        if line.lstrip(_WHITESPACE):
            yield line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")


def gunzip(data: bytes, most: int) -> bytes | None:
    """What gzip'ed `data` holds, in all its members, or the first `most` bytes (1 or more) of that.

    None for what isn't gzip to its last byte: checksums are compared, nothing is missing, and nothing follows. Bytes
    behind the first `most` aren't looked at. Source: RFC 1952.
    """
    if not data.startswith(GZIP):
        return None
    view, at, pieces, left = memoryview(data), 0, list[bytes](), most
    while at < len(data):
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        while not member.eof:
            given = view[at : at + _PIECE_BYTES]
            if not given:
                return None
            try:
                piece = member.decompress(given, left)
            except zlib.error:
                return None
            pieces.append(piece)
            left -= len(piece)
            if not left:
                return b"".join(pieces)
            at += len(given) - len(member.unused_data)
    return b"".join(pieces)
