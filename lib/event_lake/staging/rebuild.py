"""The raw layer to staging once more: whole dates anew."""

import logging
import time
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.errors import ConfigError
from event_lake.lake import tables
from event_lake.quality.measure import measure
from event_lake.staging.build import Run, catch_up, checkpoint_of, refuse_without_raw, writer_of
from event_lake.staging.chunk import hours_of
from event_lake.staging.step_log import StepLog
from event_lake.staging.write import Staged

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dates:
    """The dates of events from `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def parsed(cls, first: str | None, last: str | None) -> "Dates | None":
        """From `--from` and `--to`, like "2026-11-01"; None without them. Raises ConfigError."""
        if first is None and last is None:
            return None
        if first is None or last is None:
            raise ConfigError("--from and --to go together; for a single date give it to both")
        dates = cls(_parsed("--from", first), _parsed("--to", last))
        if dates.first > dates.last:
            raise ConfigError(f"--from {first} is behind --to {last}; change them over")
        return dates


def rebuild_staging(spark: SparkSession, settings: Settings, dates: Dates, run: Run | None = None) -> Staged:
    """Have staging hold of some dates what raw holds of them, whatever staging held before.

    A date and table at a time, each in one commit. May run beside ingest_raw. Returns what became of these dates'
    events. Raises UserError where there's no raw layer.
    """
    run = run or Run()
    root = settings.lake.root
    refuse_without_raw(spark, root)
    writer = writer_of(spark, settings, run)
    catch_up(spark, settings, run, writer)
    # What staging has taken, no less and no more: less would take from it what no later run brings back, and a crash
    # amid more would leave typed rows that a later run takes for new.
    last = StepLog(checkpoint_of(spark, root)).newest()
    version = tables.newest_version(spark, root, tables.RAW_EVENTS)
    within = F.col("date").between(dates.first, dates.last)
    is_taken = F.col("batch_id") <= (last.last if last else -1)
    raw = tables.at_version(spark, root, tables.RAW_EVENTS, version).where(within & is_taken)
    held = tables.read(spark, root, tables.STAGING_EVENTS).where(within)
    days = sorted(row.date for row in raw.select("date").union(held.select("date")).distinct().collect())
    done, hours = Staged(), set[datetime]()
    for number, day in enumerate(days):
        if run.show:
            run.show(f"staging: {day}, {number + 1} of {len(days)}")
        began = time.monotonic()
        events, known = (rows.where(F.col("date") == F.lit(day)) for rows in (raw, held))
        if settings.quality.measure:
            # Also of events that raw has lost, as long as staging knows when they arrived.
            hours.update(hours_of(events.unionByName(known)))
        rebuilt = writer.rewrite(events, day)
        _log.info("%s: %s, %.1f s", day, rebuilt, time.monotonic() - began)
        done += rebuilt
    measure(spark, settings, hours, writer.contracts, writer.note(done))
    return done


def _parsed(flag: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{flag} {text}: no date; write it like 2026-11-01") from None
