"""Represent a chunk: the rows of raw/events that one step of build_staging takes, and the hours of their arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake import tables
from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of

# The `date` and `event_type` of a partition of raw/events or staging/events.
Partition = tuple[date, str]
# The most pairs of date and type to look for by name. A producer that puts ids into event_name makes any number of
# them.
_MOST_TYPES = 1_000


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some rows of raw/events.

    `events` has the rows (`schemas.EVENT`) of one version of the table, so each read of it gives the same. `rows_in`
    counts them by partition. `hours` are the UTC hours in which they, and the quarantined records of the same batches,
    arrived.
    """

    events: DataFrame
    rows_in: Mapping[Partition, int]
    hours: Sequence[datetime]

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return sum(self.rows_in.values())

    @property
    def partitions(self) -> Sequence[Partition]:
        """Return the partitions in which the rows lie, in the order of date and type."""
        return sorted(self.rows_in)

    def between(self, behind: Partition | None, upto: Partition | None) -> "Chunk":
        """Return the rows in the partitions after `behind`, up to and with `upto`; None means that there is no bound.

        The hours stay those of the whole chunk.
        """
        if behind is None and upto is None:
            return self
        partitions = [p for p in self.partitions if (behind is None or p > behind) and (upto is None or p <= upto)]
        events = self.events.where(tables.is_in_partitions(partitions))
        return replace(self, events=events, rows_in={partition: self.rows_in[partition] for partition in partitions})

    def end_of_first(self, most_rows: float) -> Partition | None:
        """Return the last partition of a first part with no more than `most_rows` rows, or None if all is one part.

        A part has one partition at least, however many rows that has.
        """
        rows, end = 0, None
        for partition in self.partitions:
            rows += self.rows_in[partition]
            if end is not None and rows > most_rows:
                return end
            end = partition
        return None


def known_places(chunk: Chunk, most_types: int = _MOST_TYPES) -> Column:
    """Return the condition for rows of a staging table that may be versions of the chunk's events.

    A version lies in the partition of the event or in `__other__`, as the event's type may have got a partition since,
    or lost it. If the event is in `__other__`, a version may also lie in the partition of the event's type. If there
    are more than `most_types` pairs of date and type in `__other__`, all partitions of these dates are looked through.
    The condition lets Spark skip the files of all other partitions.
    """
    others = sorted(day for day, event_type in chunk.partitions if event_type == OTHER)
    partitions = {(day, name) for day, event_type in chunk.partitions for name in (event_type, OTHER)}
    if not others:
        return tables.is_in_partitions(partitions)
    is_in_other = F.col("date").isin(others) & (F.col("event_type") == OTHER)
    types = chunk.events.where(is_in_other).select("date", "true_event_type").distinct().limit(most_types + 1).collect()
    if len(types) > most_types:
        return tables.is_in_partitions(partitions) | F.col("date").isin(others)
    return tables.is_in_partitions(partitions | {(row.date, row.true_event_type) for row in types})


def make_chunk(events: DataFrame, quarantine: DataFrame) -> Chunk:
    """Return the chunk of the rows `events` of raw/events; the rows of raw/quarantine only add their hours."""
    hour = hour_of().alias("hour")
    no_partition = [F.lit(None).alias(name) for name in ("date", "event_type")]
    arrivals = events.select("date", "event_type", hour).union(quarantine.select(*no_partition, hour))
    counts = arrivals.groupBy(*arrivals.columns).count().collect()
    rows_in: dict[Partition, int] = {}
    for row in counts:
        if row.date is not None:
            partition = (row.date, row.event_type)
            rows_in[partition] = rows_in.get(partition, 0) + row["count"]
    return Chunk(events=events, rows_in=rows_in, hours=sorted({hour_at(row.hour) for row in counts}))


def hours_of(events: DataFrame) -> Sequence[datetime]:
    """Return the UTC hours in which `events` arrived."""
    return sorted({hour_at(row.hour) for row in events.select(hour_of().alias("hour")).distinct().collect()})
