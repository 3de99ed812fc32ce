"""The raw layer to staging once more: whole dates anew."""

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
from event_lake.staging.build import Run, catch_up, checkpoint_of, writer_of
from event_lake.staging.chunk import hours_of
from event_lake.staging.step_log import StepLog
from event_lake.staging.write import Staged

_log = logging.getLogger(__name__)


def rebuild_staging(spark: SparkSession, settings: Settings, dates: Dates, run: Run | None = None) -> Staged:
    """Have staging hold of some dates what raw holds of them, whatever staging held before.

    A date and table at a time, each in one commit. May run beside ingest_raw. Returns what became of these dates'
    events. Raises UserError where there's no raw layer.
    """
    run = run or Run()
    root = settings.lake.root
    tables.refuse_missing_raw(spark, root)
    writer = writer_of(spark, settings, run)
    catch_up(spark, settings, run, writer)
    # What staging has taken, no less and no more: less would take from it what no later run brings back, and a crash
    # amid more would leave typed rows that a later run takes for new.
    last = StepLog(checkpoint_of(spark, root)).newest()
    version = tables.newest_version(spark, root, layout.RAW_EVENTS)
    within = is_dated_in(dates)
    is_taken = F.col("batch_id") <= (last.last if last else -1)
    raw = tables.at_version(spark, root, layout.RAW_EVENTS, version).where(within & is_taken)
    held = tables.read(spark, root, layout.STAGING_EVENTS).where(within)
    days = sorted(row.date for row in raw.select("date").union(held.select("date")).distinct().collect())
    done, hours = Staged(), set[datetime]()
    for number, day in enumerate(days):
        began = time.monotonic()
        with run.bar(f"staging: {day}, {number + 1} of {len(days)}", None):
            events, known = (rows.where(F.col("date") == F.lit(day)) for rows in (raw, held))
            if settings.quality.measure:
                # Also of events that raw has lost, as long as staging knows when they arrived.
                hours.update(hours_of(events.unionByName(known)))
            rebuilt = writer.rewrite(events, day)
            _log.info("%s: %s, %.1f s", day, rebuilt, time.monotonic() - began)
            done += rebuilt
    with run.bar("staging: measures", None):
        measure(spark, settings, hours, writer.contracts, writer.note(done))
    return done
