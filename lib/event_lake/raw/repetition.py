"""Compare what an earlier run wrote of a batch with what its repetition would write, and refuse a difference."""

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
    """The difference between the records that a table holds of a batch and those that the repetition would write.

    `extra` records of the table wouldn't be written by the repetition. `missing` records of the repetition aren't in
    the table.
    """

    table: layout.Table
    extra: int
    missing: int

    def __str__(self) -> str:
        return f"{self.table.name} holds {self.extra:,} records that wouldn't be there, and lacks {self.missing:,}"


def find_differences(rows: DataFrame, held: Mapping[layout.Table, DataFrame], dedup_on: str) -> Iterator[Difference]:
    """Yield the differences between a batch's rows in raw/events and raw/quarantine and those of its repetition.

    `rows` are the repetition's (from `dedupe.drop_duplicates`), `held` the batch's rows in the tables. A table without
    a row of the batch doesn't differ, as it is still to be written. Rows are compared by their keys for `dedup_on`
    (`config.Raw.dedup_on`) and not by shard: of copies of an event in several shards a repetition may keep another one.
    """
    keys = {
        layout.RAW_EVENTS: (rows.where("is_event"), event_key(dedup_on)),
        layout.QUARANTINE: (rows.where("not is_event and receipt is null"), record_key()),
    }
    for table, written in held.items():
        new, key = keys[table]
        marked = new.select(key.alias("key"), F.lit(1).alias("new"), F.lit(0).alias("held")).union(
            written.select(key.alias("key"), F.lit(0).alias("new"), F.lit(1).alias("held"))
        )
        sums = marked.groupBy("key").agg(F.sum("new").alias("new"), F.sum("held").alias("held"))
        [counts] = sums.select(
            F.count_if(F.expr("held > 0")).alias("held"),
            F.count_if(F.expr("held > new")).alias("extra"),
            F.count_if(F.expr("new > held")).alias("missing"),
        ).collect()
        if counts.held and (counts.extra or counts.missing):
            yield Difference(table=table, extra=counts.extra, missing=counts.missing)


def refuse_differences(batch_id: int, differences: Sequence[Difference], changed: Sequence[str]) -> None:
    """Raise UserError if there are differences. `changed` are the changed rules (`rules_in_force.describe_changes`)."""
    if not differences:
        return
    why = "; ".join(changed) or "no rule has changed since: somebody changed the table"
    raise UserError(
        f"an earlier run has begun to write batch {batch_id}, and this one would write it otherwise:"
        f" {', '.join(map(str, differences))}. Changed since: {why}. Nothing was written: put that back until the batch"
        f" is finished, or let it be read again by the rules of now: {NEW_CHECKPOINT}"
    )
