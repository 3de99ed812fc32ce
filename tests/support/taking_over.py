"""Continue a golden lake with today's jobs, which read its stream and some more records."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Row, SparkSession

from event_lake.config.settings import Quality, Settings
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.staging.build import build_staging
from event_lake.staging.write import Staged
from support.faulty_kinesis import serve
from support.golden_sets import SHARDS, GoldenSet, Record, shards_of

A = SHARDS[0]


@dataclass(frozen=True)
class TakenOver:
    """A golden lake that today's jobs have continued.

    `records` are all of the stream, `ledger_before` the ledger's rows before, and `staged_before` the numbers of rows
    that staging/events and staging/conflicts had. `read` is what ingest_raw returned, `staged` and `staged_again` what
    two runs of build_staging did.
    """

    spark: SparkSession
    settings: Settings
    records: Sequence[Record]
    ledger_before: Sequence[Row]
    staged_before: Sequence[int]
    read: Totals
    staged: Staged
    staged_again: Staged

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return event_uuid and payload of each event of the stream, copies included, in the order of arrival."""
        by_arrival = sorted(self.records, key=lambda record: record.arrives)
        return [(uuid, record.data.decode()) for record in by_arrival if (uuid := uuid_in(record.data))]

    @property
    def versions(self) -> dict[tuple[str, str], None]:
        """Return event_uuid and payload of each event of the stream, without copies, in the order of arrival."""
        return dict.fromkeys(self.sent)

    @property
    def first_versions(self) -> dict[str, str]:
        """Return the payload that came first, by event_uuid."""
        return dict(reversed(self.sent))

    def rows(self, name: str, *columns: str) -> Counter[tuple[Any, ...]]:
        """Return how often each combination of values of these columns is in a table of the lake."""
        table = self.spark.read.format("delta").load(f"{self.settings.lake.root}/{name}")
        return Counter(tuple(row) for row in table.select(*columns).collect())


def uuid_in(data: bytes) -> str | None:
    """Return the event_uuid of an event, or None if `data` is none. In golden sets all events have a created_at."""
    try:
        return json.loads(data)["event_uuid"] if b"created_at" in data else None
    except ValueError:
        return None


def more(before: Sequence[Record]) -> list[Record]:
    """Return records that arrive 1,000 seconds after those `before`.

    They are an event of a known type, one of a new type, a record that is no event, and a copy of the oldest event.
    """
    event = '{"event_uuid":"%s","event_name":"%s:done","created_at":1795000000,"score":1}'
    texts = (event % ("new", "lesson"), event % ("other", "of_a_new_type"), "new")
    begin = max(record.arrives for record in before) + 1_000
    return [Record(A, begin + n, data) for n, data in enumerate([*map(str.encode, texts), before[0].data])]


@contextmanager
def settings_of_spark(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Set the session's settings while the block runs. A checkpoint must be continued with some of its first ones."""
    before = {key: spark.conf.get(key) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    yield
    for key, earlier in before.items():
        spark.conf.set(key, str(earlier))


def go_on_with(spark: SparkSession, golden: GoldenSet) -> TakenOver:
    """Run ingest_raw, and build_staging twice; its second run has nothing to do."""
    records = [*golden.records, *more(golden.records)]
    with serve(shards_of(records)) as kinesis:
        # Measures are off, as they take longer than all the rest.
        settings = replace(golden.settings(kinesis.url), quality=Quality(measure=False))
        root = settings.lake.root
        ledger = tables.read(spark, root, layout.LEDGER).collect()
        with settings_of_spark(spark, settings.spark):
            read = ingest_raw(spark, settings, IngestOptions(until_caught_up=True)).totals
    staged_before = [tables.read(spark, root, table).count() for table in (layout.STAGING_EVENTS, layout.CONFLICTS)]
    return TakenOver(
        spark=spark,
        settings=settings,
        records=records,
        ledger_before=ledger,
        staged_before=staged_before,
        read=read,
        staged=build_staging(spark, settings),
        staged_again=build_staging(spark, settings),
    )
