"""What the tables tell a query that begins without its old checkpoint: where to go on, and what was left unfinished."""

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
    """The batches in the ledger: the number of the `last` (-1: none), and when it was ingested."""

    last: int
    ingested_at: datetime | None


def last_committed(spark: SparkSession, root: str) -> LastCommitted:
    """The batches that are written: the ledger is the last of a batch's tables."""
    row = tables.read(spark, root, layout.LEDGER).agg(F.max("batch_id"), F.max(F.unix_micros("ingested_at"))).first()
    assert row is not None, "a sum over all has a row"
    return LastCommitted(-1, None) if row[0] is None else LastCommitted(row[0], instant_of(row[1]))


def positions_reached(spark: SparkSession, root: str, stream: str) -> tuple[dict[str, str], datetime] | None:
    """Up to where the ledger says that each shard of `stream` was read, and the arrival time up to which all were.

    None if it has no rows of the stream. Raises UserError if it doesn't tell.
    """
    of_stream = tables.read(spark, root, layout.LEDGER).where(F.col("stream") == stream)
    newest = of_stream.groupBy("shard_id").agg(
        F.max("read_until").alias("read_until"),
        F.max_by(
            F.struct("start", "last_sequence_number", "hole", F.unix_micros("ingested_at").alias("ingested_at")),
            # A batch may have said of a shard where it began, and what was read of it.
            F.struct("batch_id", F.col("last_sequence_number").isNotNull()),
        ).alias("row"),
    )
    rows = newest.select("shard_id", F.unix_micros("read_until").alias("read_until"), "row.*").collect()
    if not rows:
        return None
    positions, until = {}, []
    for row in rows:
        position = position_behind(row)
        if position is None or row.read_until is None:
            raise UserError(
                f"{layout.LEDGER.name} doesn't tell up to where {row.shard_id or 'a shard'} was read; a new lake.root"
                " starts afresh"
            )
        positions[row.shard_id] = position
        until.append(row.read_until)
    return positions, instant_of(max(until))


def find_unfinished(spark: SparkSession, root: str, last: int) -> set[int]:
    """The batch behind the ledger's `last` of which a crash left rows, if any.

    Raises DataLossError if there are several, or rows without a ledger: then the ledger has lost rows.
    """
    numbers = [tables.read(spark, root, table).select("batch_id") for table in _BY_BATCH]
    behind = reduce(DataFrame.union, numbers).where(F.col("batch_id") > last).distinct()
    batches = {row.batch_id for row in behind.collect()}
    # A query's first batch says in the ledger where it began.
    if len(batches) > 1 or (last < 0 and batches - {0}):
        raise DataLossError(
            f"{layout.LEDGER.name} ends with batch {last}, but {' and '.join(t.name for t in _BY_BATCH)} hold"
            f" {', '.join(map(str, sorted(batches)))}: it has lost rows; restore it, RESTORE TABLE brings an older"
            " version back"
        )
    return batches


def delete_unfinished(spark: SparkSession, root: str, last: int) -> None:
    """Delete what a crash left of the batch behind the ledger's `last`: it will be read again.

    A file holds rows of one batch only, so whole files go, and their statistics say which.
    """
    for table in _BY_BATCH:
        spark.sql(f"delete from delta.`{table.path(root)}` where batch_id > {last}")  # noqa: S608 (a number)


def position_behind(row: Row) -> str | None:
    """Return the position behind a ledger row, as in the offset log; None if the row doesn't tell.

    Behind a hole of which nothing was read, that is whatever the shard holds.
    """
    if row.last_sequence_number is None and row.hole is not None:
        return f"TRIM_HORIZON LOST {instant_of(row.ingested_at).isoformat()}"
    position: str | None = row.last_sequence_number or row.start
    return position
