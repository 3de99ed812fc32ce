"""What a run of build_staging would do."""

from collections.abc import Iterator

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake import tables
from event_lake.checkpoints import Checkpoint
from event_lake.config import Settings
from event_lake.pipelines.build_staging import QUERY, contracts_of, is_too_long_ago, refuse_without_raw, started
from event_lake.pipelines.rebuild_staging import Dates
from event_lake.staging import typed_tables
from event_lake.staging.chunk import Chunk, chunk_of


def plan_staging(spark: SparkSession, settings: Settings, dates: Dates | None) -> Iterator[str]:
    """Say what `build_staging`, or `rebuild_staging` for `dates`, would take, a line each; changes no table.

    Also how it would change the typed tables for their contracts. The steps are those of the run, by a copy of its
    checkpoint. Raises as a run does.
    """
    root = settings.lake.root
    refuse_without_raw(spark, root)
    yield from typed_tables.changes(spark, root, contracts_of(settings))
    chunks: list[Chunk] = []

    def look(rows: DataFrame, _: int) -> None:
        chunks.append(chunk_of(rows))

    with Checkpoint(spark, tables.checkpoint_path(root, QUERY)).copied() as checkpoint:
        query = started(spark, settings, checkpoint, look)
        try:
            query.awaitTermination()
        except StreamingQueryException as error:
            if not is_too_long_ago(error):
                raise
            yield "raw/events has forgotten what came since the last run: all that it holds would be looked at again"
            return
        finally:
            query.stop()
    if not chunks:
        yield "raw/events has gained nothing since the last run"
    for number, chunk in enumerate(chunks):
        days = sorted({str(day) for day, _ in chunk.partitions})
        yield (
            f"step {number + 1} of {len(chunks)}: {chunk.rows:,} events in {len(chunk.files):,} files of"
            f" {len(chunk.partitions):,} partitions, dates {', '.join(days) or 'none'}"
        )
    if dates:
        yield from _rebuilt(spark, root, dates)


def _rebuilt(spark: SparkSession, root: str, dates: Dates) -> Iterator[str]:
    within = F.col("date").between(dates.first, dates.last)
    counts = [
        {
            row.date: row["count"]
            for row in tables.read(spark, root, table).where(within).groupBy("date").count().collect()
        }
        for table in (tables.RAW_EVENTS, tables.STAGING_EVENTS)
        if tables.exists(spark, root, table)
    ]
    raw, staged = (*counts, {})[:2]
    for day in sorted(raw.keys() | staged.keys()):
        yield f"rebuild {day}: {staged.get(day, 0):,} events of staging/events from {raw.get(day, 0):,} of raw/events"
    if not raw and not staged:
        yield f"rebuild: there are no events from {dates.first} to {dates.last}"
