"""The raw layer to staging: what raw has gained since the last run."""

import logging
import time

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from event_lake import tables
from event_lake.config import Settings
from event_lake.errors import UserError
from event_lake.staging.dedupe import first_arrivals

_log = logging.getLogger(__name__)


def build_staging(spark: SparkSession, settings: Settings) -> int:
    """Insert the events that are new in raw into `staging/events`, and stop.

    Resumes from its checkpoint, in steps of `staging.max_batch_bytes`. A step that is repeated after a crash
    inserts nothing twice: its events are there already. Returns the number of events inserted. Raises UserError
    where there's no raw layer.
    """
    root = settings.lake.root
    if not tables.exists(spark, root, tables.RAW_EVENTS):
        raise UserError(f"lake.root = {root!r} has no {tables.RAW_EVENTS.name}: run ingest_raw first")
    tables.create(spark, root, [tables.STAGING_EVENTS])
    inserted = [0]

    def insert(rows: DataFrame, batch_id: int) -> None:
        began = time.monotonic()
        with tables.adaptive(rows.sparkSession):
            step = rows.transform(first_arrivals).persist(StorageLevel.MEMORY_AND_DISK)
            try:
                inserted.append(tables.insert_new(step, root, tables.STAGING_EVENTS, key="event_uuid"))
            finally:
                step.unpersist()
        _log.info("step %d: %d events inserted, %.1f s", batch_id, inserted[-1], time.monotonic() - began)

    query = (
        # Compaction and deletions in raw bring no new events.
        spark.readStream.format("delta")
        .option("skipChangeCommits", "true")
        .option("maxBytesPerTrigger", settings.staging.max_batch_bytes)
        .load(tables.RAW_EVENTS.path(root))
        .writeStream.queryName("build_staging")
        .option("checkpointLocation", tables.checkpoint_path(root, "build_staging"))
        .foreachBatch(insert)
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        query.stop()
    return sum(inserted)
