"""Kinesis to the raw layer: the streaming query."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake import tables
from event_lake.config import Settings, Source, refuse
from event_lake.errors import UserError
from event_lake.kinesis import source
from event_lake.kinesis.client import KinesisClient
from event_lake.kinesis.shards import readable_shards
from event_lake.raw.dedupe import deduplicated
from event_lake.raw.ledger import Totals
from event_lake.raw.parse import EventRules, judged
from event_lake.raw.write import RawWriter

_log = logging.getLogger(__name__)


# AWS itself refuses requests that are signed 5 minutes off.
_LARGEST_CLOCK_ERROR = timedelta(minutes=1)


def check_pace(settings: Settings) -> None:
    """Raise ConfigError if a query with these settings could never catch up after a stop."""
    interval = int(settings.raw.trigger_interval.total_seconds())
    if settings.source.max_batch_seconds < 2 * interval:
        raise refuse(
            "source.max_batch_seconds",
            settings.source.max_batch_seconds,
            f"one batch each raw.trigger_interval ({interval} s) would never catch up; set {2 * interval} or more",
        )


def check_stream(settings: Source) -> None:
    """Raise UserError or ServiceUnavailableError, before Spark starts, if the stream can't be read as it must be."""
    client = KinesisClient(settings.stream, settings.region, settings.endpoint_url)
    readable_shards(settings.stream, client.list_shards())
    # The dedup window runs on our clock: behind a batch from the future, all would be late.
    wrong = abs(client.now() - datetime.now(UTC))
    if wrong > _LARGEST_CLOCK_ERROR:
        raise UserError(f"this machine's clock is {wrong} off Kinesis' own; set it right")


def raw_rows(records: DataFrame, settings: Settings) -> DataFrame:
    """What the raw layer holds of a stream of `schemas.RECORD`: judged and deduplicated, not yet written."""
    rules = EventRules(max_future=settings.raw.max_future, max_age=settings.raw.max_age)
    return records.transform(judged, rules).transform(deduplicated, settings.raw.dedup_window)


def ingest_raw(spark: SparkSession, settings: Settings, *, until_caught_up: bool = False) -> Totals:
    """Run the query: until it is stopped, or has read what the stream held at the start.

    Returns what this run wrote. Resumes from the checkpoint under the lake's root.
    """
    source.register(spark)
    tables.create(spark, settings.lake.root, (tables.RAW_EVENTS, tables.QUARANTINE, tables.LEDGER))
    written = [Totals()]
    query = _started(spark, settings, written.append, until_caught_up=until_caught_up)
    try:
        query.awaitTermination()
    finally:
        query.stop()
    return sum(written, Totals())


def _started(
    spark: SparkSession, settings: Settings, note: Callable[[Totals], None], *, until_caught_up: bool
) -> StreamingQuery:
    def write(rows: DataFrame, batch_id: int) -> None:
        began = time.monotonic()
        query_id = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        assert query_id, "Spark sets it for every batch"
        counted = RawWriter(settings.lake.root, query_id).write(rows, batch_id)
        note(counted)
        _log.info("batch %d: %s, %.1f s", batch_id, counted, time.monotonic() - began)

    records = spark.readStream.format(source.FORMAT).options(**source.options_of(settings.source)).load()
    writing = (
        raw_rows(records, settings)
        .writeStream.queryName("ingest_raw")
        .option("checkpointLocation", tables.checkpoint_path(settings.lake.root, "ingest_raw"))
        .foreachBatch(write)
    )
    if until_caught_up:
        return writing.trigger(availableNow=True).start()
    return writing.trigger(processingTime=f"{int(settings.raw.trigger_interval.total_seconds())} seconds").start()
