"""The partitions that one batch opens, whatever dates and types its producers send."""

import logging
from dataclasses import replace
from datetime import date, timedelta

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.schemas import OTHER, VALIDATED
from event_lake.raw.beginning import make_beginning
from event_lake.raw.event_types import EventTypes
from event_lake.raw.ledger_rows import Batch, sum_batch
from event_lake.raw.validation import validate_records
from event_lake.raw.write import RawWriter
from support.empty_tables import make_empty
from support.record_frames import RULES, records
from support.sent import ARRIVED, an_event

BATCH = Batch(batch_id=0, clock=ARRIVED, read_until=ARRIVED)
TODAY = ARRIVED.date()


def test_the_partitions_of_a_batch_are_bounded_and_no_event_is_lost(
    spark: SparkSession, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    days, types = range(20), range(10)
    busy = [(0, "type0")] * 3 + [(7, "type9")] * 2
    rows = _batch(spark, [(day, f"type{number}") for day in days for number in types] + busy)
    with caplog.at_level(logging.WARNING, "event_lake"):
        totals = _writer(spark, root, Raw(max_batch_partitions=5)).write(rows, BATCH).totals
    assert totals == Totals(read=205, raw=205)
    opened = _partitions(spark, root)
    own = {partition for partition in opened if partition[1] != OTHER}
    # The busiest partitions, then those of the oldest date in the order of the types.
    first = {(TODAY - timedelta(days=19), f"type{number}") for number in range(3)}
    assert own == {(TODAY, "type0"), (TODAY - timedelta(days=7), "type9")} | first
    assert len(opened) == 5 + 20
    raw = tables.read(spark, root, layout.RAW_EVENTS)
    assert raw.where(f"event_type not in (true_event_type, '{OTHER}')").count() == 0
    assert raw.groupBy("date", "true_event_type").count().count() == 200
    [logged] = caplog.records
    assert logged.getMessage() == (
        "batch 0: its events are of 200 pairs of date and event type, more than raw.max_batch_partitions = 5; 195 of"
        " them, those of the smallest pairs, go to the partitions __other__ of their dates, where queries by type read"
        " more. If that's usual, shorten raw.max_age, list types in raw.event_types, or raise raw.max_batch_partitions"
    )


def test_a_batch_within_the_bound_keeps_all_partitions_and_logs_nothing(
    spark: SparkSession, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = _batch(spark, [(day, name) for day in range(2) for name in "abc"])
    with caplog.at_level(logging.WARNING, "event_lake"):
        _writer(spark, root, Raw(max_batch_partitions=6)).write(rows, BATCH)
    assert _partitions(spark, root) == {(TODAY - timedelta(days=day), name) for day in range(2) for name in "abc"}
    assert not caplog.records


def test_a_type_without_a_partition_in_its_first_batch_gets_one_in_a_later_one(spark: SparkSession, root: str) -> None:
    writer = _writer(spark, root, Raw(max_batch_partitions=1, max_event_types=2))
    writer.write(_batch(spark, [(0, "a"), (0, "b"), (0, "b")]), BATCH)
    assert _types(spark, root) == {"b"}
    writer.write(_batch(spark, [(0, "c")]), replace(BATCH, batch_id=1))
    assert _types(spark, root) == {"b", "c"}
    assert _partitions(spark, root) == {(TODAY, name) for name in ("b", "c", OTHER)}


def test_of_more_new_types_than_there_is_room_for_those_with_most_events_get_partitions(
    spark: SparkSession, root: str
) -> None:
    few = Raw(max_event_types=2)
    _writer(spark, root, few).write(_batch(spark, [(0, "a"), (0, "z"), (1, "z"), (0, "b")]), BATCH)
    assert _types(spark, root) == {"z", "a"}


def test_a_repetition_leaves_the_partitions_that_the_batch_has_and_completes_the_rest(
    spark: SparkSession, root: str
) -> None:
    rows = _batch(spark, [(day, name) for day in range(3) for name in "abc"])
    _writer(spark, root, Raw(max_batch_partitions=2)).write(rows, BATCH)
    before = _partitions(spark, root)
    spark.sql(f"delete from delta.`{layout.LEDGER.path(root)}`")
    # With another bound the repetition would choose otherwise, but raw/events has the batch.
    assert _writer(spark, root, Raw(max_batch_partitions=3)).write(rows, BATCH).totals == Totals(read=9, raw=9)
    assert _partitions(spark, root) == before
    assert tables.read(spark, root, layout.RAW_EVENTS).count() == 9


def test_of_any_number_of_types_the_driver_gets_no_more_than_there_may_be_partitions(spark: SparkSession) -> None:
    rows = _many_types(spark, 100_000)
    sums = sum_batch(rows, EventTypes(("type0", "type1"), 500), "event_uuid", most=100).collect()
    shards, pairs = ([row for row in sums if (row.date is not None) == is_pair] for is_pair in (False, True))
    assert [(row.shard_id, row.raw, row.fp_events) for row in shards] == [("shardId-0", 100_000, 100_000)]
    assert [row.event_type for row in pairs if not row.is_new] == ["type0", "type1"]
    new = [row.event_type for row in pairs if row.is_new]
    assert (len(new), new[:3]) == (100, ["type10", "type100", "type1000"])
    assert {(row.pairs, row.events) for row in pairs} == {(2, 2), (99_998, 99_998)}


def test_types_for_which_there_is_no_room_are_not_collected(spark: SparkSession) -> None:
    sums = sum_batch(_many_types(spark, 1_000), EventTypes(("type0",), 1), "event_uuid", most=100).collect()
    assert [(row.date, row.event_type, row.raw) for row in sums if row.date] == [(TODAY, "type0", 1)]


def _many_types(spark: SparkSession, number: int) -> DataFrame:
    """Events of so many types, one each, of one shard and date."""
    name = F.concat(F.lit("type"), F.col("id").cast("string"))
    columns = {
        "is_event": F.expr("true"),
        "event_uuid": name,
        "event_name": F.concat(name, F.lit(":x")),
        "created_seconds": F.lit(ARRIVED.timestamp()),
        "stream": F.lit("events"),
        "shard_id": F.lit("shardId-0"),
        "sequence_number": name,
        "sub_sequence_number": F.lit(0),
    }
    nulls = {name: F.lit(None) for name in VALIDATED.names if name not in columns}
    values = {**nulls, **columns}
    return spark.range(number).select(*(values[c.name].cast(c.dataType).alias(c.name) for c in VALIDATED))


def _batch(spark: SparkSession, events: list[tuple[int, str]]) -> DataFrame:
    """Events that were created so many days ago, of these types."""
    now = int(ARRIVED.timestamp())
    data = [
        an_event(event_uuid=str(number), event_name=f"{name}:x", created_at=now - day * 86_400)
        for number, (day, name) in enumerate(events)
    ]
    return validate_records(records(spark, data), RULES).withColumn("ingested_at", F.lit(ARRIVED))


def _writer(spark: SparkSession, root: str, raw: Raw) -> RawWriter:
    make_empty(spark, root, layout.RAW)
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root), raw=raw)
    return RawWriter(settings, make_beginning(spark, settings), "query-1")


def _partitions(spark: SparkSession, root: str) -> set[tuple[date, str]]:
    rows: list[Row] = tables.read(spark, root, layout.RAW_EVENTS).select("date", "event_type").distinct().collect()
    return {(row.date, row.event_type) for row in rows}


def _types(spark: SparkSession, root: str) -> set[str]:
    return {row.event_type for row in tables.read(spark, root, layout.EVENT_TYPES).collect()}
