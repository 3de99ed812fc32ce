"""Today's jobs on a golden lake, over its stream with some more records."""

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
    """A golden lake before and after today's jobs have gone on with it, over its stream with some more records."""

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
        """The event_uuid and payload of each event of the stream, copies included, by arrival."""
        by_arrival = sorted(self.records, key=lambda record: record.arrives)
        return [(uuid, record.data.decode()) for record in by_arrival if (uuid := uuid_in(record.data))]

    @property
    def versions(self) -> dict[tuple[str, str], None]:
        """The same without copies."""
        return dict.fromkeys(self.sent)

    @property
    def first_versions(self) -> dict[str, str]:
        """The payload of each event_uuid that came first."""
        return dict(reversed(self.sent))

    def rows(self, name: str, *columns: str) -> Counter[tuple[Any, ...]]:
        """Of a table of the lake."""
        found = self.spark.read.format("delta").load(f"{self.settings.lake.root}/{name}")
        return Counter(tuple(row) for row in found.select(*columns).collect())


def uuid_in(data: bytes) -> str | None:
    """The event's event_uuid; None of what is no event. In golden sets the events are those with a created_at."""
    try:
        return json.loads(data)["event_uuid"] if b"created_at" in data else None
    except ValueError:
        return None


def more(before: Sequence[Record]) -> list[Record]:
    """What comes to the stream later: events of an old and a new type, what is no event, and a copy of the oldest."""
    told = '{"event_uuid":"%s","event_name":"%s:done","created_at":1795000000,"score":1}'
    sent = (told % ("new", "lesson"), told % ("other", "of_a_new_type"), "new")
    behind = max(record.arrives for record in before) + 1_000
    return [Record(A, behind + n, data) for n, data in enumerate([*map(str.encode, sent), before[0].data])]


@contextmanager
def settings_of_spark(spark: SparkSession, told: Mapping[str, str]) -> Iterator[None]:
    """Have the session's settings be as `told`: to some of them a checkpoint is held."""
    before = {key: spark.conf.get(key) for key in told}
    for key, value in told.items():
        spark.conf.set(key, value)
    yield
    for key, earlier in before.items():
        spark.conf.set(key, str(earlier))


def go_on_with(spark: SparkSession, golden: GoldenSet) -> TakenOver:
    """Run the jobs; the second run of build_staging has nothing to do."""
    records = [*golden.records, *more(golden.records)]
    with serve(shards_of(records)) as kinesis:
        # Measures take longer than all the rest.
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
