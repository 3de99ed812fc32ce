"""What an executor yields for its part of a batch: the records in Arrow batches, and a receipt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from event_lake.errors import DataLossError
from event_lake.kinesis.aggregation import MAGIC, UserRecord, user_records
from event_lake.kinesis.client import KinesisClient
from event_lake.kinesis.offsets import instant
from event_lake.kinesis.ranges import Range, pages_of
from event_lake.kinesis.reads import Page

_MOST_ROWS = 10_000
_RECEIPT_TYPE = pa.struct(
    [
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
        pa.field("receipt", _RECEIPT_TYPE),
    ]
)


@dataclass(frozen=True)
class Hole:
    """What a shard held behind the last record read expired, or went with the shard, and the query goes on."""

    shard_id: str
    lost: str


def batches_of(
    stream: str, part: Range | Hole, client: KinesisClient, sleep: Callable[[float], None], *, go_on_after_loss: bool
) -> Iterator[pa.RecordBatch]:
    """The records of `part` in order, at most 10,000 rows and one answer's 10 MB a batch, and then its receipt.

    Raises DataLossError for records that expired before they were read, unless `go_on_after_loss`: then the receipt
    names them.
    """
    holes = []

    def lost(what: str) -> None:
        if not go_on_after_loss:
            raise DataLossError(f"stream {stream!r}: {what}; source.fail_on_data_loss = false goes on without them")
        holes.append(what)

    receipt = {"records": 0, "user_records": 0, "bytes": 0, "millis_behind": 0}
    first = last = arrived = None
    if isinstance(part, Hole):
        holes.append(part.lost)
    else:
        for page in pages_of(part, client, sleep, lost):
            receipt["records"] += len(page.data)
            receipt["bytes"] += sum(map(len, page.data))
            receipt["millis_behind"] = page.millis_behind
            for batch in _record_batches(stream, part.shard_id, page):
                receipt["user_records"] += batch.num_rows
                yield batch
            first, last = first or page.sequence_numbers[0], page.sequence_numbers[-1]
            arrived = instant(page.arrived[-1])
    row = {
        "stream": stream,
        "shardId": part.shard_id,
        "sequenceNumber": last,
        "approximateArrivalTimestamp": arrived,
        "receipt": {
            **receipt,
            "first_sequence_number": first,
            "last_sequence_number": last,
            "calls": client.calls.made,
            "throttled": client.calls.throttled,
            "hole": "; ".join(holes) or None,
        },
    }
    yield pa.RecordBatch.from_pylist([row], schema=_SCHEMA)


def _record_batches(stream: str, shard_id: str, page: Page) -> Iterator[pa.RecordBatch]:
    data = pa.array(page.data, pa.binary())
    millis = pc.cast(pc.round(pc.multiply(pa.array(page.arrived, pa.float64()), 1000.0)), pa.int64())
    arrived = pc.cast(pc.cast(millis, pa.timestamp("ms", tz="UTC")), pa.timestamp("us", tz="UTC"))
    numbers = pa.array(page.sequence_numbers, pa.string())
    keys, places = pa.array(page.partition_keys, pa.string()), pa.repeat(pa.scalar(0, pa.int64()), len(page.data))
    aggregates = pc.indices_nonzero(pc.starts_with(data, MAGIC)).to_pylist()
    if aggregates:
        rows, keys, data, places = _split(page, set(aggregates))
        numbers, arrived = numbers.take(rows), arrived.take(rows)
    count = len(data)
    columns = [
        data,
        keys,
        pa.repeat(pa.scalar(stream, pa.string()), count),
        pa.repeat(pa.scalar(shard_id, pa.string()), count),
        numbers,
        places,
        arrived,
        pa.nulls(count, _RECEIPT_TYPE),
    ]
    whole = pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
    for begin in range(0, count, _MOST_ROWS):
        yield whole.slice(begin, _MOST_ROWS)


def _split(page: Page, maybe_aggregates: set[int]) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array]:
    """Of each user record: its record's index, its partition key, its data, and its place in its record."""
    rows: list[int] = []
    keys: list[str] = []
    data: list[bytes] = []
    places: list[int] = []
    for index, record in enumerate(page.data):
        parts = user_records(record) if index in maybe_aggregates else None
        parts = parts or [UserRecord(page.partition_keys[index], record)]
        rows += [index] * len(parts)
        keys += [key for key, _ in parts]
        data += [part for _, part in parts]
        places += range(len(parts))
    return (
        pa.array(rows, pa.int64()),
        pa.array(keys, pa.string()),
        pa.array(data, pa.binary()),
        pa.array(places, pa.int64()),
    )
