"""Make ledgers of many small files, as years of small batches leave them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.lake import layout, tables

# The noon at which batch 0 was read.
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def enter_batches(
    spark: SparkSession, root: str, batches: Sequence[int], *, stream: str = "events", days: int = 1
) -> None:
    """Enter batches of one shard that read a copy each, a file for each batch. They lie on as many days, one by one."""
    begin, size = batches[0], len(batches)
    number = F.col("id")
    ingested_at = F.lit(NOON) + F.make_dt_interval(days=number % days, mins=number)
    counts = {"read": 1, "raw": 0, "quarantined": 0, "duplicates": 1, "bytes": 1, "lag_ms": 0}
    columns = {
        "stream": F.lit(stream),
        "shard_id": F.lit("shardId-0"),
        "batch_id": number,
        "start": F.when(number == begin, "TRIM_HORIZON").otherwise((10 * number).cast("string")),
        "first_sequence_number": (10 * number + 1).cast("string"),
        "last_sequence_number": (10 * number + 10).cast("string"),
        **{name: F.lit(value).cast("long") for name, value in counts.items()},
        "hole": F.lit(None).cast("string"),
        "read_until": ingested_at - F.expr("interval 1 minute"),
        "ingested_at": ingested_at,
        "date": F.to_date(ingested_at),
    }
    rows = spark.range(begin, begin + size, 1, size).select([column.alias(name) for name, column in columns.items()])
    tables.append(rows.select(layout.LEDGER.schema.names), root, layout.LEDGER)
