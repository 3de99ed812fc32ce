"""A batch's tables, each written exactly once, and a ledger that balances."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.raw.beginning import Beginning
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.validation import validate_records
from event_lake.raw.write import RawWriter
from support.empty_tables import make_empty
from support.record_frames import RULES, a_hole, records
from support.sent import ARRIVED, an_event

DATA = (
    an_event(event_uuid="1", event_name="lesson:started"),
    an_event(event_uuid="2", event_name="lesson:ended"),
    an_event(event_uuid="3", event_name="login"),
    an_event(event_uuid="1", event_name="lesson:started"),
    b"x",
)
BATCH = Batch(batch_id=0, clock=ARRIVED, read_until=ARRIVED)
ALL = Totals(read=5, raw=3, quarantined=1, duplicates=1)


def test_every_record_is_in_raw_in_quarantine_or_counted_as_duplicate(spark: SparkSession, root: str) -> None:
    assert _writer(spark, root).write(_batch(spark), BATCH).totals == ALL
    assert _rows(spark, root) == [3, 1, 1]


def test_the_ledger_has_a_row_for_each_shard_and_batch(spark: SparkSession, root: str) -> None:
    _writer(spark, root).write(_batch(spark), BATCH)
    [row] = _ledger(spark, root)
    assert row.asDict() == {
        "stream": "events",
        "shard_id": "shardId-0",
        "batch_id": 0,
        "start": "TRIM_HORIZON",
        "first_sequence_number": "100",
        "last_sequence_number": "104",
        "read": 5,
        "raw": 3,
        "quarantined": 1,
        "duplicates": 1,
        "bytes": sum(map(len, DATA)),
        "lag_ms": 0,
        "hole": None,
        "read_until": ARRIVED.replace(tzinfo=None),
        "ingested_at": ARRIVED.replace(tzinfo=None),
        "date": date(2026, 11, 21),
    }


def test_a_record_in_the_ledger_is_a_user_record_not_the_aggregate_that_it_came_in(
    spark: SparkSession, root: str
) -> None:
    rows = _deduplicated(records(spark, DATA[:3], aggregated=True))
    assert _writer(spark, root).write(rows, BATCH).totals == Totals(read=3, raw=3)
    [row] = _ledger(spark, root)
    assert (row.first_sequence_number, row.last_sequence_number, row.read) == ("100", "100", 3)


def test_a_hole_is_a_row_of_the_ledger_though_nothing_was_read(spark: SparkSession, root: str) -> None:
    lost = "shardId-7 after 5: expired before 2026-11-21T09:00:00+00:00"
    rows = _deduplicated(records(spark, DATA[:1]).union(a_hole(spark, lost, shard="shardId-7")))
    assert _writer(spark, root).write(rows, BATCH).totals == Totals(read=1, raw=1)
    found = {row.shard_id: (row.read, row.raw, row.first_sequence_number, row.hole) for row in _ledger(spark, root)}
    assert found == {"shardId-0": (1, 1, "100", None), "shardId-7": (0, 0, None, lost)}


def test_where_a_query_begins_the_ledger_says_where_and_what_was_lost_before(spark: SparkSession, root: str) -> None:
    positions = {"a": "AT 2026-11-21T08:00:00+00:00", "b": "5"}
    begins = replace(BATCH, begins=True, positions=positions, holes={"b": "lost"})
    assert _writer(spark, root).write(_batch(spark).limit(0), begins).totals == Totals()
    found = {row.shard_id: (row.start, row.read, row.last_sequence_number, row.hole) for row in _ledger(spark, root)}
    assert found == {"a": ("AT 2026-11-21T08:00:00+00:00", 0, None, None), "b": ("5", 0, None, "lost")}


def test_a_replayed_batch_adds_no_row(spark: SparkSession, root: str) -> None:
    _writer(spark, root).write(_batch(spark), BATCH)
    assert _writer(spark, root).write(_batch(spark), BATCH).totals == ALL
    assert _rows(spark, root) == [3, 1, 1]


def test_a_crash_after_raw_leaves_a_replay_that_completes_the_rest(spark: SparkSession, root: str) -> None:
    writer = _writer(spark, root)
    rows = _batch(spark).withColumn("batch_id", F.lit(0).cast("long"))
    tables.append_once(select_events(rows), root, layout.RAW_EVENTS, writer="query-1", batch_id=0)
    writer.write(_batch(spark), BATCH)
    assert _rows(spark, root) == [3, 1, 1]


def test_a_crash_after_quarantine_leaves_a_replay_that_completes_the_rest(spark: SparkSession, root: str) -> None:
    writer = _writer(spark, root)
    rows = _batch(spark).withColumn("batch_id", F.lit(0).cast("long"))
    tables.append_once(select_quarantined(rows), root, layout.QUARANTINE, writer="query-1", batch_id=0)
    assert writer.write(_batch(spark), BATCH).totals == ALL
    assert _rows(spark, root) == [3, 1, 1]


def test_a_replay_that_kept_another_shards_copy_counts_what_raw_has(spark: SparkSession, root: str) -> None:
    first, second = (_deduplicated(records(spark, DATA[:1], shard=shard)) for shard in "ab")
    writer = _writer(spark, root)
    crashed = first.where("receipt is null").withColumn("batch_id", F.lit(0).cast("long"))
    tables.append_once(select_events(crashed), root, layout.RAW_EVENTS, writer="query-1", batch_id=0)
    replayed = first.where("receipt is not null").union(second)
    assert writer.write(replayed, BATCH).totals == Totals(read=2, raw=1, duplicates=1)
    assert {row.shard_id: (row.raw, row.duplicates) for row in _ledger(spark, root)} == {"a": (1, 0), "b": (0, 1)}
    assert _rows(spark, root) == [1, 0, 2]


def test_rows_without_their_receipt_are_a_loss_and_nothing_is_written(spark: SparkSession, root: str) -> None:
    with pytest.raises(DataLossError, match="the ledger doesn't balance: batch 0, shard shardId-0"):
        _writer(spark, root).write(_batch(spark).where("receipt is null"), BATCH)
    assert _rows(spark, root) == [0, 0, 0]


def test_a_receipt_that_did_not_come_is_a_loss_and_nothing_is_written(spark: SparkSession, root: str) -> None:
    planned = replace(BATCH, expected={"shardId-0", "shardId-1"})
    with pytest.raises(DataLossError, match="batch 0: of shardId-1 no receipt came"):
        _writer(spark, root).write(_batch(spark), planned)
    assert _rows(spark, root) == [0, 0, 0]


def test_a_batch_of_which_nothing_came_is_no_idle_one_where_something_was_to_be_read(
    spark: SparkSession, root: str
) -> None:
    with pytest.raises(DataLossError, match="batch 0: of shardId-0 no receipt came"):
        _writer(spark, root).write(_batch(spark).limit(0), replace(BATCH, expected={"shardId-0"}))
    assert _rows(spark, root) == [0, 0, 0]


def test_nothing_is_committed_once_the_lease_is_lost(spark: SparkSession, root: str) -> None:
    def lost() -> None:
        raise UserError("its lease was lost")

    with pytest.raises(UserError, match="its lease was lost"):
        _writer(spark, root, check=lost).write(_batch(spark), BATCH)
    assert _rows(spark, root) == [0, 0, 0]


def test_an_event_that_older_batches_took_within_the_window_counts_as_duplicate(spark: SparkSession, root: str) -> None:
    _writer(spark, root).write(_batch(spark), BATCH)
    anew = replace(_beginning(Raw()), first_batch=1, older_until=ARRIVED)
    writer = _writer(spark, root, query_id="query-2", beginning=anew)
    soon, late = ARRIVED + timedelta(minutes=59), ARRIVED + timedelta(hours=2)
    written = writer.write(_deduplicated(records(spark, DATA[:1])), Batch(batch_id=1, clock=soon))
    assert (written.totals, written.known) == (Totals(read=1, duplicates=1), 1)
    written = writer.write(_deduplicated(records(spark, DATA[:1])), Batch(batch_id=2, clock=late))
    assert (written.totals, written.known) == (Totals(read=1, raw=1), 0)


def test_a_table_that_was_dropped_is_a_loss_and_not_made_anew(spark: SparkSession, root: str) -> None:
    writer = _writer(spark, root)
    writer.write(_batch(spark), BATCH)
    shutil.rmtree(layout.RAW_EVENTS.path(root))
    with pytest.raises(DataLossError, match=f"there's no table at {layout.RAW_EVENTS.path(root)}"):
        writer.write(_batch(spark), replace(BATCH, batch_id=1, may_repeat=False))
    assert not Path(layout.RAW_EVENTS.path(root)).exists()


def test_a_batch_without_records_writes_nothing(spark: SparkSession, root: str) -> None:
    assert _writer(spark, root).write(_batch(spark).limit(0), BATCH).totals == Totals()
    assert _rows(spark, root) == [0, 0, 0]


def test_a_partition_gets_one_file_however_many_tasks_there_were(spark: SparkSession, root: str) -> None:
    data = [an_event(event_uuid=str(n), event_name=f"type{n % 5}:x") for n in range(200)]
    _writer(spark, root).write(_deduplicated(records(spark, data).repartition(8)), BATCH)
    assert len(tables.read(spark, root, layout.RAW_EVENTS).inputFiles()) == 5


def test_types_beyond_the_cap_share_a_partition_and_keep_their_name(spark: SparkSession, root: str) -> None:
    few = Raw(max_event_types=2)
    _writer(spark, root, raw=few).write(_of_types(spark, "c", "b", "a"), BATCH)
    # Another run knows which ones came first.
    _writer(spark, root, raw=few).write(_of_types(spark, "c", "a", "d"), replace(BATCH, batch_id=1))
    assert _partitions(spark, root) == {("a", "a"), ("b", "b"), ("__other__", "c"), ("__other__", "d")}


def test_types_that_are_not_in_the_allow_list_share_a_partition(spark: SparkSession, root: str) -> None:
    writer = _writer(spark, root, raw=Raw(event_types=("b",), max_event_types=1))
    writer.write(_of_types(spark, "a", "b", "c"), BATCH)
    assert _partitions(spark, root) == {("__other__", "a"), ("b", "b"), ("__other__", "c")}


def _beginning(raw: Raw) -> Beginning:
    return Beginning(
        stream="events",
        start_from="earliest",
        dedup_window=raw.dedup_window,
        dedup_on=raw.dedup_on,
        shuffle_partitions="4",
    )


def _writer(spark: SparkSession, root: str, query_id: str = "query-1", **given: Any) -> RawWriter:
    make_empty(spark, root, layout.RAW)
    raw = given.get("raw", Raw())
    settings = Settings(source=given.get("source", Source(stream="events")), lake=Lake(root=root), raw=raw)
    return RawWriter(settings, given.get("beginning", _beginning(raw)), query_id, given.get("check", lambda: None))


def _batch(spark: SparkSession) -> DataFrame:
    """Of 5 records read: 3 events of two types, 1 that is none; 1 was dropped as a copy."""
    return _deduplicated(records(spark, DATA)).where("receipt is not null or sequence_number != '103'")


def _of_types(spark: SparkSession, *types: str) -> DataFrame:
    return _deduplicated(records(spark, [an_event(event_uuid=name, event_name=f"{name}:x") for name in types]))


def _deduplicated(frame: DataFrame) -> DataFrame:
    return validate_records(frame, RULES).withColumn("ingested_at", F.lit(ARRIVED))


def _ledger(spark: SparkSession, root: str) -> list[Row]:
    return tables.read(spark, root, layout.LEDGER).collect()


def _partitions(spark: SparkSession, root: str) -> set[tuple[str, str]]:
    rows = tables.read(spark, root, layout.RAW_EVENTS).select("event_type", "true_event_type").distinct().collect()
    return {tuple(row) for row in rows}


def _rows(spark: SparkSession, root: str) -> list[int]:
    return [tables.read(spark, root, table).count() for table in (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)]
