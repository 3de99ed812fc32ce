"""An event stays one event when its type gets a partition of its own, or loses it."""

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.lake.schemas import OTHER
from event_lake.lake.window import Dates
from event_lake.staging.build import build_staging
from event_lake.staging.chunk import known_places, make_chunk
from event_lake.staging.dry_run import plan_staging
from event_lake.staging.rebuild import rebuild_staging
from event_lake.staging.write import Staged
from support.raw_layers import NOON, Event, RawLayer, frame, settings_of

CONTRACT = 'event_type = "%s"\n[columns.x]\ntype = "bigint"\nmaximum = 8\n'
GAMMA = Event(event_type="gamma", says='{"x":1}', partition=OTHER)
DAY = NOON.date()


@pytest.fixture
def settings(root: str, tmp_path: Path) -> Settings:
    """The types gamma and delta have contracts."""
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in ("gamma", "delta"):
        (contracts / f"{name}.toml").write_text(CONTRACT % name)
    return settings_of(root, contracts=str(contracts))


@pytest.mark.parametrize(("before", "after"), [(OTHER, None), (None, OTHER)])
def test_a_copy_in_another_partition_is_a_duplicate(
    spark: SparkSession, root: str, settings: Settings, before: str | None, after: str | None
) -> None:
    raw, first = RawLayer(spark, root), replace(GAMMA, partition=before)
    raw.gains(first, Event(uuid="b", event_type="alpha"))
    build_staging(spark, settings)
    raw.gains(replace(first, partition=after, number=200, arrived=50))
    assert build_staging(spark, settings) == Staged(came=1, duplicates=1)
    assert _staged(spark, root) == [("a", before or "gamma", "100"), ("b", "alpha", "100")]
    assert _typed(spark, root) == [("a", 1)]


@pytest.mark.slow
def test_a_version_that_is_kept_instead_lies_where_raw_has_it(
    spark: SparkSession, root: str, settings: Settings
) -> None:
    raw = RawLayer(spark, root)
    raw.gains(replace(GAMMA, arrived=10))
    build_staging(spark, settings)
    raw.gains(replace(GAMMA, partition=None, says='{"x":2}', number=50, arrived=5))
    assert build_staging(spark, settings) == Staged(came=1, replaced=1)
    assert _staged(spark, root) == [("a", "gamma", "50")]
    assert _typed(spark, root) == [("a", 2)]
    raw.gains(replace(GAMMA, says='{"x":9}', number=20, arrived=2))
    assert build_staging(spark, settings) == Staged(came=1, replaced=1)
    assert _staged(spark, root) == [("a", OTHER, "20")]
    assert _typed(spark, root) == []
    rejected = tables.read(spark, root, layout.REJECTED).collect()
    assert [(row.event_uuid, row.event_type) for row in rejected] == [("a", "gamma")]
    conflicts = tables.read(spark, root, layout.CONFLICTS).collect()
    assert sorted((row.sequence_number, row.event_type) for row in conflicts) == [("100", OTHER), ("50", "gamma")]


def test_one_event_uuid_of_two_types_without_partitions_is_two_events(
    spark: SparkSession, root: str, settings: Settings
) -> None:
    raw, delta = RawLayer(spark, root), replace(GAMMA, event_type="delta", says='{"x":3}')
    raw.gains(replace(GAMMA, arrived=10), delta)
    assert build_staging(spark, settings) == Staged(came=2, inserted=2)
    raw.gains(replace(GAMMA, says='{"x":2}', number=50, arrived=5))
    assert build_staging(spark, settings) == Staged(came=1, replaced=1)
    assert (_typed(spark, root), _typed(spark, root, "delta")) == ([("a", 2)], [("a", 3)])


@pytest.mark.slow
def test_a_rebuild_puts_events_in_order_that_an_older_version_staged_twice(
    spark: SparkSession, root: str, settings: Settings
) -> None:
    raw, again = RawLayer(spark, root), replace(GAMMA, partition=None, number=200, arrived=50)
    raw.gains(GAMMA)
    build_staging(spark, settings)
    raw.gains(again)
    build_staging(spark, settings)
    # As it was done before.
    tables.append(frame(spark, [again]), root, layout.STAGING_EVENTS)
    tables.append(tables.read(spark, root, _table()).localCheckpoint(), root, _table())
    dates = Dates(DAY, DAY)
    assert list(plan_staging(spark, settings, dates))[-1] == (
        "rebuild 2026-11-20: 2 events of staging/events (1 of them again) from 2 of raw/events"
    )
    assert rebuild_staging(spark, settings, dates) == Staged(came=2, inserted=1, duplicates=1)
    assert _staged(spark, root) == [("a", OTHER, "100")]
    assert _typed(spark, root) == [("a", 1)]


def test_of_many_types_without_partitions_a_merge_looks_through_all_partitions_of_the_date(spark: SparkSession) -> None:
    names = [f"type-{number}" for number in range(3)]
    rows = frame(spark, [replace(GAMMA, event_type=name) for name in names])
    assert tables.find_places(rows, layout.STAGING_EVENTS, most=3) == {"date": [DAY], "event_type": [OTHER, *names]}
    assert tables.find_places(rows, layout.STAGING_EVENTS, most=2) == {"date": [DAY]}
    assert tables.find_places(rows.limit(0), layout.STAGING_EVENTS) is None


def test_of_many_types_without_partitions_all_partitions_of_the_date_are_looked_at(spark: SparkSession) -> None:
    events = frame(spark, [replace(GAMMA, event_type=f"type-{number}") for number in range(3)])
    chunk = make_chunk(events, frame(spark, []))
    staged = frame(spark, [replace(GAMMA, partition=None, event_type=name) for name in ("type-1", "lesson")])
    found = {most: staged.where(known_places(chunk, most)).count() for most in (2, 3)}
    assert found == {2: 2, 3: 1}


def _table(name: str = "gamma") -> layout.Table:
    return layout.Table(f"staging/types/{name}", layout.METRICS.schema, ("date",), ())


def _typed(spark: SparkSession, root: str, name: str = "gamma") -> list[tuple[str, int]]:
    return sorted((row.event_uuid, row.x) for row in tables.read(spark, root, _table(name)).collect())


def _staged(spark: SparkSession, root: str) -> list[tuple[str, str, str]]:
    rows = tables.read(spark, root, layout.STAGING_EVENTS).select("event_uuid", "event_type", "sequence_number")
    return sorted(tuple(row) for row in rows.collect())
