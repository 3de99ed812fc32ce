"""Choose the partitions of raw/events that a batch opens: no more than `raw.max_batch_partitions`, and `__other__`s."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER
from event_lake.raw.event_types import EventTypes


@dataclass(frozen=True, kw_only=True)
class BatchPartitions:
    """The partitions of a batch's events.

    The events of `types` lie in the partitions of their dates and types: in all of these, or only in `kept` if the
    batch would open too many. `overflow` says that in words then. All other events lie in `schemas.OTHER` of their
    dates.
    """

    types: EventTypes
    kept: Collection[tuple[date, str]] | None = None
    overflow: str | None = None

    def assign(self, events: DataFrame) -> DataFrame:
        """Return `events` (`schemas.EVENT`) with each one's partition as its `event_type`."""
        event_type = F.col("event_type")
        is_kept = self.types.is_own(event_type) if self.kept is None else _is_one_of(self.kept)
        return events.withColumn("event_type", F.when(is_kept, event_type).otherwise(OTHER))


def choose_partitions(pairs: Sequence[Row], types: EventTypes, most: int) -> BatchPartitions:
    """Return a batch's partitions: at most `most`, and besides them `schemas.OTHER` of each date.

    `pairs` are the rows of `ledger_rows.sum_batch` for pairs of date and event type. If there is no room for all
    partitions, those with the most events are kept. If there is no room for all new types, those whose `pairs` have
    the most events get in, and only types with a partition that is kept.
    """
    ordered = sorted(pairs, key=lambda pair: (-pair.raw, pair.date, pair.event_type))
    new = Counter[str]()
    for pair in ordered:
        if pair.is_new:
            new[pair.event_type] += pair.raw
    all_types = types.add(sorted(new, key=lambda name: (-new[name], name)))
    own = set(all_types.own)
    wanted = [pair for pair in ordered if pair.event_type in own]
    # Each row has the totals of its sort: of the pairs of known types, or of those of new ones.
    sorts = {pair.is_new: pair for pair in pairs}
    if len(wanted) <= most and len(pairs) == sum(pair.pairs for pair in sorts.values()):
        return BatchPartitions(types=all_types)
    kept = wanted[:most]
    opened = {pair.event_type for pair in kept}
    got_in = []
    if all_types.is_full:
        # Most new types have no room, whatever the bound. So the total of new pairs says nothing.
        sorts.pop(True, None)
        got_in = [pair for pair in wanted if pair.is_new]
    found = len(got_in) + sum(pair.pairs for pair in sorts.values())
    events = sum(pair.raw for pair in got_in) + sum(pair.events for pair in sorts.values())
    return BatchPartitions(
        types=types.add(name for name in all_types.own if name in opened),
        kept=frozenset((pair.date, pair.event_type) for pair in kept),
        overflow=_describe(found, most, events - sum(pair.raw for pair in kept)) if found > most else None,
    )


def _describe(found: int, most: int, events: int) -> str:
    return (
        f"its events are of {found:,} pairs of date and event type, more than raw.max_batch_partitions = {most:,};"
        f" {events:,} of them, those of the smallest pairs, go to the partitions {OTHER} of their dates, where queries"
        " by type read more. If that's usual, shorten raw.max_age, list types in raw.event_types, or raise"
        " raw.max_batch_partitions"
    )


def _is_one_of(partitions: Collection[tuple[date, str]]) -> Column:
    # A condition for each date would nest as deep as there are dates.
    name = F.concat(F.col("date").cast("string"), F.lit("/"), F.col("event_type"))
    return name.isin(*(f"{day}/{event_type}" for day, event_type in sorted(partitions)))
