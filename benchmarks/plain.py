"""Bring Kinesis to Delta as one would without Event Lake's promises. The difference is what the promises cost.

This reads the same records, drops the same copies in the same way, and writes the same columns into the same files. It
parses JSON with Spark's own parser, and has no limits, no quarantine, no ledger and no balance.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.kinesis import options, source
from event_lake.lake import layout, tables
from event_lake.raw.dedupe import drop_duplicates, with_watermark
from event_lake.raw.parse import select_events

_QUERY = "plain"
_FIELDS = "event_uuid string, event_name string, created_at string"


def ingest(spark: SparkSession, settings: Settings) -> None:
    """Append every event of the stream to the lake's raw table, once."""
    source.register_source(spark)
    root = settings.lake.root
    tables.create(spark, root, [layout.RAW_EVENTS])
    records = (
        spark.readStream.format(options.FORMAT).options(**options.options_of(settings.source, settings.raw)).load()
    )

    def write(rows: DataFrame, batch_id: int) -> None:
        with tables.enable_adaptive(rows.sparkSession):
            events = select_events(rows.withColumn("batch_id", F.lit(batch_id).cast("long")))
            by_partition = events.hint("rebalance", *layout.RAW_EVENTS.partitioned_by)
            tables.append_once(by_partition, root, layout.RAW_EVENTS, writer=_QUERY, batch_id=batch_id)

    (
        drop_duplicates(with_watermark(_parse(records), settings.raw.dedup_window))
        .writeStream.option("checkpointLocation", layout.checkpoint_path(root, _QUERY))
        .foreachBatch(write)
        .trigger(availableNow=True)
        .start()
        .awaitTermination()
    )


def _parse(records: DataFrame) -> DataFrame:
    text = F.col("data").cast("string")
    parsed = records.withColumn("event", F.from_json(text, _FIELDS))
    number = F.expr("try_cast(event.created_at as double)")
    seconds = F.when(number > 100_000_000_000, number / 1000).otherwise(number)
    arrived = F.col("approximateArrivalTimestamp").cast("double")
    # Implausible times would make partitions of their own. They would slow this side down, and favour Event Lake.
    is_event = (
        F.col("event.event_uuid").isNotNull()
        & F.col("event.event_name").isNotNull()
        & seconds.between(arrived - 30 * 86_400, arrived + 300)
    )
    return parsed.select(
        F.coalesce(is_event, F.expr("false")).alias("is_event"),
        F.lit(None).cast("binary").alias("data"),
        text.alias("payload"),
        "event.event_uuid",
        "event.event_name",
        seconds.alias("created_seconds"),
        "stream",
        F.col("shardId").alias("shard_id"),
        F.col("sequenceNumber").alias("sequence_number"),
        F.col("subSequenceNumber").alias("sub_sequence_number"),
        F.col("partitionKey").alias("partition_key"),
        F.col("approximateArrivalTimestamp").alias("arrived_at"),
        "receipt",
    )
