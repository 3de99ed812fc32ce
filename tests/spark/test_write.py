"""Three tables, each written exactly once, and a ledger that balances."""

from datetime import date

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake import tables
from event_lake.errors import DataLossError
from event_lake.raw.ledger import Totals
from event_lake.raw.parse import events, judged
from event_lake.raw.write import RawWriter
from spark.builders import ARRIVED, RULES, a_hole, an_event, records

DATA = (
    an_event(event_uuid="1", event_name="lesson:started"),
    an_event(event_uuid="2", event_name="lesson:ended"),
    an_event(event_uuid="3", event_name="login"),
    an_event(event_uuid="1", event_name="lesson:started"),
    b"x",
)
RAW_TABLES = (tables.RAW_EVENTS, tables.QUARANTINE, tables.LEDGER)


@pytest.fixture
def writer(spark: SparkSession, root: str) -> RawWriter:
    tables.create(spark, root, RAW_TABLES)
    return RawWriter(root, "query-1")


def test_every_record_is_in_raw_in_quarantine_or_counted_as_duplicate(spark: SparkSession, writer: RawWriter) -> None:
    counted = writer.write(_batch(spark), 0)
    assert counted == Totals(read=5, raw=3, quarantined=1, duplicates=1)
    assert _rows(spark, writer) == [3, 1, 1]


def test_the_ledger_has_a_row_for_each_shard_and_batch(spark: SparkSession, writer: RawWriter) -> None:
    writer.write(_batch(spark), 0)
    [row] = _ledger(spark, writer)
    assert row.asDict() == {
        "stream": "events",
        "shard_id": "shardId-0",
        "batch_id": 0,
        "first_sequence_number": "100",
        "last_sequence_number": "104",
        "read": 5,
        "raw": 3,
        "quarantined": 1,
        "duplicates": 1,
        "bytes": sum(map(len, DATA)),
        "lag_ms": 0,
        "hole": None,
        "ingested_at": ARRIVED.replace(tzinfo=None),
        "date": date(2026, 11, 21),
    }


def test_a_record_in_the_ledger_is_a_user_record_not_the_aggregate_that_it_came_in(
    spark: SparkSession, writer: RawWriter
) -> None:
    rows = _deduplicated(records(spark, DATA[:3], aggregated=True))
    assert writer.write(rows, 0) == Totals(read=3, raw=3)
    [row] = _ledger(spark, writer)
    assert (row.first_sequence_number, row.last_sequence_number, row.read) == ("100", "100", 3)


def test_a_hole_is_a_row_of_the_ledger_though_nothing_was_read(spark: SparkSession, writer: RawWriter) -> None:
    lost = "shardId-7 behind 5: expired before 2026-11-21T09:00:00+00:00"
    rows = _deduplicated(records(spark, DATA[:1]).union(a_hole(spark, lost, shard="shardId-7")))
    assert writer.write(rows, 0) == Totals(read=1, raw=1)
    told = {row.shard_id: (row.read, row.raw, row.first_sequence_number, row.hole) for row in _ledger(spark, writer)}
    assert told == {"shardId-0": (1, 1, "100", None), "shardId-7": (0, 0, None, lost)}


def test_without_receipts_the_ledger_says_what_came_and_not_what_was_read(
    spark: SparkSession, writer: RawWriter
) -> None:
    unreceipted = RawWriter(writer.root, "query-1", has_receipts=False)
    assert unreceipted.write(_batch(spark).where("receipt is null"), 0) == Totals(read=4, raw=3, quarantined=1)
    [row] = _ledger(spark, writer)
    assert (row.read, row.raw, row.quarantined, row.duplicates) == (None, 3, 1, None)


def test_a_replayed_batch_adds_no_row(spark: SparkSession, writer: RawWriter) -> None:
    writer.write(_batch(spark), 0)
    assert writer.write(_batch(spark), 0) == Totals(read=5, raw=3, quarantined=1, duplicates=1)
    assert _rows(spark, writer) == [3, 1, 1]


def test_a_crash_after_raw_leaves_a_replay_that_completes_the_rest(spark: SparkSession, writer: RawWriter) -> None:
    rows = _batch(spark).withColumn("batch_id", F.lit(0).cast("long"))
    tables.append_once(events(rows), writer.root, tables.RAW_EVENTS, writer=writer.query_id, batch_id=0)
    writer.write(_batch(spark), 0)
    assert _rows(spark, writer) == [3, 1, 1]


def test_rows_without_their_receipt_are_a_loss_and_nothing_is_written(spark: SparkSession, writer: RawWriter) -> None:
    with pytest.raises(DataLossError, match="the ledger doesn't balance: batch 0, shard shardId-0"):
        writer.write(_batch(spark).where("receipt is null"), 0)
    assert _rows(spark, writer) == [0, 0, 0]


def test_the_same_batch_of_another_query_is_another_batch(spark: SparkSession, writer: RawWriter) -> None:
    writer.write(_batch(spark), 0)
    RawWriter(writer.root, "query-2").write(_batch(spark), 0)
    assert _rows(spark, writer) == [6, 2, 2]


def test_a_batch_without_records_writes_nothing(spark: SparkSession, writer: RawWriter) -> None:
    assert writer.write(_batch(spark).limit(0), 0) == Totals()
    assert _rows(spark, writer) == [0, 0, 0]


def test_a_partition_gets_one_file_however_many_tasks_there_were(spark: SparkSession, writer: RawWriter) -> None:
    data = [an_event(event_uuid=str(n), event_name=f"type{n % 5}:x") for n in range(200)]
    writer.write(_deduplicated(records(spark, data).repartition(8)), 0)
    assert len(spark.read.format("delta").load(tables.RAW_EVENTS.path(writer.root)).inputFiles()) == 5


def _batch(spark: SparkSession) -> DataFrame:
    """Of 5 records read: 3 events of two types, 1 that is none; 1 was dropped as a copy."""
    return _deduplicated(records(spark, DATA)).where("receipt is not null or sequence_number != '103'")


def _deduplicated(frame: DataFrame) -> DataFrame:
    return judged(frame, RULES).withColumn("ingested_at", F.lit(ARRIVED))


def _ledger(spark: SparkSession, writer: RawWriter) -> list[Row]:
    return spark.read.format("delta").load(tables.LEDGER.path(writer.root)).collect()


def _rows(spark: SparkSession, writer: RawWriter) -> list[int]:
    return [spark.read.format("delta").load(table.path(writer.root)).count() for table in RAW_TABLES]
