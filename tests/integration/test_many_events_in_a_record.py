"""Records with several events, and events in others' forms, end in the tables of the raw layer, each counted once."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from event_lake.config.settings import Fields, Raw
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream
from support.kpl import aggregated

RAW = Raw(
    payload_split="objects",
    compression="auto",
    max_events_per_record=3,
    fields=Fields(event_uuid="detail.id", event_name="detail.type", created_at="time"),
    finest_created_at="nanoseconds",
    created_at_strings="iso8601",
)
NOW = datetime.now(UTC)


def foreign(uuid: str, time: object) -> bytes:
    return json.dumps({"time": time, "detail": {"id": uuid, "type": "order:placed"}}).encode()


@pytest.mark.slow
def test_each_part_of_a_record_is_an_event_or_quarantined_and_the_ledger_has_it(
    spark: SparkSession, stream: Stream, root: str
) -> None:
    settings = stream.settings(root, raw=RAW)
    seconds = int(NOW.timestamp())
    events = [
        foreign("iso", NOW.isoformat()),
        foreign("basic", NOW.strftime("%Y%m%dT%H%M%SZ")),
        foreign("nanos", seconds * 10**9),
        foreign("micros", seconds * 10**6),
    ]
    cut, alone = foreign("cut", seconds)[:-1], foreign("alone", seconds)
    too_many = alone * 4
    aggregate = aggregated(*[("key", alone, None)] * 4)
    stream.put(b" ".join(events[:2]) + b"\n" + cut)
    stream.put(b"".join(events[2:]))
    stream.put(too_many)
    stream.put(aggregate)
    stream.put(alone)
    stream.put(alone + alone)
    expected = Totals(read=10, raw=5, duplicates=2, quarantined=3)
    assert ingest_raw(spark, settings, IngestOptions(until_caught_up=True)).totals == expected
    assert rows(spark, root, layout.RAW_EVENTS, "event_uuid", "true_event_type", "unix_seconds(created_datetime)") == [
        (uuid, "order", seconds) for uuid in ("alone", "basic", "iso", "micros", "nanos")
    ]
    quarantined = rows(spark, root, layout.QUARANTINE, "reasons[0]", "size(reasons)", "data")
    assert quarantined == sorted(
        [("not_json", 1, cut), ("too_many_events", 1, aggregate), ("too_many_events", 1, too_many)]
    )
    reconcile(spark, settings, Window(), None).refuse_faults()


def rows(spark: SparkSession, root: str, table: layout.Table, *columns: str) -> Sequence[tuple[object, ...]]:
    found = tables.read(spark, root, table).selectExpr(*columns).collect()
    return sorted(tuple(bytes(value) if isinstance(value, bytearray) else value for value in row) for row in found)
