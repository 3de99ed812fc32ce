"""A batch that an earlier run has begun to write, and its repetition: whether both come to the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake.errors import UserError
from event_lake.lake import layout
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw.dedupe import event_key, record_key


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of one table: it `holds` so many records of the batch that the repetition wouldn't write, and `lacks` others."""

    table: layout.Table
    holds: int
    lacks: int

    def __str__(self) -> str:
        return f"{self.table.name} holds {self.holds:,} records that wouldn't be there, and lacks {self.lacks:,}"


def find_differences(rows: DataFrame, held: Mapping[layout.Table, DataFrame], dedup_on: str) -> Iterator[Difference]:
    """How what the tables of the raw layer hold of a batch differs from what its repetition would write there.

    `rows` are the repetition's (`dedupe.drop_duplicates`), `held` the batch's rows in raw/events and raw/quarantine. A
    table that has none of them is still to be written. They are compared by their keys for `dedup_on` (`config.Raw`),
    over all shards: of copies of an event in several shards a repetition may keep another one.
    """
    keys = {
        layout.RAW_EVENTS: (rows.where("is_event"), event_key(dedup_on)),
        layout.QUARANTINE: (rows.where("not is_event and receipt is null"), record_key()),
    }
    for table, found in held.items():
        new, key = keys[table]
        marked = new.select(key.alias("key"), F.lit(1).alias("new"), F.lit(0).alias("held")).union(
            found.select(key.alias("key"), F.lit(0).alias("new"), F.lit(1).alias("held"))
        )
        sums = marked.groupBy("key").agg(F.sum("new").alias("new"), F.sum("held").alias("held"))
        [counts] = sums.select(
            F.count_if(F.expr("held > 0")).alias("held"),
            F.count_if(F.expr("held > new")).alias("holds"),
            F.count_if(F.expr("new > held")).alias("lacks"),
        ).collect()
        if counts.held and (counts.holds or counts.lacks):
            yield Difference(table=table, holds=counts.holds, lacks=counts.lacks)


def refuse_other(batch_id: int, found: Sequence[Difference], changed: Sequence[str]) -> None:
    """Raise UserError if anything differs; `changed` says how the rules did (`rules.changes`)."""
    if not found:
        return
    why = "; ".join(changed) or "no rule has changed since: somebody changed the table"
    raise UserError(
        f"an earlier run has begun to write batch {batch_id}, and this one would write it otherwise:"
        f" {', '.join(map(str, found))}. Changed since: {why}. Nothing was written: put that back until the batch is"
        f" finished, or let it be read again by the rules of now: {NEW_CHECKPOINT}"
    )
