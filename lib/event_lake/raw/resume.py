"""Find in the tables at which positions a query without its old checkpoint resumes, and delete an unfinished batch."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout, tables
from event_lake.lake.time import instant_of

_BY_BATCH = (layout.RAW_EVENTS, layout.QUARANTINE)


@dataclass(frozen=True)
class LastCommitted:
    """The last batch in the ledger: its number in the lake, -1 if the ledger has none, and its `ingested_at`."""

    last: int
    ingested_at: datetime | None


def last_committed(spark: SparkSession, root: str) -> LastCommitted:
    """Return the last batch that is written. The ledger is written last, so a batch in it is in all tables.

    Only the ledger's files of the newest `date` are read, which is the date of `ingested_at`.
    """
    ledger = tables.read(spark, root, layout.LEDGER)
    # Delta's log answers this alone. It has no exact bounds of timestamps, so it can't answer the rest.
    [(last, day)] = ledger.agg(F.max("batch_id"), F.max("date")).collect()
    if last is None:
        return LastCommitted(-1, None)
    [(at,)] = ledger.where(F.col("date").eqNullSafe(F.lit(day))).agg(F.max(F.unix_micros("ingested_at"))).collect()
    return LastCommitted(last, instant_of(at))


def positions_reached(spark: SparkSession, root: str, stream: str) -> tuple[dict[str, str], datetime] | None:
    """Return the ledger's position of each shard of `stream`, and the arrival time up to which all shards were read.

    A position is where the shard's last row ends, in the form of `kinesis.offsets.to_text`. Return None if the ledger
    has no rows of the stream. Raise UserError if a shard's rows lack the position or the time.
    """
    of_stream = tables.read(spark, root, layout.LEDGER).where(F.col("stream") == stream)
    newest = of_stream.groupBy("shard_id").agg(
        F.max("read_until").alias("read_until"),
        F.max_by(
            F.struct("start", "last_sequence_number", "hole", F.unix_micros("ingested_at").alias("ingested_at")),
            # A batch may have two rows of a shard: one with its first position only, and one with what was read.
            F.struct("batch_id", F.col("last_sequence_number").isNotNull()),
        ).alias("row"),
    )
    rows = newest.select("shard_id", F.unix_micros("read_until").alias("read_until"), "row.*").collect()
    if not rows:
        return None
    positions, until = {}, []
    for row in rows:
        position = position_after(row)
        if position is None or row.read_until is None:
            raise UserError(
                f"{layout.LEDGER.name} doesn't tell up to where {row.shard_id or 'a shard'} was read; a new lake.root"
                " starts afresh"
            )
        positions[row.shard_id] = position
        until.append(row.read_until)
    return positions, instant_of(max(until))


def find_unfinished(spark: SparkSession, root: str, last: int) -> set[int]:
    """Return the number of the batch after the ledger's `last`, in a set, if a crash left rows of it. Else it's empty.

    Raise DataLossError if there are several such batches, or if the ledger is empty and there are rows of a later batch
    than 0. Then the ledger has lost rows, as a batch begins only once the ledger has the one before.
    """
    numbers = [tables.read(spark, root, table).select("batch_id") for table in _BY_BATCH]
    after = reduce(DataFrame.union, numbers).where(F.col("batch_id") > last).distinct()
    batches = {row.batch_id for row in after.collect()}
    # The first batch always has rows in the ledger: the positions at which the query began.
    if len(batches) > 1 or (last < 0 and batches - {0}):
        raise DataLossError(
            f"{layout.LEDGER.name} ends with batch {last}, but {' and '.join(t.name for t in _BY_BATCH)} hold"
            f" {', '.join(map(str, sorted(batches)))}: it has lost rows; restore it, RESTORE TABLE brings an older"
            " version back"
        )
    return batches


def delete_unfinished(spark: SparkSession, root: str, last: int) -> None:
    """Delete the rows that a crash left of the batch after the ledger's `last`, which will be read again.

    A file holds rows of one batch only, so whole files are deleted, and Delta's statistics of `batch_id` tell which.
    """
    for table in _BY_BATCH:
        spark.sql(f"delete from delta.`{table.path(root)}` where batch_id > {last}")  # noqa: S608 (a number)


def position_after(row: Row) -> str | None:
    """Return the position after a ledger row in `kinesis.offsets.to_text`'s form, or None if the row has none.

    If all that there was to read had expired, it's the position before the oldest record that the shard still holds.
    """
    if row.last_sequence_number is None and row.hole is not None:
        return f"TRIM_HORIZON LOST {instant_of(row.ingested_at).isoformat()}"
    position: str | None = row.last_sequence_number or row.start
    return position
