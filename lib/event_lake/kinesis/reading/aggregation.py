"""Splits the aggregated records of the Kinesis Producer Library (KPL). All functions are pure.

An aggregate is a magic number, a protobuf message, and the MD5 of the message. Source:
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from collections.abc import Iterator
from hashlib import md5
from typing import NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_SIZE = 16

# A field's tag has its wire type in the lowest three bits, and its number above them.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PARTITION_KEY = 1 << 3 | _BYTES
_RECORD = 3 << 3 | _BYTES
_PARTITION_KEY_INDEX = 1 << 3 | _VARINT
_DATA = 3 << 3 | _BYTES


class UserRecord(NamedTuple):
    """A record as a producer's code put it, before the KPL packed it into an aggregate."""

    partition_key: str
    data: bytes


def user_records(data: bytes) -> list[UserRecord] | None:
    """Return the user records in a KPL aggregate, in order, or None for a plain record.

    Any producer may send the magic number, so a record that can't be split to its last byte is plain. An aggregate
    without user records is plain, too, because it would vanish otherwise. An aggregate within an aggregate isn't split.
    """
    if not data.startswith(MAGIC):
        return None
    message = data[len(MAGIC) : -_DIGEST_SIZE]
    if md5(message, usedforsecurity=False).digest() != data[-_DIGEST_SIZE:]:
        return None
    try:
        return _split(message) or None
    except (IndexError, ValueError):
        return None


def _split(message: bytes) -> list[UserRecord]:
    """Return the user records of an AggregatedRecord. Raise IndexError or ValueError if `message` isn't one."""
    keys: list[str] = []
    records: list[tuple[int, bytes]] = []
    for tag, _, content in _fields(message):
        if tag == _RECORD:
            records.append(_record(content))
        elif tag == _PARTITION_KEY:
            keys.append(content.decode())
    # The keys are looked up only now, as protobuf lets them follow the records that refer to them.
    return [UserRecord(keys[index], data) for index, data in records]


def _record(message: bytes) -> tuple[int, bytes]:
    """Return a Record's partition key index and its data. Its explicit hash key only chose the shard."""
    index = data = None
    for tag, number, content in _fields(message):
        if tag == _DATA:
            data = content
        elif tag == _PARTITION_KEY_INDEX:
            index = number
    if index is None or data is None:
        raise ValueError("a record without a partition key or data")
    return index, data


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the fields of a message that are varints or bytes, each as its tag, its number (or length) and its content.

    Raise IndexError or ValueError at the field that can't be read. If the last field is cut off, it's yielded before.
    """
    at, size = 0, len(message)
    while at < size:
        tag, at = _varint(message, at)
        if not 1 << 3 <= tag < 1 << 32:
            raise ValueError("no such field number")
        wire_type = tag & 7
        if wire_type == _BYTES:
            length, start = _varint(message, at)
            at = start + length
            yield tag, length, message[start:at]
        elif wire_type == _VARINT:
            number, at = _varint(message, at)
            yield tag, number, b""
        elif wire_type == _FIXED64:
            at += 8
        elif wire_type == _FIXED32:
            at += 4
        else:
            raise ValueError("no such wire type")
    if at > size:
        raise ValueError("cut off")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and the index after it. A byte has 7 of its 64 bits, the lowest first."""
    byte = message[at]
    if byte < 0x80:
        return byte, at + 1
    number = byte & 0x7F
    for shift in range(7, 70, 7):
        at += 1
        byte = message[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                break
            return number, at + 1
    raise ValueError("more than 64 bits")
