"""Read a shard's part of a batch on an executor: its records in Arrow batches, and a receipt.

A receipt says what was read: see `schemas.RECEIPT`.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from event_lake.config.settings import Raw, Source
from event_lake.errors import DataLossError
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.api.reads import Page
from event_lake.kinesis.offsets import (
    instant_of_seconds,
    to_text,
)
from event_lake.kinesis.parts import Hole, Range
from event_lake.kinesis.reading.ranges import read_pages
from event_lake.kinesis.reading.splitting import WAYS
from event_lake.kinesis.reading.unpacking import Part, begins_of_packed, split_record

_MOST_ROWS = 10_000
_MOST_BYTES = 64 * 1024 * 1024
_RECEIPT_TYPE = pa.struct(
    [
        pa.field("start", pa.string()),
        pa.field("records", pa.int64()),
        pa.field("user_records", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("first_sequence_number", pa.string()),
        pa.field("last_sequence_number", pa.string()),
        pa.field("millis_behind", pa.int64()),
        pa.field("calls", pa.int64()),
        pa.field("throttled", pa.int64()),
        pa.field("hole", pa.string()),
    ]
)
_SCHEMA = pa.schema(
    [
        pa.field("data", pa.binary()),
        pa.field("partitionKey", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("shardId", pa.string()),
        pa.field("sequenceNumber", pa.string()),
        pa.field("subSequenceNumber", pa.int64()),
        pa.field("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
        pa.field("content", pa.binary()),
        pa.field("tooManyEvents", pa.bool_()),
        pa.field("receipt", _RECEIPT_TYPE),
    ]
)
# A row has its record's index in the page, its own place in that record, and its part of it.
_Row = tuple[int, int, Part]
_Chunk = tuple[list[int], list[int], list[str], list[bytes], list[bytes | None], list[bool]]


def read_batches(source: Source, raw: Raw, part: Range | Hole, client: KinesisClient) -> Iterator[pa.RecordBatch]:
    """Yield the records of `part` in order, unpacked as `raw` says, and then its receipt.

    An Arrow batch has at most 10,000 rows, all of one answer, and at most 64 MiB unless a single row is larger. The
    receipt's `start` and `last_sequence_number` are the part's two ends, also if records between them expired. Raise
    DataLossError for records that expired before they were read. If `fail_on_data_loss` is False, go on instead, and
    name them in the receipt's `hole`.
    """
    holes = []

    def report_loss(message: str) -> None:
        if source.fail_on_data_loss:
            raise DataLossError(
                f"stream {source.stream!r}: {message}; source.fail_on_data_loss = false goes on without them"
            )
        holes.append(message)

    counts = {"records": 0, "user_records": 0, "bytes": 0, "millis_behind": 0}
    first = last = arrived = None
    if isinstance(part, Hole):
        holes.append(part.description)
    else:
        last = part.end.sequence_number
        for page in read_pages(part, client, report_loss):
            counts["records"] += len(page.data)
            counts["bytes"] += sum(map(len, page.data))
            counts["millis_behind"] = page.millis_behind
            for batch in _record_batches(source.stream, part.shard_id, page, raw):
                counts["user_records"] += batch.num_rows
                yield batch
            first, arrived = first or page.sequence_numbers[0], instant_of_seconds(page.arrived[-1])
    row = {
        "stream": source.stream,
        "shardId": part.shard_id,
        "sequenceNumber": last,
        "approximateArrivalTimestamp": arrived,
        "receipt": {
            "start": to_text(part.start),
            **counts,
            "first_sequence_number": first,
            "last_sequence_number": last,
            "calls": client.calls.made,
            "throttled": client.calls.throttled,
            "hole": "; ".join(holes) or None,
        },
    }
    yield pa.RecordBatch.from_pylist([row], schema=_SCHEMA)


def _record_batches(stream: str, shard_id: str, page: Page, raw: Raw) -> Iterator[pa.RecordBatch]:
    for columns in _columns(page, raw):
        count = len(columns["data"])
        columns["stream"] = pa.repeat(pa.scalar(stream, pa.string()), count)
        columns["shardId"] = pa.repeat(pa.scalar(shard_id, pa.string()), count)
        columns["receipt"] = pa.nulls(count, _RECEIPT_TYPE)
        yield pa.RecordBatch.from_arrays([columns[name] for name in _SCHEMA.names], schema=_SCHEMA)


def _columns(page: Page, raw: Raw) -> Iterator[dict[str, pa.Array]]:
    """Yield the rows of `page`, some at a time, as values of each column in which they differ."""
    data = pa.array(page.data, pa.binary())
    millis = pc.cast(pc.round(pc.multiply(pa.array(page.arrived, pa.float64()), 1000.0)), pa.int64())
    arrived = pc.cast(pc.cast(millis, pa.timestamp("ms", tz="UTC")), pa.timestamp("us", tz="UTC"))
    numbers = pa.array(page.sequence_numbers, pa.string())
    packed = _maybe_packed(page, data, raw)
    if not packed:
        yield {
            "data": data,
            "partitionKey": pa.array(page.partition_keys, pa.string()),
            "sequenceNumber": numbers,
            "subSequenceNumber": pa.repeat(pa.scalar(0, pa.int64()), len(data)),
            "approximateArrivalTimestamp": arrived,
            "content": pa.nulls(len(data), pa.binary()),
            "tooManyEvents": pa.repeat(pa.scalar(value=False), len(data)),
        }
        return
    for indices, places, keys, parts, contents, too_many in _chunks(_rows(page, packed, raw)):
        of_record = pa.array(indices, pa.int64())
        yield {
            "data": pa.array(parts, pa.binary()),
            "partitionKey": pa.array(keys, pa.string()),
            "sequenceNumber": numbers.take(of_record),
            "subSequenceNumber": pa.array(places, pa.int64()),
            "approximateArrivalTimestamp": arrived.take(of_record),
            "content": pa.array(contents, pa.binary()),
            "tooManyEvents": pa.array(too_many, pa.bool_()),
        }


def _maybe_packed(page: Page, data: pa.Array, raw: Raw) -> set[int]:
    """Return the indices of the records of `page` that may have to be unpacked. `data` is the page's, in Arrow."""
    begins = begins_of_packed(raw)
    indices = {index for begin in begins for index in pc.indices_nonzero(pc.starts_with(data, begin)).to_pylist()}
    if raw.payload_split != "none":
        may_hold_several, _ = WAYS[raw.payload_split]
        indices |= {index for index, record in enumerate(page.data) if may_hold_several(record)}
    return indices


def _rows(page: Page, packed: set[int], raw: Raw) -> Iterator[_Row]:
    for index, (key, record) in enumerate(zip(page.partition_keys, page.data, strict=True)):
        if index in packed:
            for place, part in enumerate(split_record(key, record, raw)):
                yield index, place, part
        else:
            yield index, 0, Part(key, record, None)


def _chunks(rows: Iterable[_Row]) -> Iterator[_Chunk]:
    # Values go into their columns at once: rows kept as tuples would cost the garbage collector 1 us each.
    chunk: _Chunk = [], [], [], [], [], []
    indices, places, keys, parts, contents, too_many = chunk
    size = 0
    for index, place, (key, data, content, has_too_many) in rows:
        more = len(data) + (len(content) if content else 0)
        if indices and (len(indices) == _MOST_ROWS or size + more > _MOST_BYTES):
            yield chunk
            chunk = [], [], [], [], [], []
            indices, places, keys, parts, contents, too_many = chunk
            size = 0
        size += more
        indices.append(index)
        places.append(place)
        keys.append(key)
        parts.append(data)
        contents.append(content)
        too_many.append(has_too_many)
    yield chunk
