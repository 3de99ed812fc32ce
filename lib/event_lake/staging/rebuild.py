"""Rebuild whole dates of the staging layer from the raw layer."""

import logging
import time
from datetime import datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.lake.time_columns import is_dated_in
from event_lake.lake.window import Dates
from event_lake.quality.measure import measure
from event_lake.staging.build import Run, catch_up, checkpoint_of, prepare_writer
from event_lake.staging.chunk import hours_of
from event_lake.staging.step_log import StepLog
from event_lake.staging.write import Staged

_log = logging.getLogger(__name__)


def rebuild_staging(spark: SparkSession, settings: Settings, dates: Dates, run: Run | None = None) -> Staged:
    """Make staging hold of `dates` the events that raw holds of them, whatever staging held before.

    First take all batches that staging hasn't taken yet. Then replace each date in each table, in one commit each. This
    may run beside ingest_raw. Return what became of the events of these dates. Raise UserError if there is no raw
    layer. A run that is asked to stop ends before the next date: the dates before it are rebuilt and measured.
    """
    run = run or Run()
    root = settings.lake.root
    tables.refuse_missing_raw(spark, root)
    writer = prepare_writer(spark, settings, run)
    catch_up(spark, settings, run, writer)
    # Rebuild from exactly the batches that staging has taken. From fewer, staging would lose events that no later run
    # brings back. From more, a crash could leave rows in typed tables that a later run adds again as new ones.
    newest_step = StepLog(checkpoint_of(spark, root)).newest()
    version = tables.newest_version(spark, root, layout.RAW_EVENTS)
    is_dated = is_dated_in(dates)
    is_taken = F.col("batch_id") <= (newest_step.last if newest_step else -1)
    raw = tables.at_version(spark, root, layout.RAW_EVENTS, version).where(is_dated & is_taken)
    staged = tables.read(spark, root, layout.STAGING_EVENTS).where(is_dated)
    days = sorted(row.date for row in raw.select("date").union(staged.select("date")).distinct().collect())
    total, hours = Staged(), set[datetime]()
    for number, day in enumerate(days):
        if by := run.stop_asked_by():
            _log.info("asked to stop by %s: %s and later dates weren't rebuilt", by, day)
            break
        began = time.monotonic()
        with run.bar(f"staging: {day}, {number + 1} of {len(days)}", None):
            raw_events, staged_events = (rows.where(F.col("date") == F.lit(day)) for rows in (raw, staged))
            if settings.quality.measure:
                # Staging's events add the hours of events that raw has lost.
                hours.update(hours_of(raw_events.unionByName(staged_events)))
            counts = writer.rewrite(raw_events, day)
            _log.info("%s: %s, %.1f s", day, counts, time.monotonic() - began)
            total += counts
    with run.bar("staging: measures", None):
        measure(spark, settings, hours, writer.contracts, writer.note(total))
    return total
