"""Kinesis to the raw layer: the streaming query."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from event_lake import tables
from event_lake.config import Settings, Source, refuse
from event_lake.errors import StreamNotFoundError, UserError
from event_lake.kinesis import options, source
from event_lake.kinesis.admission import ADMISSION_CONTROL
from event_lake.kinesis.client import KinesisClient
from event_lake.kinesis.connectors import CONNECTORS
from event_lake.kinesis.start import refuse_expired, starting_positions
from event_lake.kinesis.topology import Topology
from event_lake.raw.dedupe import deduplicated
from event_lake.raw.ledger import Totals
from event_lake.raw.parse import EventRules, judged
from event_lake.raw.write import RawWriter

_log = logging.getLogger(__name__)


# AWS itself refuses requests that are signed 5 minutes off.
_LARGEST_CLOCK_ERROR = timedelta(minutes=1)
_QUERY = "ingest_raw"
# Somebody waits for the first line; a query that runs has more.
_PATIENCE_SECONDS = 20.0


def check_pace(settings: Settings) -> None:
    """Raise ConfigError if a query with these settings could never catch up after a stop."""
    if settings.source.connector != options.CONNECTOR:
        return
    interval = int(settings.raw.trigger_interval.total_seconds())
    if settings.source.max_batch_seconds < 2 * interval:
        raise refuse(
            "source.max_batch_seconds",
            settings.source.max_batch_seconds,
            f"one batch each raw.trigger_interval ({interval} s) would never catch up; set {2 * interval} or more",
        )


def check_stream(settings: Settings, *, until_caught_up: bool = False) -> None:
    """Raise UserError or ServiceUnavailableError, before Spark starts, if the stream can't be read as it must be."""
    asked = settings.source
    if asked.connector in CONNECTORS:
        CONNECTORS[asked.connector].options_of(asked)
        if until_caught_up and asked.connector == "aws-kinesis":
            raise refuse("source.connector", asked.connector, "it can't do --until-caught-up; leave the flag out")
    client = KinesisClient(asked.stream, asked.region, asked.endpoint_url, patience_seconds=_PATIENCE_SECONDS)
    topology = Topology(client)
    try:
        topology.look()
    except StreamNotFoundError:
        if _may_have_begun(settings.lake.root):
            return  # The query knows up to where it had read the stream that is gone, and says so.
        raise
    if asked.connector == options.CONNECTOR and not _may_have_begun(settings.lake.root):
        begin = starting_positions(asked.start_from, topology.lineage, client.now(), topology.summary.retention)
        refuse_expired(begin, client)
    # The dedup window runs on our clock: behind a batch from the future, all would be late.
    wrong = abs(client.now() - datetime.now(UTC))
    if wrong > _LARGEST_CLOCK_ERROR:
        raise UserError(f"this machine's clock is {wrong} off Kinesis' own; set it right")


def _may_have_begun(root: str) -> bool:
    return "://" in root or Path(tables.checkpoint_path(root, _QUERY)).exists()


def records_of(spark: SparkSession, settings: Source, *, until_caught_up: bool = False) -> DataFrame:
    """The stream of `schemas.RECORD` that `source.connector` gives."""
    if settings.connector == options.CONNECTOR:
        source.register(spark)
        told = options.options_of(settings)
        if until_caught_up and not ADMISSION_CONTROL:
            told = options.unbounded(told)
        return source.observed(spark.readStream.format(options.FORMAT).options(**told).load())
    connector = CONNECTORS[settings.connector]
    given = spark.readStream.format(connector.format).options(**connector.options_of(settings)).load()
    return connector.records(given)


def raw_rows(records: DataFrame, settings: Settings) -> DataFrame:
    """What the raw layer holds of a stream of `schemas.RECORD`: judged and deduplicated, not yet written."""
    rules = EventRules(max_future=settings.raw.max_future, max_age=settings.raw.max_age)
    return records.transform(judged, rules).transform(deduplicated, settings.raw.dedup_window)


def ingest_raw(spark: SparkSession, settings: Settings, *, until_caught_up: bool = False) -> Totals:
    """Run the query: until it is stopped, or has read what the stream held at the start.

    Returns what this run wrote. Resumes from the checkpoint under the lake's root.
    """
    tables.create(spark, settings.lake.root, (tables.RAW_EVENTS, tables.QUARANTINE, tables.LEDGER))
    written = [Totals()]
    # Where Spark 4.1 repeats a batch that a crash left, such a run ends with it: another takes what came behind.
    for _ in range(2 if until_caught_up and not ADMISSION_CONTROL else 1):
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
        writer = RawWriter(settings.lake.root, query_id, has_receipts=settings.source.connector == options.CONNECTOR)
        counted = writer.write(rows, batch_id)
        note(counted)
        _log.info("batch %d: %s, %.1f s", batch_id, counted, time.monotonic() - began)

    writing = (
        raw_rows(records_of(spark, settings.source, until_caught_up=until_caught_up), settings)
        .writeStream.queryName(_QUERY)
        .option("checkpointLocation", tables.checkpoint_path(settings.lake.root, _QUERY))
        .foreachBatch(write)
    )
    if until_caught_up:
        return writing.trigger(availableNow=True).start()
    return writing.trigger(processingTime=f"{int(settings.raw.trigger_interval.total_seconds())} seconds").start()
