"""Send a day of keys through the deduplication on a clock that runs faster, and measure its state and its batches.

The state must stay bounded, and the batches as fast as they are at first.
"""

from pathlib import Path
from statistics import median

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import StreamingQueryProgress
from pyspark.sql.streaming.query import StreamingQuery

from benchmarks.figures import Figures
from benchmarks.source_session import check, in_new_process, session
from event_lake.config.settings import Raw
from event_lake.raw.dedupe import drop_duplicates, with_watermark

EVENTS_PER_HOUR = 1_000_000
BATCH_MINUTES = 6
_PER_BATCH = EVENTS_PER_HOUR * BATCH_MINUTES // 60
_BATCHES = 24 * 60 // BATCH_MINUTES
# Every 50th event is a copy of one that came about 30,000 events earlier, in the same batch or the one before.
_COPY_EVERY, _COPY_BEHIND = 50, 30_000


def day(scale: float) -> Figures:
    """Return the figures of `scale` days."""
    return in_new_process(_measure, max(30, round(_BATCHES * scale)))


def _measure(batches: int) -> Figures:
    with session("dedup-day") as (spark, folder):
        return _run_query(spark, folder, batches)


def _run_query(spark: SparkSession, folder: Path, batches: int) -> Figures:
    query = (
        _rows(spark)
        .transform(with_watermark, Raw().dedup_window, clock=F.col("timestamp"))
        .transform(drop_duplicates)
        .writeStream.format("noop")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .start()
    )
    reports = _await_batches(query, batches)
    query.stop()
    seconds = [progress.durationMs["triggerExecution"] / 1000 for progress in reports]
    states = [progress.stateOperators[0] for progress in reports]
    copies = sum(state.customMetrics["numDroppedDuplicateRows"] for state in states)
    check("copies dropped", copies, (batches * _PER_BATCH - _COPY_BEHIND) // _COPY_EVERY)
    rows, most = 0, 0
    for state in states:
        rows += state.numRowsUpdated - state.numRowsRemoved
        most = max(most, rows)
    tenth = len(seconds) // 10
    return {
        "events": batches * _PER_BATCH,
        "events/s": batches * _PER_BATCH / sum(seconds),
        "s/batch, second decile": median(seconds[tenth : 2 * tenth]),
        "s/batch, last decile": median(seconds[-tenth:]),
        "last decile / second decile": median(seconds[-tenth:]) / median(seconds[tenth : 2 * tenth]),
        "hours of events in the state, most": most / EVENTS_PER_HOUR,
        "hours of events in the state, at the end": rows / EVENTS_PER_HOUR,
        "MB in memory, at the end": states[-1].memoryUsedBytes / 1e6,
    }


def _await_batches(query: StreamingQuery, batches: int) -> list[StreamingQueryProgress]:
    """Wait until the query has ended so many batches, and return their progress."""
    reports: list[StreamingQueryProgress] = []
    while len(reports) < batches:
        newest = reports[-1].batchId if reports else -1
        reports += [progress for progress in query.recentProgress if progress.batchId > newest]
        query.awaitTermination(1)
    return reports[:batches]


def _rows(spark: SparkSession) -> DataFrame:
    """Return a stream of validated rows of 450 bytes, all of them events. Its clock advances 6 minutes each batch."""
    number = F.col("value")
    is_copy = (number % _COPY_EVERY == 0) & (number >= _COPY_BEHIND)
    original = F.when(is_copy, number - _COPY_BEHIND + 1).otherwise(number)
    return (
        spark.readStream.format("rate-micro-batch")
        .option("rowsPerBatch", _PER_BATCH)
        .option("numPartitions", 2)
        .option("advanceMillisPerBatch", BATCH_MINUTES * 60_000)
        .option("startTimestamp", 1_795_219_200_000)
        .load()
        .select(
            "timestamp",
            F.expr("true").alias("is_event"),
            F.md5(original.cast("string").cast("binary")).alias("event_uuid"),
            F.lit("x" * 400).alias("payload"),
            F.lit(None).cast("binary").alias("data"),
            F.lit("shardId-000000000000").alias("shard_id"),
            number.cast("string").alias("sequence_number"),
            F.lit(0).alias("sub_sequence_number"),
            F.lit(None).cast("struct<hole:string>").alias("receipt"),
        )
    )
