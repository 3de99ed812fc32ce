"""A batch's rows of the ledger: what became of every record that it read from a shard."""

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

# What an entry has of its receipt, by the names of both.
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
    """A micro-batch as the lake knows it: its number, its clock, and the arrival time up to which it read all shards.

    `positions` is where it ends, by shard, and `expected` are the shards of which it reads something. A query `begins`
    with it; `holes` is what had expired unread before that. `may_repeat`: an earlier run may have begun to write it.
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
    """Of each shard what deduplicated `rows` hold: counts, the receipt, and the types that `types` doesn't own.

    And the fingerprint of its events, by `dedup_on`.
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
    # Several tasks could take theirs from two computations of the rows, if an executor is lost between them.
    return sums.coalesce(1)


def refuse_missing(sums: Iterable[Row], batch: Batch) -> None:
    """Raise DataLossError if a shard that the batch reads has no receipt among the rows of `summed`."""
    came = {row.shard_id for row in sums if row.receipt is not None}
    if missing := sorted(set(batch.expected) - came):
        raise DataLossError(
            f"batch {batch.batch_id}: of {', '.join(missing)} no receipt came, so what was read there was dropped on"
            f" the way; nothing is written. Start again; if that doesn't help: {NEW_CHECKPOINT}"
        )


def make_rows(sums: Iterable[Row], stream: str, batch: Batch) -> list[dict[str, Any]]:
    """The ledger's rows (`schemas.LEDGER`) of a batch, from the rows of `summed`.

    Shards of which nothing was read have one with their position alone where the query begins, and where it's idle:
    Spark runs a batch then only for `read_until`, a few in a stream's retention.
    """
    sums = list(sums)
    read = {row.shard_id for row in sums}
    told = batch.positions if batch.begins or not sums else {}
    common = {
        "batch_id": batch.batch_id,
        "read_until": batch.read_until,
        "ingested_at": batch.clock,
        "date": batch.clock.date(),
    }
    standing = [
        _entry(common, stream, shard_id, 0, 0)
        | {"start": position, "read": 0, "duplicates": 0, "bytes": 0, "hole": batch.holes.get(shard_id)}
        for shard_id, position in sorted(told.items())
        if shard_id not in read and (batch.begins or not position.startswith("CLOSED"))
    ]
    return standing + [_of_shard(common, row) for row in sums]


def with_rows_in_raw(
    entered: Sequence[Mapping[str, Any]], raw_rows: Mapping[str | None, int]
) -> Sequence[Mapping[str, Any]]:
    """`entered`, with the rows by shard that raw has of this batch.

    Of copies in several shards it may have another one: each computation of a batch's rows keeps any of them.
    """
    return [_with_raw(row, raw_rows.get(row["shard_id"], 0)) for row in entered]


def _with_raw(row: Mapping[str, Any], raw: int) -> Mapping[str, Any]:
    return {**row, "raw": raw, "duplicates": row["duplicates"] + row["raw"] - raw}


def _of_shard(common: Mapping[str, Any], row: Row) -> dict[str, Any]:
    entry = _entry(common, row.stream, row.shard_id, row.raw, row.quarantined)
    if row.receipt is not None:
        entry |= {name: row.receipt[of_receipt] for name, of_receipt in _OF_RECEIPT.items()}
        entry["duplicates"] = entry["read"] - row.raw - row.quarantined
    return entry


def _entry(common: Mapping[str, Any], stream: str, shard_id: str | None, raw: int, quarantined: int) -> dict[str, Any]:
    unknown = dict.fromkeys([*_OF_RECEIPT, "duplicates"])
    return {**common, **unknown, "stream": stream, "shard_id": shard_id, "raw": raw, "quarantined": quarantined}


def sum_totals(rows: Iterable[Mapping[str, Any]]) -> Totals:
    """The sums over ledger rows."""
    names = [field.name for field in fields(Totals)]
    return sum((Totals(**{name: row[name] for name in names}) for row in rows), Totals())
