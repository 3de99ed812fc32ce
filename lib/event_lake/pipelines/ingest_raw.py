"""Kinesis to the raw layer: the streaming query."""

import logging
import time
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake import tables
from event_lake.config import Settings, Source
from event_lake.kinesis import source
from event_lake.kinesis.client import KinesisClient
from event_lake.kinesis.shards import readable_shards
from event_lake.raw.dedupe import deduplicated
from event_lake.raw.ledger import Totals
from event_lake.raw.parse import EventRules, judged
from event_lake.raw.write import RawWriter

_log = logging.getLogger(__name__)


def check_stream(settings: Source) -> None:
    """Raise UserError or ServiceUnavailableError, before Spark starts, if the stream can't be read."""
    client = KinesisClient(settings.stream, settings.region, settings.endpoint_url)
    readable_shards(settings.stream, client.list_shards())


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
