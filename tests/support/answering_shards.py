"""A shard whose answers a test writes down, and which is read as an executor reads one."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from event_lake.config.settings import Raw, Source
from event_lake.kinesis.api.reads import Page, ShardGoneError
from event_lake.kinesis.api.retries import Calls
from event_lake.kinesis.offsets import After, TrimHorizon
from event_lake.kinesis.parts import Hole, Range
from event_lake.kinesis.reading.records import read_batches
from support.fake_shards import T0

if TYPE_CHECKING:
    from event_lake.kinesis.api.client import KinesisClient

Record = tuple[str, bytes]


class Answers:
    """A shard that answers with `pages` of (partition key, data). If `gone`, Kinesis doesn't know it any more.

    Record n arrives n ms after T0 and has the sequence number 100 + n. `calls` counts as if every call for an iterator
    was throttled once before it was answered.
    """

    def __init__(self, *pages: list[Record], gone: bool = False) -> None:
        self.calls = Calls()
        self._pages = pages
        self._gone = gone

    def now(self) -> datetime:
        return T0

    def iterator(self, *_: object, **__: object) -> str:
        self.calls.made += 2
        self.calls.throttled += 1
        if self._gone:
            raise ShardGoneError
        return "0"

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        self.calls.made += 1
        index = int(iterator)
        first, page = sum(map(len, self._pages[:index])), self._pages[index]
        numbers = range(first, first + len(page))
        return Page(
            sequence_numbers=[str(100 + n) for n in numbers],
            arrived=[T0.timestamp() + n / 1000 for n in numbers],
            partition_keys=[key for key, _ in page],
            data=[data for _, data in page],
            next_iterator=str(index + 1),
            millis_behind=1000 * (len(self._pages) - index - 1),
        )

    def batches(
        self, part: Range | Hole | None = None, *, raw: Raw | None = None, go_on: bool = False
    ) -> Iterator[pa.RecordBatch]:
        last = 99 + sum(map(len, self._pages))
        everything = Range("s-0", TrimHorizon(), After(str(last)), T0, timedelta(days=1))
        source, client = Source(stream="events", fail_on_data_loss=not go_on), cast("KinesisClient", self)
        return read_batches(source, raw or Raw(), part or everything, client)

    def rows(self, part: Range | Hole | None = None, **options: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pa.Table.from_batches(self.batches(part, **options)).to_pylist()
        return rows
