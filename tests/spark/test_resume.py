"""What the tables tell a query that begins without its old checkpoint."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout
from event_lake.lake.schemas import EVENT, LEDGER, QUARANTINE
from event_lake.raw.beginning import Beginning
from event_lake.raw.dedupe import drop_known, known_events
from event_lake.raw.resume import LastCommitted, delete_unfinished, find_unfinished, last_committed, positions_reached
from support.empty_tables import make_empty

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEGINNING = Beginning(
    stream="events",
    start_from="earliest",
    dedup_window=timedelta(hours=1),
    dedup_on="event_uuid",
    shuffle_partitions="4",
    first_batch=8,
    older_until=NOON,
)
BATCH = "is_event boolean, event_uuid string, payload string, receipt struct<records: long>"


def an_entry(shard_id: str, batch_id: int, *, stream: str = "events", **fields: Any) -> dict[str, Any]:
    """A row of the ledger, ingested at noon and as many minutes as its batch has."""
    at = NOON + batch_id * MINUTE
    return {
        "stream": stream,
        "shard_id": shard_id,
        "batch_id": batch_id,
        "ingested_at": at,
        "date": at.date(),
        "read_until": at - MINUTE,
        **fields,
    }


def a_ledger(spark: SparkSession, root: str, *entries: dict[str, Any]) -> None:
    make_empty(spark, root, [layout.LEDGER])
    spark.createDataFrame(list(entries), LEDGER).write.format("delta").mode("append").save(layout.LEDGER.path(root))


def an_event_row(batch_id: int, event_uuid: str = "1", **fields: Any) -> dict[str, Any]:
    row = {"date": date(2026, 11, 21), "event_type": "lesson", "ingested_at": NOON + batch_id * MINUTE}
    return {**row, "event_uuid": event_uuid, "batch_id": batch_id, **fields}


def holding(spark: SparkSession, root: str, events: Sequence[int] = (), quarantined: Sequence[int] = ()) -> None:
    """A lake with a row of each of these batches, a file for each batch."""
    make_empty(spark, root, (layout.RAW_EVENTS, layout.QUARANTINE))
    for table, schema, batches in ((layout.RAW_EVENTS, EVENT, events), (layout.QUARANTINE, QUARANTINE, quarantined)):
        for batch_id in batches:
            row = {name: value for name, value in an_event_row(batch_id).items() if name in schema.names}
            spark.createDataFrame([row], schema).write.format("delta").mode("append").save(table.path(root))


def held(spark: SparkSession, root: str, table: layout.Table) -> list[int]:
    return sorted(row.batch_id for row in spark.read.format("delta").load(table.path(root)).collect())


def test_the_ledger_tells_its_last_batch_and_when_that_was_ingested(spark: SparkSession, root: str) -> None:
    a_ledger(spark, root)
    assert last_committed(spark, root) == LastCommitted(-1, None)
    a_ledger(spark, root, an_entry("a", 7, stream="other"), an_entry("a", 3))
    assert last_committed(spark, root) == LastCommitted(7, NOON + 7 * MINUTE)


def test_each_shard_was_read_up_to_its_newest_entry(spark: SparkSession, root: str) -> None:
    entries = (
        # The number 10 is after 9, whatever the order of the texts.
        an_entry("a", 9, start="5", last_sequence_number="9"),
        an_entry("a", 10, start="9", last_sequence_number="10"),
        an_entry("b", 1, start="TRIM_HORIZON"),
        # In its first batch a shard may have both.
        an_entry("c", 1, start="TRIM_HORIZON"),
        an_entry("c", 1, start="TRIM_HORIZON", last_sequence_number="77"),
        an_entry("d", 4, start="1", last_sequence_number="2"),
        an_entry("d", 5, start="2", hole="expired"),
        an_entry("x", 11, stream="other", last_sequence_number="1"),
    )
    a_ledger(spark, root, *reversed(entries))
    found = {"a": "10", "b": "TRIM_HORIZON", "c": "77", "d": "TRIM_HORIZON LOST 2026-11-21T12:05:00+00:00"}
    assert positions_reached(spark, root, "events") == (found, NOON + 9 * MINUTE)
    assert positions_reached(spark, root, "another") is None


def test_a_ledger_without_receipts_does_not_tell_up_to_where_it_was_read(spark: SparkSession, root: str) -> None:
    a_ledger(spark, root, an_entry("a", 1))
    with pytest.raises(UserError, match="raw/ledger doesn't tell up to where a was read; a new"):
        positions_reached(spark, root, "events")


def test_what_a_crash_left_of_a_batch_is_deleted_and_nothing_else(spark: SparkSession, root: str) -> None:
    holding(spark, root, events=[2, 3, 4], quarantined=[3, 4])
    assert find_unfinished(spark, root, 3) == {4}
    delete_unfinished(spark, root, 3)
    assert held(spark, root, layout.RAW_EVENTS) == [2, 3]
    assert held(spark, root, layout.QUARANTINE) == [3]
    assert find_unfinished(spark, root, 3) == set()
    delete_unfinished(spark, root, 3)
    assert held(spark, root, layout.RAW_EVENTS) == [2, 3]


def test_a_batch_that_a_crash_left_in_one_table_alone_is_found(spark: SparkSession, root: str) -> None:
    holding(spark, root, events=[2], quarantined=[5])
    assert find_unfinished(spark, root, 2) == {5}


@pytest.mark.parametrize(("last", "batches"), [(1, "2, 3"), (-1, "2, 3")])
def test_several_batches_that_the_ledger_lacks_are_its_own_loss(
    spark: SparkSession, root: str, last: int, batches: str
) -> None:
    holding(spark, root, events=[2], quarantined=[3])
    with pytest.raises(
        DataLossError, match=f"raw/ledger ends with batch {last}, but .* hold {batches}: it has lost rows"
    ):
        find_unfinished(spark, root, last)


def test_without_a_ledger_only_the_first_batch_can_have_been_left_by_a_crash(spark: SparkSession, root: str) -> None:
    holding(spark, root, events=[0])
    assert find_unfinished(spark, root, -1) == {0}
    holding(spark, f"{root}2", events=[1])
    with pytest.raises(DataLossError, match="raw/ledger ends with batch -1"):
        find_unfinished(spark, f"{root}2", -1)


def test_a_batch_looks_for_its_events_among_those_of_older_batches_within_the_window(spark: SparkSession) -> None:
    rows = [
        an_event_row(6, "too old", ingested_at=NOON - 31 * MINUTE),
        an_event_row(6, "oldest", ingested_at=NOON - 30 * MINUTE),
        an_event_row(7, "newest", ingested_at=NOON),
        # What a replayed batch wrote before it was killed is its own.
        an_event_row(8, "own", ingested_at=NOON + 30 * MINUTE),
    ]
    raw_events = spark.createDataFrame(rows, EVENT)
    found = known_events(raw_events, BEGINNING, NOON + 30 * MINUTE)
    assert found is not None
    assert {row.event_uuid for row in found.collect()} == {"oldest", "newest"}


def test_once_the_window_is_over_no_batch_looks_back(spark: SparkSession) -> None:
    raw_events = spark.createDataFrame([an_event_row(7)], EVENT)
    assert known_events(raw_events, BEGINNING, NOON + 60 * MINUTE) is not None
    assert known_events(raw_events, BEGINNING, NOON + 61 * MINUTE) is None


def test_the_first_checkpoint_of_a_lake_has_no_older_batches(spark: SparkSession) -> None:
    first = Beginning(**{**vars(BEGINNING), "first_batch": 0, "older_until": None})
    assert known_events(spark.createDataFrame([], EVENT), first, NOON) is None


def a_batch(spark: SparkSession) -> DataFrame:
    rows = [
        (True, "1", "{1}", None),
        (True, "2", "{2}", None),
        # It names an event, but is none.
        (False, "1", None, None),
        (False, None, None, (3,)),
    ]
    return spark.createDataFrame(rows, BATCH)


def test_events_that_are_known_are_dropped_and_what_is_no_event_passes(spark: SparkSession) -> None:
    known_events = spark.createDataFrame([an_event_row(7, "1"), an_event_row(6, "1"), an_event_row(7, "3")], EVENT)
    batch = a_batch(spark)
    left = drop_known(batch, known_events, "event_uuid")
    assert left.columns == batch.columns
    assert {(row.is_event, row.event_uuid) for row in left.collect()} == {(True, "2"), (False, "1"), (False, None)}


def test_with_the_payload_in_the_key_another_payload_of_a_known_event_passes(spark: SparkSession) -> None:
    rows = [an_event_row(7, "1", payload="{another}"), an_event_row(7, "2", payload="{2}")]
    left = drop_known(a_batch(spark), spark.createDataFrame(rows, EVENT), "event_uuid+payload")
    assert {row.event_uuid for row in left.where("is_event").collect()} == {"1"}
