"""One row per event, inserted once, at the cost of the increment."""

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake import tables
from event_lake.config import Lake, Settings, Source
from event_lake.errors import UserError
from event_lake.pipelines.build_staging import build_staging
from event_lake.raw.parse import events, judged
from event_lake.staging.dedupe import first_arrivals
from spark.builders import ARRIVED, RULES, an_event, records


def test_the_first_arrival_of_an_event_is_kept(spark: SparkSession) -> None:
    rows = _raw(spark, an_event(event_uuid="a"), an_event(event_uuid="b"), an_event(event_uuid="a"), first=99)
    assert_df_equality(first_arrivals(rows), rows.where("sequence_number != '101'"), ignore_row_order=True)


def test_sequence_numbers_are_compared_as_numbers(spark: SparkSession) -> None:
    rows = _raw(spark, an_event(), an_event(), first=9)
    assert [row.sequence_number for row in first_arrivals(rows).collect()] == ["9"]


def test_the_same_uuid_of_another_type_is_another_row(spark: SparkSession) -> None:
    rows = _raw(spark, an_event(event_name="a:x"), an_event(event_name="b:x"))
    assert first_arrivals(rows).count() == 2


def test_rows_that_are_there_already_are_not_inserted_again(spark: SparkSession, root: str) -> None:
    tables.create(spark, root, [tables.STAGING_EVENTS])
    old = _raw(spark, an_event(event_uuid="a"), an_event(event_uuid="b"))
    new = _raw(spark, an_event(event_uuid="b"), an_event(event_uuid="c"), first=200)
    inserted = [tables.insert_new(rows, root, tables.STAGING_EVENTS, key="event_uuid") for rows in (old, new, new)]
    assert inserted == [2, 1, 0]
    expected = old.union(new.where("event_uuid = 'c'"))
    assert_df_equality(_staged(spark, root), expected, ignore_row_order=True, ignore_nullable=True)


def test_no_rows_are_no_commit(spark: SparkSession, root: str) -> None:
    tables.create(spark, root, [tables.STAGING_EVENTS])
    none = _raw(spark, an_event()).limit(0)
    assert tables.insert_new(none, root, tables.STAGING_EVENTS, key="event_uuid") == 0


def test_a_run_takes_what_raw_has_gained_since_the_last_and_no_copy_of_it(spark: SparkSession, root: str) -> None:
    tables.create(spark, root, [tables.RAW_EVENTS])
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    for batch_id, (uuids, gained) in enumerate([("aab", 2), ("bc", 1), ("c", 0)]):
        data = [an_event(event_uuid=uuid) for uuid in uuids]
        rows = _raw(spark, *data, first=100 * (batch_id + 1))
        tables.append_once(rows, root, tables.RAW_EVENTS, writer="query", batch_id=batch_id)
        assert build_staging(spark, settings) == gained
    assert build_staging(spark, settings) == 0
    found = _staged(spark, root).orderBy("event_uuid").select("event_uuid", "sequence_number").collect()
    assert [tuple(row) for row in found] == [("a", "100"), ("b", "102"), ("c", "201")]


def test_compaction_and_deletion_in_raw_neither_stop_staging_nor_repeat_rows(spark: SparkSession, root: str) -> None:
    tables.create(spark, root, [tables.RAW_EVENTS])
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    path = tables.RAW_EVENTS.path(root)
    for batch_id, uuid in enumerate("ab"):
        rows = _raw(spark, an_event(event_uuid=uuid))
        tables.append_once(rows, root, tables.RAW_EVENTS, writer="query", batch_id=batch_id)
    assert build_staging(spark, settings) == 2
    spark.sql(f"optimize delta.`{path}`")
    spark.sql(f"delete from delta.`{path}` where event_uuid = 'a'")
    tables.append_once(_raw(spark, an_event(event_uuid="c")), root, tables.RAW_EVENTS, writer="query", batch_id=2)
    assert build_staging(spark, settings) == 1


def test_a_lake_without_a_raw_layer_is_the_users_to_fix(spark: SparkSession, root: str) -> None:
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    with pytest.raises(UserError, match="has no raw/events: run ingest_raw first"):
        build_staging(spark, settings)


def _raw(spark: SparkSession, *data: bytes, first: int = 100) -> DataFrame:
    clock = {"ingested_at": F.lit(ARRIVED), "batch_id": F.lit(0).cast("long")}
    return events(judged(records(spark, list(data), first=first), RULES).withColumns(clock))


def _staged(spark: SparkSession, root: str) -> DataFrame:
    return spark.read.format("delta").load(tables.STAGING_EVENTS.path(root))
