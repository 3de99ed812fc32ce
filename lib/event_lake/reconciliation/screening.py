"""Find the doubtful rows among all rows with Spark, so that `rules` checks only these on the driver."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from event_lake.lake.ledger import LedgerRow
from event_lake.lake.time_columns import is_ingested_in
from event_lake.lake.window import Window
from event_lake.reconciliation.rules import RowsFound, number_of
from event_lake.reconciliation.verdict import ShardSums

_KEY = ("stream", "shard_id", "batch_id")
_ROW = [field.name for field in fields(LedgerRow)]
# Spark's decimals have so many digits at most. It finds the smallest and largest decimal without sorting all rows.
_TAIL_DIGITS = 38
# The driver fetches the doubtful rows in so many parts, and holds one of them at a time.
_PARTS = 16


def _sized(number: str) -> str:
    """Return the SQL by which sequence numbers without leading zeros compare as numbers: first by their length.

    To pad them with zeros would cost three times as much.
    """
    return f"struct(length({number}), {number})"


# True of nearly all rows of the ledger, and cheap; `rules.check_ledger_row` checks the others.
_PLAIN = f"""
    before.batch_id < row.batch_id and row.hole is null and row.raw >= 0 and row.quarantined >= 0
    and (coalesce(row.start, row.first_sequence_number, row.last_sequence_number) is null
        and coalesce(row.read, row.duplicates) is null
      or row.duplicates >= 0 and row.read = try_add(try_add(row.raw, row.quarantined), row.duplicates)
        and row.start = before.last_sequence_number
        and concat_ws(' ', row.start, row.first_sequence_number, row.last_sequence_number)
            rlike '^[1-9][0-9]* [1-9][0-9]* [1-9][0-9]*$'
        and {_sized("row.start")} < {_sized("row.first_sequence_number")}
        and {_sized("row.first_sequence_number")} <= {_sized("row.last_sequence_number")})
"""
_DIFFERS = f"""
    entered = 0 or raw != found_raw or quarantined != found_quarantined
    or first_sequence_number is not null and (unreadable > 0
        or {_sized("first_sequence_number")} > lowest or {_sized("last_sequence_number")} < highest)
