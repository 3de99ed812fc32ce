"""One version of each event is kept, others are conflicts, whatever runs brought them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from event_lake.errors import UserError
from event_lake.lake import layout, tables
from event_lake.staging.build import Run, build_staging
from event_lake.staging.write import Staged
from support.raw_layers import Event, RawLayer, settings_of


def test_a_run_takes_what_raw_has_gained_since_the_last_and_no_copy_of_it(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"), Event(uuid="a", number=101), Event(uuid="b"))
    assert build_staging(spark, settings) == Staged(came=3, inserted=2, duplicates=1)
    assert build_staging(spark, settings) == Staged()
    raw.gains(Event(uuid="b", number=200, arrived=50), Event(uuid="c"))
    assert build_staging(spark, settings) == Staged(came=2, inserted=1, duplicates=1)
    assert _kept(spark, root) == [("a", "100"), ("b", "100"), ("c", "100")]


def test_compaction_and_deletion_in_raw_neither_stop_staging_nor_repeat_rows(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    raw.gains(Event(uuid="b"))
    build_staging(spark, settings)
    raw.compact()
    raw.loses("event_uuid = 'a'")
    raw.gains(Event(uuid="c"))
    assert build_staging(spark, settings) == Staged(came=1, inserted=1)
    assert _kept(spark, root) == [("a", "100"), ("b", "100"), ("c", "100")]


def test_a_lake_without_a_raw_layer_is_the_users_to_fix(spark: SparkSession, root: str) -> None:
    with pytest.raises(UserError, match="has no raw/events: run ingest_raw first"):
        build_staging(spark, settings_of(root))


def test_another_payload_is_a_conflict_with_both_positions_and_other_spelling_is_none(
    spark: SparkSession, root: str
) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(says='{"x": 1, "y": {"b": 2, "a": "é"}}', arrived=5))
    build_staging(spark, settings)
    raw.gains(
        Event(says='{"y":{"a":"\\u00e9","b":2},"x":1}', number=101, arrived=6),
        Event(says='{"x": 2}', number=102, arrived=7),
        Event(says='{"x":2}', number=103, arrived=8),
        Event(says='{"x":2,"x":2}', number=104, arrived=8),
    )
    assert build_staging(spark, settings) == Staged(came=4, conflicts=2, duplicates=2)
    assert _kept(spark, root) == [("a", "100")]
    assert _refused(spark, root) == [('{"x": 2}', "102", "100"), ('{"x":2,"x":2}', "104", "100")]


@pytest.mark.slow
def test_a_version_that_arrived_earlier_takes_the_place_of_the_one_that_came_first(
    spark: SparkSession, root: str
) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(says='{"x":1}', number=9, arrived=5), Event(says='{"x":2}', number=50, arrived=6))
    build_staging(spark, settings)
    raw.gains(Event(says='{"x":3}', number=10, arrived=4), Event(uuid="b"))
    assert build_staging(spark, settings) == Staged(came=2, inserted=1, replaced=1)
    assert _kept(spark, root) == [("a", "10"), ("b", "100")]
    assert _refused(spark, root) == [('{"x":1}', "9", "10"), ('{"x":2}', "50", "10")]
    raw.gains(Event(says='{"x":2}', number=8, arrived=1))
    assert build_staging(spark, settings) == Staged(came=1, replaced=1, duplicates=1)
    assert _kept(spark, root) == [("a", "8"), ("b", "100")]
    assert _refused(spark, root) == [('{"x":1}', "9", "8"), ('{"x":3}', "10", "8")]


def test_latest_keeps_the_version_that_was_created_last(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root, keep="latest")
    raw.gains(Event(says='{"x":1}', number=1, created=3), Event(says='{"x":2}', number=2, created=4))
    raw.gains(
        Event(says='{"x":3}', number=3, created=4, arrived=2), Event(says='{"x":3}', number=4, arrived=9, created=4)
    )
    assert build_staging(spark, settings) == Staged(came=4, inserted=1, conflicts=2, duplicates=1)
    assert _kept(spark, root) == [("a", "3")]
    raw.gains(Event(says='{"x":4}', number=5, created=5))
    assert build_staging(spark, settings) == Staged(came=1, replaced=1)
    assert _kept(spark, root) == [("a", "5")]
    assert _refused(spark, root) == [('{"x":1}', "1", "5"), ('{"x":2}', "2", "5"), ('{"x":3}', "3", "5")]


@pytest.mark.slow
def test_a_crash_at_any_write_loses_no_version_that_turns_out_to_be_the_one_to_keep(
    spark: SparkSession, root: str
) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root, keep="latest")
    raw.gains(Event(says='{"x":1}', number=10, arrived=10), Event(says='{"x":2}', number=5, arrived=5))
    build_staging(spark, settings)
    # An earlier copy of the version that was kept: now the other one arrived last.
    raw.gains(Event(says='{"x":1}', number=3, arrived=3))
    for writes in range(1, 6):
        left = iter(range(writes))

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise RuntimeError("killed")

        with suppress(RuntimeError):
            build_staging(spark, settings, Run(check=check))
    build_staging(spark, settings)
    assert _kept(spark, root) == [("a", "5")]
    assert _refused(spark, root) == [('{"x":1}', "3", "5")]


def test_a_run_that_is_asked_to_stop_ends_between_two_steps_and_the_next_one_takes_the_rest(
    spark: SparkSession, root: str
) -> None:
    raw = RawLayer(spark, root)
    settings = settings_of(root, max_batch_bytes=1)
    for uuid in "abc":
        raw.gains(Event(uuid=uuid))
    answers = iter(["", "alice on laptop"])
    run = Run(stop_asked_by=lambda: next(answers))
    assert build_staging(spark, settings, run) == Staged(came=1, inserted=1)
    assert ([uuid for uuid, _ in _kept(spark, root)], str(run.batches)) == (["a"], "batch 0")
    rest = Run()
    assert build_staging(spark, settings, rest) == Staged(came=2, inserted=2)
    assert ([uuid for uuid, _ in _kept(spark, root)], str(rest.batches)) == ([*"abc"], "batches 1 to 2")


@pytest.mark.slow
def test_conflicts_move_where_the_shard_isnt_known(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    first = Event(says='{"x":1}', number=10, arrived=10, shard=None)
    raw.gains(first, replace(first, says='{"x":2}', number=20, arrived=20))
    build_staging(spark, settings)
    raw.gains(replace(first, says='{"x":2}', number=5, arrived=5))
    build_staging(spark, settings)
    assert _kept(spark, root) == [("a", "5")]
    assert _refused(spark, root) == [('{"x":1}', "10", "5")]


def test_the_same_uuid_of_another_type_or_date_is_another_event(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(), Event(event_type="a b%2F(c)"), Event(day=1))
    assert build_staging(spark, settings) == Staged(came=3, inserted=3)


def _kept(spark: SparkSession, root: str) -> list[tuple[str, str]]:
    rows = tables.read(spark, root, layout.STAGING_EVENTS).select("event_uuid", "sequence_number")
    return sorted(tuple(row) for row in rows.collect())


def _refused(spark: SparkSession, root: str) -> list[tuple[str, str, str]]:
    rows = tables.read(spark, root, layout.CONFLICTS).select("payload", "sequence_number", "kept.sequence_number")
    return sorted(tuple(row) for row in rows.collect())
