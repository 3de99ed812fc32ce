"""What the tables tell a query that begins without its old checkpoint: where to go on, and what not to repeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.errors import DataLossError, UserError
from event_lake.lake import tables
from event_lake.lake.time import instant_of

_BY_BATCH = (tables.RAW_EVENTS, tables.QUARANTINE)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a checkpoint of the raw layer's query began with.

    In all tables `batch_id` is `first_batch` + Spark's own number, so that it grows over a lake's whole life.
    `start_from` is as in `config.Source`; `holes` says by shard what expired unread before it, and `gone` up to where
    those shards were read that aren't there any more. Older batches ingested up to `older_until`, if there were any.
    """

    stream: str
    start_from: str
    dedup_window: timedelta
    dedup_on: str
    shuffle_partitions: str
    first_batch: int = 0
    older_until: datetime | None = None
    holes: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the ledger, as far as it tells up to where a shard was read."""

    start: str | None
    last_sequence_number: str | None
    hole: str | None
    ingested_at: datetime

    @property
    def position(self) -> str | None:
        """The position behind it, as in the offset log; None if it doesn't tell.

        Behind a hole of which nothing was read, that is whatever the shard holds.
        """
        if self.last_sequence_number is None and self.hole is not None:
            return f"TRIM_HORIZON LOST {self.ingested_at.isoformat()}"
        return self.last_sequence_number or self.start


@dataclass(frozen=True)
class Taken:
    """The batches in the ledger: the number of the `last` (-1: none), and when it was ingested."""

    last: int
    ingested_at: datetime | None


def taken(spark: SparkSession, root: str) -> Taken:
    """The batches that are written: the ledger is the last of a batch's tables."""
    row = tables.read(spark, root, tables.LEDGER).agg(F.max("batch_id"), F.max(F.unix_micros("ingested_at"))).first()
    assert row is not None, "a sum over all has a row"
    return Taken(-1, None) if row[0] is None else Taken(row[0], instant_of(row[1]))


def reached(spark: SparkSession, root: str, stream: str) -> tuple[dict[str, str], datetime] | None:
    """Up to where the ledger says that each shard of `stream` was read, and the arrival time up to which all were.

    None if it has no rows of the stream. Raises UserError if it doesn't tell.
    """
    of_stream = tables.read(spark, root, tables.LEDGER).where(F.col("stream") == stream)
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
        entry = Entry(
            start=row.start,
            last_sequence_number=row.last_sequence_number,
            hole=row.hole,
            ingested_at=instant_of(row.ingested_at),
        )
        if entry.position is None or row.read_until is None:
            raise UserError(
                f"{tables.LEDGER.name} doesn't tell up to where {row.shard_id or 'a shard'} was read; a new lake.root"
                " starts afresh"
            )
        positions[row.shard_id] = entry.position
        until.append(row.read_until)
    return positions, instant_of(max(until))


def unfinished(spark: SparkSession, root: str, last: int) -> set[int]:
    """The batch behind the ledger's `last` of which a crash left rows, if any.

    Raises DataLossError if there are several, or rows without a ledger: then the ledger has lost rows.
    """
    numbers = [tables.read(spark, root, table).select("batch_id") for table in _BY_BATCH]
    behind = reduce(DataFrame.union, numbers).where(F.col("batch_id") > last).distinct()
    batches = {row.batch_id for row in behind.collect()}
    # A query's first batch says in the ledger where it began.
    if len(batches) > 1 or (last < 0 and batches - {0}):
        raise DataLossError(
            f"{tables.LEDGER.name} ends with batch {last}, but {' and '.join(t.name for t in _BY_BATCH)} hold"
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


def known(raw_events: DataFrame, beginning: Beginning, clock: datetime) -> DataFrame | None:
    """The events of older batches that a batch at `clock` must not repeat: those that came within the window.

    The checkpoint's own state doesn't know them. None where there can be none. `clock` is the batch's `ingested_at`;
    both columns have statistics, so that little is read.
    """
    edge = clock - beginning.dedup_window
    if beginning.older_until is None or beginning.older_until < edge:
        return None
    is_older = F.col("batch_id") < beginning.first_batch
    return raw_events.where(is_older & (F.col("ingested_at") >= F.lit(edge)))


def without_known(batch: DataFrame, known: DataFrame, dedup_on: str) -> DataFrame:
    """`batch` (`dedupe.without_copies` rows) without the events that `known` has; what is no event passes.

    `dedup_on` as in `config.Raw`. What goes counts as duplicate, as its receipt tells that it was read.
    """
    key = dedup_on.split("+")
    seen = known.select(*(F.col(name).alias(f"known_{name}") for name in key))
    is_seen = F.col("is_event")
    for name in key:
        is_seen &= F.col(name) == F.col(f"known_{name}")
    return batch.join(seen, is_seen, "left_anti")