"""


@dataclass(frozen=True)
class Overview:
    """An overview of a ledger: the sums of each shard in a window, and of all rows their number and newest batch.

    `newest` is -1 if there is no batch.
    """

    shards: list[ShardSums]
    newest: int
    rows: int


def summarize(ledger: DataFrame, window: Window) -> Overview:
    """Return an overview of the ledger, from one pass over it."""
    is_inside = F.coalesce(is_ingested_in(window), F.lit(False))  # noqa: FBT003 (a literal of Spark's)
    rows = (
        ledger.groupBy("stream", "shard_id")
        .agg(
            F.max("batch_id").alias("newest"),
            F.count("*").alias("all_rows"),
            F.count_if(is_inside).alias("rows"),
            F.min(F.when(is_inside, F.col("batch_id"))).alias("first_batch"),
            F.max(F.when(is_inside, F.col("batch_id"))).alias("last_batch"),
            *(
                F.try_sum(F.when(is_inside, F.col(name))).alias(name)
                for name in ("read", "raw", "quarantined", "duplicates")
            ),
        )
        .collect()
    )
    sums = [ShardSums(**{field.name: row[field.name] for field in fields(ShardSums)}) for row in rows if row.rows]
    newest = max((row.newest for row in rows if row.newest is not None), default=-1)
    sums.sort(key=lambda shard: (shard.stream or "", shard.shard_id or ""))
    return Overview(sums, newest, sum(row.all_rows for row in rows))


def find_doubtful(ledger: DataFrame, window: Window) -> Iterator[tuple[LedgerRow, LedgerRow | None, int | None]]:
    """Yield the arguments of `rules.check_ledger_row` for each row in the window that may have a fault."""
    last = F.col("last_sequence_number")
    last_number = F.when(last.rlike("^[1-9][0-9]*$"), F.expr(_sized("last_sequence_number")))
    earlier = Over.partitionBy("stream", "shard_id").orderBy("batch_id", last.isNotNull(), last)
    linked = ledger.select(
        "ingested_at",
        F.struct(*_ROW).alias("row"),
        F.lag(F.struct(*_ROW)).over(earlier).alias("before"),
        F.max(last_number)
        .over(earlier.rowsBetween(Over.unboundedPreceding, -1))["last_sequence_number"]
        .alias("reached"),
    )
    doubtful = linked.where(is_ingested_in(window)).where(f"not coalesce({_PLAIN}, false)")
    for doubt in doubtful.select("row", "before", "reached").coalesce(_PARTS).toLocalIterator():
        before = LedgerRow(**doubt.before.asDict()) if doubt.before else None
        yield LedgerRow(**doubt.row.asDict()), before, number_of(doubt.reached)


def find_differing(ledger: DataFrame, events: DataFrame, quarantine: DataFrame, window: Window) -> Iterator[RowsFound]:
    """Yield the shards and batches of the window whose rows differ from the ledger, in number or in their range."""
    range_ends = ("first_sequence_number", "last_sequence_number")
    entered = ledger.where(is_ingested_in(window)).select(
        *_KEY, "start", *range_ends, "raw", "quarantined", F.lit(1).alias("entered")
    )
    raw, quarantined = (
        _count_rows(rows.where(is_ingested_in(window)), name)
        for rows, name in ((events, "found_raw"), (quarantine, "found_quarantined"))
    )
    together = entered.unionByName(raw, allowMissingColumns=True).unionByName(quarantined, allowMissingColumns=True)
    counts = ("entered", "raw", "quarantined", "found_raw", "found_quarantined", "unreadable")
    by_batch = together.groupBy(*_KEY).agg(
        *(F.coalesce(F.try_sum(name), F.lit(0)).cast("long").alias(name) for name in counts),
        *(F.max(name).alias(name) for name in ("start", *range_ends, "highest")),
        F.min("lowest").alias("lowest"),
    )
    for row in by_batch.where(f"coalesce({_DIFFERS}, false)").coalesce(_PARTS).toLocalIterator():
        lowest, highest = (end["number"] if end else None for end in (row.lowest, row.highest))
        yield RowsFound(**{**row.asDict(), "lowest": lowest, "highest": highest})


def _count_rows(rows: DataFrame, name: str) -> DataFrame:
    """Count the rows of each shard and batch as column `name`, and find their lowest and highest sequence number.

    The numbers have the form of `_sized`. Spark would have to sort all rows to find the lowest of texts. So their last
    digits are compared as numbers, separately for each beginning; in a stream, all numbers of a shard begin alike.
    """
    head = F.expr(f"left(sequence_number, greatest(length(sequence_number) - {_TAIL_DIGITS}, 0))")
    tail = F.expr(f"try_cast(right(sequence_number, {_TAIL_DIGITS}) as decimal({_TAIL_DIGITS}, 0))")
    by_head = (
        rows.groupBy(*_KEY, head.alias("head"))
        .agg(
            F.count("*").alias(name),
            F.count(tail).alias("readable"),
            F.min(tail).alias("low"),
            F.max(tail).alias("high"),
        )
        .withColumn("is_number", F.expr("head rlike '^([1-9][0-9]*)?$' and low >= 0"))
    )
    unreadable = F.col(name) - F.when(F.col("is_number"), F.col("readable")).otherwise(0)
    ends = (_whole("low").alias("lowest"), _whole("high").alias("highest"))
    return by_head.select(*_KEY, name, unreadable.alias("unreadable"), *ends)


def _whole(tail: str) -> Column:
    digits = F.col(tail).cast("string")
    number = F.when(F.col("head") == "", digits).otherwise(F.concat("head", F.lpad(digits, _TAIL_DIGITS, "0")))
    return F.when(F.col("is_number"), F.struct(F.length(number).alias("digits"), number.alias("number")))
