"""Say what a run of build_staging would do, without doing it."""

from collections.abc import Iterator

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.lake.time_columns import is_dated_in
from event_lake.lake.window import Dates
from event_lake.staging import typed_tables
from event_lake.staging.build import checkpoint_of, contracts_of
from event_lake.staging.steps import find_backlog, plan_steps
from event_lake.staging.versions import KEY


def plan_staging(spark: SparkSession, settings: Settings, dates: Dates | None) -> Iterator[str]:
    """Yield a line for each thing that `build_staging`, or `rebuild_staging` for `dates`, would do; change nothing.

    The lines name the changes of typed tables to follow their contracts, then the steps that a run would take now, then
    the dates to rebuild. Raise what a run raises.
    """
    root = settings.lake.root
    tables.refuse_missing_raw(spark, root)
    yield from typed_tables.describe_changes(spark, root, contracts_of(settings))
    backlog = find_backlog(spark, root, checkpoint_of(spark, root))
    planned = [(one.step, one.chunk) for one in plan_steps(spark, settings, backlog)]
    if not planned:
        yield "raw/events has gained nothing since the last run"
    for number, (step, chunk) in enumerate(planned):
        days = sorted({str(day) for day, _ in chunk.partitions})
        yield (
            f"step {number + 1} of {len(planned)}: {chunk.rows:,} events of {step} in {len(chunk.partitions):,}"
            f" partitions, dates {', '.join(days) or 'none'}"
        )
    if dates:
        yield from _describe_rebuild(spark, root, dates)


def _describe_rebuild(spark: SparkSession, root: str, dates: Dates) -> Iterator[str]:
    repeated = F.count("*") - F.count_distinct(F.struct(*KEY))
    counts = [
        {
            row.date: (row.events, row.repeated)
            for row in tables.read(spark, root, table)
            .where(is_dated_in(dates))
            .groupBy("date")
            .agg(F.count("*").alias("events"), extra.alias("repeated"))
            .collect()
        }
        for table, extra in ((layout.RAW_EVENTS, F.lit(0)), (layout.STAGING_EVENTS, repeated))
        if tables.exists(spark, root, table)
    ]
    raw, staged = (*counts, {})[:2]
    for day in sorted(raw.keys() | staged.keys()):
        events, again = staged.get(day, (0, 0))
        more = f" ({again:,} of them again)" if again else ""
        yield f"rebuild {day}: {events:,} events of staging/events{more} from {raw.get(day, (0,))[0]:,} of raw/events"
    if not raw and not staged:
        yield f"rebuild: there are no events from {dates.first} to {dates.last}"
