"""Make a batch's rows of the ledger, which count what became of the records that it read from each shard."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.errors import DataLossError
from event_lake.lake.ledger import Totals
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw.event_types import EventTypes
from event_lake.raw.fingerprint import fingerprint_columns, merge_columns
from event_lake.raw.parse import created_datetime

# The ledger's columns whose values come from a receipt, and the receipt's names for them.
_OF_RECEIPT = {
    "start": "start",
    "first_sequence_number": "first_sequence_number",
    "last_sequence_number": "last_sequence_number",
    "read": "user_records",
    "bytes": "bytes",
    "lag_ms": "millis_behind",
    "hole": "hole",
}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of the query, as the offset log and the checkpoint describe it.

    - `batch_id` is its number in the lake. `clock` is its time, which its rows have as `ingested_at`.
    - `read_until`: the batch read all shards at least up to this arrival time.
    - `begins`: it's the first batch of its checkpoint.
    - `positions` has a position for each shard: where the batch ends in it, and for a batch that `begins`
      `Beginning.first_positions`.
    - `holes` says by shard which records had expired unread before its checkpoint began.
    - `expected` are the shards of which it reads something, so that a receipt must come.
    - `may_repeat`: an earlier run may have begun to write it.
    """

    batch_id: int
    clock: datetime
    read_until: datetime | None = None
    begins: bool = False
    positions: Mapping[str, str] = field(default_factory=dict)
    holes: Mapping[str, str] = field(default_factory=dict)
    expected: Collection[str] = ()
    may_repeat: bool = True


def sum_batch(rows: DataFrame, types: EventTypes, dedup_on: str, *, most: int) -> DataFrame:
    """Return the sums of the deduplicated `rows`: a row for each shard, and rows for pairs of date and event type.

    A shard's row (`is_shard`) has the receipt, the numbers of events (`raw`) and of other records (`quarantined`),
    and the fingerprint of the events by `dedup_on`.

    A pair's row has the number of its events, `raw`. `is_new` says that its type has no partition of its own yet. Types
    that can't get one any more have no rows. There are at most `most` rows of new types, and as many of the others: the
    pairs with the most events, by date and type if they have as many. Each row says how many `pairs` of its sort there
    were, and how many `events` these have.
    """
    event_type = types.candidate(F.substring_index("event_name", ":", 1))
    # The second sums are of these, so each of the many rows is looked at once. A receipt is the only row of its group.
    groups = rows.groupBy(
        "stream",
        "shard_id",
        "receipt",
        F.when(F.col("is_event"), F.to_date(created_datetime())).alias("date"),
        F.when(F.col("is_event"), event_type).alias("event_type"),
    ).agg(
        F.count_if("is_event").alias("raw"),
        F.count_if(F.expr("not is_event and receipt is null")).alias("quarantined"),
        *fingerprint_columns(dedup_on, F.col("is_event")),
    )
    # One task: if an executor is lost, several tasks could use different computations of the rows.
    sums = _sum_twice(groups.coalesce(1))
    is_new = F.when(F.col("event_type").isNotNull(), ~types.is_own(F.col("event_type")))
    by_size = Window.partitionBy("is_new").orderBy(F.desc("raw"), "date", "event_type")
    whole = by_size.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    ranked = sums.withColumn("is_new", is_new).withColumns(
        {
            "rank": F.row_number().over(by_size),
            "pairs": F.count("*").over(whole),
            "events": F.sum("raw").over(whole),
        }
    )
    return ranked.where(F.col("is_shard") | (F.col("rank") <= most))


