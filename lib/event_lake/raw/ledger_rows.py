"""Make a batch's rows of the ledger, which count what became of the records that it read from each shard."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from event_lake.errors import DataLossError
from event_lake.lake.ledger import Totals
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw.event_types import EventTypes
from event_lake.raw.fingerprint import fingerprint_columns

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
    - `positions` has the position at which it ends in each shard.
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


def sum_by_shard(rows: DataFrame, types: EventTypes, dedup_on: str) -> DataFrame:
    """Return a row for each shard of the deduplicated `rows`.

    It has the receipt, the numbers of events (`raw`) and of other records (`quarantined`), and the fingerprint of the
    events by `dedup_on`. `types` are the event types that have no partition yet, or null if none can get one any more.
    """
    event_type = F.substring_index("event_name", ":", 1)
    is_new = F.col("is_event") & ~types.is_own(event_type)
    sums = rows.groupBy("stream", "shard_id").agg(
        F.max("receipt").alias("receipt"),
        F.count_if("is_event").alias("raw"),
        F.count_if(F.expr("not is_event and receipt is null")).alias("quarantined"),
        F.lit(None).alias("types") if types.is_full else F.collect_set(F.when(is_new, event_type)).alias("types"),
        *fingerprint_columns(dedup_on, F.col("is_event")),
    )
    # One task: if an executor is lost, several tasks could use different computations of the rows.
    return sums.coalesce(1)


def refuse_missing(sums: Iterable[Row], batch: Batch) -> None:
    """Raise DataLossError if a shard that the batch reads has no receipt in `sums`, the rows of `sum_by_shard`."""
    shards_with_receipt = {row.shard_id for row in sums if row.receipt is not None}
    if missing := sorted(set(batch.expected) - shards_with_receipt):
        raise DataLossError(
            f"batch {batch.batch_id}: of {', '.join(missing)} no receipt came, so what was read there was dropped on"
            f" the way; nothing is written. Start again; if that doesn't help: {NEW_CHECKPOINT}"
        )


def make_rows(sums: Iterable[Row], stream: str, batch: Batch) -> list[dict[str, Any]]:
    """Return the batch's rows of the ledger (`schemas.LEDGER`), made of `sums`, the rows of `sum_by_shard`.

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
