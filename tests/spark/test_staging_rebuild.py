"""Whole dates anew from raw, and what a run would do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from pyspark.sql import SparkSession

from event_lake.config.settings import Quality
from event_lake.lake import layout, tables
from event_lake.lake.window import Dates
from event_lake.progress.reporter import Advance
from event_lake.staging.build import Run, build_staging
from event_lake.staging.dry_run import plan_staging
from event_lake.staging.rebuild import rebuild_staging
from event_lake.staging.write import Staged
from support.raw_layers import Event, RawLayer, settings_of

FIRST, SECOND = (date(2026, 11, 20), date(2026, 11, 21))


def test_a_rebuild_has_of_its_dates_what_raw_has_and_leaves_the_others(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"), Event(uuid="b"), Event(uuid="b", number=101, says='{"x":1}'), Event(uuid="c", day=1))
    build_staging(spark, settings)
    raw.loses("event_uuid in ('a', 'c')")
    raw.gains(Event(uuid="d"))
    assert list(plan_staging(spark, settings, Dates(FIRST, FIRST))) == [
        "step 1 of 1: 1 events of batch 1 in 1 partitions, dates 2026-11-20",
        "rebuild 2026-11-20: 2 events of staging/events from 3 of raw/events",
    ]
    for _ in range(2):
        rebuilt = rebuild_staging(spark, settings, Dates(FIRST, FIRST))
        assert rebuilt == Staged(came=3, inserted=2, conflicts=1)
        assert _rows(spark, root, layout.STAGING_EVENTS) == [("b", FIRST), ("c", SECOND), ("d", FIRST)]
        assert _rows(spark, root, layout.CONFLICTS) == [("b", FIRST)]
    assert list(plan_staging(spark, settings, None)) == ["raw/events has gained nothing since the last run"]
    assert build_staging(spark, settings) == Staged()


def test_a_rebuild_keeps_what_raw_gains_while_it_begins(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"))
    build_staging(spark, settings)
    coming = [Event(uuid="b")]

    def gain() -> None:
        if coming:
            raw.gains(coming.pop())

    # The lease is first looked at after the look for raw's newest version, and before the stream is.
    rebuild_staging(spark, settings, Dates(FIRST, FIRST), Run(check=gain))
    assert _rows(spark, root, layout.STAGING_EVENTS) == [("a", FIRST), ("b", FIRST)]
    assert build_staging(spark, settings) == Staged()


@pytest.mark.slow
def test_a_rebuild_measures_anew_the_hours_of_events_that_raw_has_lost(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), replace(settings_of(root), quality=Quality())
    raw.gains(Event(uuid="a"), Event(uuid="b", arrived=7200))
    build_staging(spark, settings)
    raw.loses("event_uuid = 'b'")
    rebuild_staging(spark, settings, Dates(FIRST, FIRST))
    measured = tables.read(spark, root, layout.METRICS).where("measure = 'events' and event_type is null")
    assert {row.hour.hour: row["value"] for row in measured.collect()}[14] == 0


def test_a_run_shows_what_is_ahead_what_its_steps_took_and_which_date_it_rebuilds(
    spark: SparkSession, root: str
) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"), Event(uuid="b", day=1))
    shown: list[object] = []

    @contextmanager
    def bar(what: str, rows: int | None) -> Iterator[Advance]:
        shown.append((what, rows))
        yield shown.append

    rebuild_staging(spark, settings, Dates(FIRST, SECOND), Run(bar=bar))
    dates = [("staging: 2026-11-20, 1 of 2", None), ("staging: 2026-11-21, 2 of 2", None)]
    assert shown == [("staging", 2), 2, *dates, ("staging: measures", None)]


def test_a_rebuild_that_is_asked_to_stop_ends_before_the_next_date(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), replace(settings_of(root), quality=Quality())
    raw.gains(Event(uuid="a"), Event(uuid="b", day=1))
    build_staging(spark, settings)
    raw.loses("event_uuid in ('a', 'b')")
    answers = iter(["", "alice on laptop"])
    run = Run(stop_asked_by=lambda: next(answers))
    assert rebuild_staging(spark, settings, Dates(FIRST, SECOND), run) == Staged()
    assert _rows(spark, root, layout.STAGING_EVENTS) == [("b", SECOND)]
    measured = tables.read(spark, root, layout.METRICS).where("measure = 'events' and event_type is null")
    assert {row.hour.date(): row["value"] for row in measured.collect() if row.hour.hour == 12} == {FIRST: 0, SECOND: 1}


def test_the_history_tells_what_each_commit_did(spark: SparkSession, root: str) -> None:
    raw, settings = RawLayer(spark, root), settings_of(root)
    raw.gains(Event(uuid="a"), Event(uuid="a", number=101))
    build_staging(spark, settings)
    [row] = spark.sql(f"describe history delta.`{layout.STAGING_EVENTS.path(root)}` limit 1").collect()
    metadata = json.loads(row.userMetadata)
    assert {**metadata, "run": len(metadata["run"])} == {
        "job": "build_staging",
        "run": 32,
        "step": 0,
        "came": 2,
        "inserted": 1,
        "replaced": 0,
        "conflicts": 0,
        "duplicates": 1,
    }


def _rows(spark: SparkSession, root: str, table: layout.Table) -> list[tuple[str, date]]:
    rows = tables.read(spark, root, table).select("event_uuid", "date").collect()
    return sorted((row.event_uuid, row.date) for row in rows)