def _sum_twice(groups: DataFrame) -> DataFrame:
    """Return the sums of the groups by shard, and those by date and event type, in one frame.

    `DataFrame.groupingSets` would do that too, but with another exchange between tasks.
    """
    shard, pair = ["stream", "shard_id"], ["date", "event_type"]
    keys = [
        F.struct(
            F.lit(own is shard).alias("is_shard"),
            *((F.col(name) if name in own else F.lit(None)).alias(name) for name in shard + pair),
        )
        for own in (shard, pair)
    ]
    sums = (
        groups.withColumn("key", F.explode(F.array(*keys)))
        .where("key.is_shard or key.event_type is not null")
        .groupBy("key")
    )
    merged = sums.agg(
        F.max("receipt").alias("receipt"),
        F.sum("raw").alias("raw"),
        F.sum("quarantined").alias("quarantined"),
        *merge_columns(),
    )
    return merged.select("key.*", *merged.columns[1:])


def refuse_missing(sums: Iterable[Row], batch: Batch) -> None:
    """Raise DataLossError if a shard that the batch reads has no receipt in `sums`, the shards' rows of `sum_batch`."""
    shards_with_receipt = {row.shard_id for row in sums if row.receipt is not None}
    if missing := sorted(set(batch.expected) - shards_with_receipt):
        raise DataLossError(
            f"batch {batch.batch_id}: of {', '.join(missing)} no receipt came, so what was read there was dropped on"
            f" the way; nothing is written. Start again; if that doesn't help: {NEW_CHECKPOINT}"
        )


def make_rows(sums: Iterable[Row], stream: str, batch: Batch) -> list[dict[str, Any]]:
    """Return the batch's rows of the ledger (`schemas.LEDGER`), made of `sums`, the shards' rows of `sum_batch`.

    In the first batch of a checkpoint, shards of which nothing was read have a row, too, with only their position. The
    same holds for a batch that read nothing at all, but for closed shards. An idle query runs such a batch only to move
    `read_until` on, a few times within the stream's retention.
    """
    sums = list(sums)
    read = {row.shard_id for row in sums}
    positions = batch.positions if batch.begins or not sums else {}
    common = {
        "batch_id": batch.batch_id,
        "read_until": batch.read_until,
        "ingested_at": batch.clock,
        "date": batch.clock.date(),
    }
    unread = [
        _make_row(common, stream, shard_id, 0, 0)
        | {"start": position, "read": 0, "duplicates": 0, "bytes": 0, "hole": batch.holes.get(shard_id)}
        for shard_id, position in sorted(positions.items())
        if shard_id not in read and (batch.begins or not position.startswith("CLOSED"))
    ]
    return unread + [_row_of_shard(common, row) for row in sums]


def recount_raw(
    ledger_rows: Sequence[Mapping[str, Any]], raw_counts: Mapping[str | None, int]
) -> Sequence[Mapping[str, Any]]:
    """Return `ledger_rows` with `raw_counts` by shard as `raw`, and `duplicates` to match.

    Of copies of an event in several shards, raw/events may hold another one than was counted: each computation of a
    batch's rows may keep any of them.
    """
    return [_with_raw(row, raw_counts.get(row["shard_id"], 0)) for row in ledger_rows]


def _with_raw(row: Mapping[str, Any], raw: int) -> Mapping[str, Any]:
    return {**row, "raw": raw, "duplicates": row["duplicates"] + row["raw"] - raw}


def _row_of_shard(common: Mapping[str, Any], sums: Row) -> dict[str, Any]:
    row = _make_row(common, sums.stream, sums.shard_id, sums.raw, sums.quarantined)
    if sums.receipt is not None:
        row |= {name: sums.receipt[of_receipt] for name, of_receipt in _OF_RECEIPT.items()}
        row["duplicates"] = row["read"] - sums.raw - sums.quarantined
    return row


def _make_row(
    common: Mapping[str, Any], stream: str, shard_id: str | None, raw: int, quarantined: int
) -> dict[str, Any]:
    unknown = dict.fromkeys([*_OF_RECEIPT, "duplicates"])
    return {**common, **unknown, "stream": stream, "shard_id": shard_id, "raw": raw, "quarantined": quarantined}


def sum_totals(rows: Iterable[Mapping[str, Any]]) -> Totals:
    """Return the sums over `rows` of the ledger."""
    names = [field.name for field in fields(Totals)]
    return sum((Totals(**{name: row[name] for name in names}) for row in rows), Totals())
