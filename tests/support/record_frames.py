"""Build the frames of records that tests arrange."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.lake import layout
from event_lake.lake.ledger import Totals
from event_lake.lake.schemas import RECORD
from event_lake.raw.beginning import make_beginning
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.validation import validate_records
from event_lake.raw.write import RawWriter
from support.empty_tables import make_empty
from support.sent import ARRIVED

RULES = Raw()


def records(
    spark: SparkSession, data: Sequence[bytes], *, shard: str = "shardId-0", first: int = 100, aggregated: bool = False
) -> DataFrame:
    """Return a record for each of `data`, numbered from `first`, and after them a receipt, as the source does.

    If `aggregated`, all of them came in one Kinesis record, which has the number `first`.
    """
    places = [(first, index) if aggregated else (first + index, 0) for index in range(len(data))]
    rows: list[tuple[Any, ...]] = [
        (payload, "key", "events", shard, str(number), place, ARRIVED, None, False, None)
        for payload, (number, place) in zip(data, places, strict=True)
    ]
    last = str(places[-1][0])
    count = 1 if aggregated else len(data)
    receipt = ("TRIM_HORIZON", count, len(data), sum(map(len, data)), str(first), last, 0, 2, 0, None)
    rows.append((None, None, "events", shard, last, None, ARRIVED, None, None, receipt))
    return spark.createDataFrame(rows, RECORD).coalesce(1)


def a_hole(spark: SparkSession, hole: str, *, shard: str = "shardId-0") -> DataFrame:
    """Return the receipt of a shard whose records expired unread."""
    receipt = (hole, 0, 0, 0, None, None, 0, 0, 0, hole)
    return spark.createDataFrame([(None, None, "events", shard, None, None, None, None, None, receipt)], RECORD)


def write_first_batch(spark: SparkSession, root: str, data: Sequence[bytes], raw: Raw = RULES) -> Totals:
    """Make a lake's tables, write `data`, numbered in their order, as the first batch, and return its totals."""
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root), raw=raw)
    make_empty(spark, root, layout.RAW)
    rows = validate_records(records(spark, data, first=10_000), raw).withColumn("ingested_at", F.lit(ARRIVED))
    writer = RawWriter(settings, make_beginning(spark, settings), "query")
    return writer.write(rows, Batch(batch_id=0, clock=ARRIVED, read_until=ARRIVED)).totals
