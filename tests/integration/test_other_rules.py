"""A run that is killed in the middle of a batch, and started again with other rules."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from event_lake.config.settings import Raw, Settings
from event_lake.errors import UserError, error_in_traceback
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream
from support.sent import an_event

NARROW, WIDE = Raw(), Raw(max_future=timedelta(hours=1))


@pytest.fixture
def narrow(stream: Stream, root: str) -> Settings:
    """Of a stream of 5 events, and 30 that come from the future by narrow rules; by wide ones they are events."""
    now = int(stream.client().now().timestamp())
    for n in range(35):
        ahead = 1_800 if n >= 5 else 0
        stream.put(an_event(event_uuid=str(n), created_at=now + ahead), key=str(n))
    return stream.settings(root, raw=NARROW)


def ingest(
    spark: SparkSession, settings: Settings, *, check: Callable[[], None] = lambda: None, anew: bool = False
) -> Totals:
    return ingest_raw(spark, settings, IngestOptions(until_caught_up=True, new_checkpoint=anew), check=check).totals


def die_at_quarantine() -> None:
    """Quarantine is written beside raw, by a thread of its own."""
    if threading.current_thread() is not threading.main_thread() and "ThreadPool" in threading.current_thread().name:
        raise OSError("killed")


def kill_between_raw_and_quarantine(spark: SparkSession, settings: Settings) -> None:
    with pytest.raises(StreamingQueryException, match="killed"):
        ingest(spark, settings, check=die_at_quarantine)


def counts(spark: SparkSession, settings: Settings) -> list[int]:
    held = (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)
    return [tables.read(spark, settings.lake.root, table).count() for table in held]


def test_a_batch_begun_by_narrow_rules_is_not_finished_by_wide_ones(spark: SparkSession, narrow: Settings) -> None:
    kill_between_raw_and_quarantine(spark, narrow)
    before = counts(spark, narrow)
    wide = replace(narrow, raw=WIDE)
    for _ in range(2):
        with pytest.raises(StreamingQueryException) as refused:
            ingest(spark, wide)
        error = error_in_traceback(str(refused.value))
        assert isinstance(error, UserError)
        assert "raw.max_future is '3600 seconds' and was '300 seconds'" in str(error)
        assert counts(spark, wide) == before
    assert before[:2] == [5, 0]
    # The way out that the line names.
    assert ingest(spark, wide, anew=True) == Totals(read=35, raw=35)
    assert counts(spark, wide)[:2] == [35, 0]
    reconcile(spark, wide, Window()).refuse_faults()


def test_the_old_rules_finish_it(spark: SparkSession, narrow: Settings) -> None:
    kill_between_raw_and_quarantine(spark, narrow)
    with pytest.raises(StreamingQueryException):
        ingest(spark, replace(narrow, raw=WIDE))
    assert ingest(spark, narrow) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, narrow, Window()).refuse_faults()


def test_a_batch_begun_by_wide_rules_is_not_finished_by_narrow_ones(spark: SparkSession, narrow: Settings) -> None:
    wide = replace(narrow, raw=WIDE)

    def die_at_the_ledger() -> None:
        if counts(spark, wide)[0]:
            raise OSError("killed")

    with pytest.raises(StreamingQueryException, match="killed"):
        ingest(spark, wide, check=die_at_the_ledger)
    with pytest.raises(StreamingQueryException, match="raw/events holds 30 records that wouldn't be there"):
        ingest(spark, narrow)
    assert ingest(spark, narrow, anew=True) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, narrow, Window()).refuse_faults()


def test_rules_that_change_nothing_in_the_batch_finish_it(spark: SparkSession, narrow: Settings) -> None:
    kill_between_raw_and_quarantine(spark, narrow)
    older = replace(narrow, raw=replace(NARROW, max_age=timedelta(days=90)))
    assert ingest(spark, older) == Totals(read=35, raw=5, quarantined=30)
    reconcile(spark, older, Window()).refuse_faults()
