"""A step stages what raw's newest version holds of its batches, in whatever file and form that lies by now."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.staging.build import QUERY, Run, build_staging
from event_lake.staging.dry_run import plan_staging
from event_lake.staging.write import Staged
from support.raw_layers import Event, RawLayer, settings_of

MAPPED = {"delta.columnMapping.mode": "name", "delta.minReaderVersion": "2", "delta.minWriterVersion": "5"}


def test_an_event_that_was_erased_before_a_run_took_it_stays_erased(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    build_staging(spark, settings)
    raw.gains(*(Event(uuid=uuid) for uuid in "bcd"), Event(uuid="e", event_type="quiz"))
    raw.loses("event_uuid in ('c', 'e')")
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)
    assert _staged(spark, root) == ["a", "b", "d"]


def test_an_event_that_was_changed_before_a_run_took_it_is_staged_as_it_is_now(spark: SparkSession, root: str) -> None:
    raw = RawLayer(spark, root)
    raw.gains(Event(uuid="a", says='{"x":1}'), Event(uuid="b", says='{"x":1}'))
    raw.sql("""update {} set payload = '{{"x":2}}' where event_uuid = 'b'""")
    assert build_staging(spark, settings_of(root)) == Staged(came=2, inserted=2)
    rows = tables.read(spark, root, layout.STAGING_EVENTS).collect()
    assert {row.event_uuid: row.payload for row in rows} == {"a": '{"x":1}', "b": '{"x":2}'}


@pytest.mark.slow
def test_events_that_were_compacted_and_whose_files_are_gone_are_staged_once(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    build_staging(spark, settings)
    raw.gains(Event(uuid="b"), Event(uuid="c"))
    raw.gains(Event(uuid="d"))
    raw.compact()
    raw.loses("event_uuid = 'b'")
    raw.vacuum()
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)
    raw.gains(Event(uuid="e"))
    raw.forgets_its_log()
    assert build_staging(spark, settings) == Staged(came=1, inserted=1)
    assert _staged(spark, root) == ["a", "c", "d", "e"]


def test_a_root_may_have_characters_of_file_patterns(spark: SparkSession, tmp_path: Path) -> None:
    root = str(tmp_path / "x [prod]" / "{a,b}" / "lake*" / "what?")
    RawLayer(spark, root).gains(Event(uuid="a", event_type="a b%2F(c)"))
    assert build_staging(spark, settings_of(root)) == Staged(came=1, inserted=1)
    assert _staged(spark, root) == ["a"]


def test_raw_may_get_column_mapping_between_two_batches(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    build_staging(spark, settings)
    raw.gains(Event(uuid="b"))
    raw.gets(MAPPED)
    raw.gains(Event(uuid="c"), Event(uuid="b", number=101))
    assert build_staging(spark, settings) == Staged(came=3, inserted=2, duplicates=1)
    assert _staged(spark, root) == ["a", "b", "c"]


def test_a_lake_whose_tables_were_made_with_column_mapping_has_no_nulls_in_staging(
    spark: SparkSession, root: str
) -> None:
    with _default(spark, "columnMapping.mode", "name"):
        raw, settings = RawLayer(spark, root), settings_of(root)
        raw.gains(Event(uuid="a"), Event(uuid="b"))
        assert build_staging(spark, settings) == Staged(came=2, inserted=2)
        assert _staged(spark, root) == ["a", "b"]


def test_rows_that_raw_only_marks_as_deleted_are_not_staged(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(*(Event(uuid=uuid) for uuid in "abc"))
    raw.gets({"delta.enableDeletionVectors": "true"})
    raw.loses("event_uuid = 'b'")
    raw.gains(Event(uuid="d"))
    assert build_staging(spark, settings) == Staged(came=3, inserted=3)
    assert _staged(spark, root) == ["a", "c", "d"]


def test_a_batch_is_taken_once_it_is_in_the_ledger(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    raw.begins(Event(uuid="b"))
    assert build_staging(spark, settings) == Staged(came=1, inserted=1)
    # As ingest_raw --new-checkpoint does it: the number is used again.
    raw.loses("batch_id = 1")
    raw.begins(Event(uuid="b"), Event(uuid="c"))
    raw.ends(2)
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)


def test_all_of_raw_is_looked_at_again_where_other_batches_have_the_numbers(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    for uuid in "abc":
        raw.gains(Event(uuid=uuid))
    build_staging(spark, settings)
    raw.forgets_batches(2)
    for uuid in "xyz":
        raw.begins(Event(uuid=uuid))
        raw.ends(1, later=timedelta(days=1))
    assert build_staging(spark, settings) == Staged(came=4, inserted=3, duplicates=1)
    assert _staged(spark, root) == ["a", "b", "c", "x", "y", "z"]


def test_steps_are_bounded_and_a_large_batch_is_taken_by_dates_and_types(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root, max_batch_bytes=1)
    raw.gains(*(Event(uuid=uuid, event_type=kind) for uuid in "abc" for kind in ("lesson", "quiz")))
    raw.gains(Event(uuid="d"))
    assert list(plan_staging(spark, settings, None)) == [
        "step 1 of 3: 3 events of batch 0 in 1 partitions, dates 2026-11-20",
        "step 2 of 3: 3 events of batch 0 in 1 partitions, dates 2026-11-20",
        "step 3 of 3: 1 events of batch 1 in 1 partitions, dates 2026-11-20",
    ]
    assert build_staging(spark, settings) == Staged(came=7, inserted=7)
    assert build_staging(spark, settings) == Staged()
    raw.gains(Event(uuid="e"))
    raw.gains(Event(uuid="f"))
    assert list(plan_staging(spark, settings_of(root), None)) == [
        "step 1 of 1: 2 events of batches 2 to 3 in 1 partitions, dates 2026-11-20"
    ]


def test_what_an_older_versions_stream_has_taken_is_not_looked_at_again_but_for_its_last_batch(
    spark: SparkSession, root: str
) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    for uuid in "abc":
        raw.gains(Event(uuid=uuid))
    _streamed(spark, root)
    raw.loses("event_uuid = 'a'")
    raw.gains(Event(uuid="d"))
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)
    assert build_staging(spark, settings) == Staged()


def test_all_of_raw_is_looked_at_where_it_is_forgotten_what_a_stream_has_taken(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    raw.gains(Event(uuid="b"))
    _streamed(spark, root)
    raw.forgets_its_log()
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)


def test_a_part_of_a_large_batch_that_was_begun_is_completed(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root, max_batch_bytes=1)
    raw.gains(*(Event(uuid=uuid, event_type=kind) for uuid in "ab" for kind in ("lesson", "quiz", "test")))
    # Twice for the tables, and once for a part.
    for writes in (1, 2, 3):
        left = iter(range(writes))

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            build_staging(spark, settings, Run(check=check))
    build_staging(spark, settings)
    assert _staged(spark, root) == ["a", "a", "a", "b", "b", "b"]


def test_a_step_that_was_begun_before_its_checkpoint_was_lost_writes_no_typed_row_twice(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    (tmp_path / "lesson.toml").write_text('event_type = "lesson"\n[columns.x]\ntype = "bigint"\n')
    raw, settings = RawLayer(spark, root), settings_of(root, contracts=str(tmp_path))
    raw.gains(Event(uuid="a"))
    build_staging(spark, settings)
    raw.gains(Event(uuid="b"))
    # The tables are looked for, the typed rows are written, staging/events isn't.
    left = iter(range(2))

    def check() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        build_staging(spark, settings, Run(check=check))
    shutil.rmtree(layout.checkpoint_path(root, QUERY))
    assert build_staging(spark, settings) == Staged(came=2, inserted=1, duplicates=1)
    typed = layout.Table("staging/types/lesson", layout.METRICS.schema, ("date",), ())
    assert sorted(row.event_uuid for row in tables.read(spark, root, typed).collect()) == ["a", "b"]


def _streamed(spark: SparkSession, root: str) -> None:
    """Take all there is in raw as this job did before: by a stream over the tables' files."""
    events, quarantine = (
        spark.readStream.format("delta").option("skipChangeCommits", "true").load(table.path(root)).select("date")
        for table in (layout.RAW_EVENTS, layout.QUARANTINE)
    )
    query = (
        events.union(quarantine)
        .writeStream.option("checkpointLocation", layout.checkpoint_path(root, QUERY))
        .foreachBatch(lambda rows, _: rows.count())
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


@contextmanager
def _default(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    key = f"spark.databricks.delta.properties.defaults.{name}"
    spark.conf.set(key, value)
    try:
        yield
    finally:
        spark.conf.unset(key)


def _staged(spark: SparkSession, root: str) -> list[str]:
    return sorted(row.event_uuid for row in tables.read(spark, root, layout.STAGING_EVENTS).collect())
