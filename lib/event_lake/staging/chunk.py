"""What a step of build_staging takes: rows of some batches of raw/events, and the hours in which they arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake import tables
from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of

# Where an event lies: `date` and `event_type` of its partition.
Place = tuple[date, str]
# So many types are looked for by their names; a producer that puts ids into event_name makes any number of them.
_MOST_TYPES = 1_000


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some rows of raw/events: `events` (`schemas.EVENT`), of one version of the table, however often they're read.

    `rows_in`: how many lie in each partition. `hours`: in which they arrived, and the quarantined records that came
    with them; UTC.
    """

    events: DataFrame
    rows_in: Mapping[Place, int]
    hours: Sequence[datetime]

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self.rows_in.values())

    @property
    def partitions(self) -> Sequence[Place]:
        """Where they lie."""
        return sorted(self.rows_in)

    def between(self, behind: Place | None, upto: Place | None) -> "Chunk":
        """Those in the partitions behind one and up to another, in the order of date and name; None: no bound."""
        if behind is None and upto is None:
            return self
        places = [p for p in self.partitions if (behind is None or p > behind) and (upto is None or p <= upto)]
        events = self.events.where(tables.is_in_partitions(places))
        return replace(self, events=events, rows_in={place: self.rows_in[place] for place in places})

    def end(self, most: float) -> Place | None:
        """The partition up to which there are at most so many rows, or the first one; None: there are no more."""
        rows, end = 0, None
        for place in self.partitions:
            rows += self.rows_in[place]
            if end is not None and rows > most:
                return end
            end = place
        return None


def known_places(chunk: Chunk, most_types: int = _MOST_TYPES) -> Column:
    """Where staging may hold the chunk's events already, in a form by which Spark prunes a table's files.

    Each in its own partition or in `__other__`: its type may have got a partition since, or lost it. Of a date with
    more than `most_types` types in `__other__`: anywhere.
    """
    others = sorted(day for day, event_type in chunk.partitions if event_type == OTHER)
    places = {(day, name) for day, event_type in chunk.partitions for name in (event_type, OTHER)}
    if not others:
        return tables.is_in_partitions(places)
    here = F.col("date").isin(others) & (F.col("event_type") == OTHER)
    types = chunk.events.where(here).select("date", "true_event_type").distinct().limit(most_types + 1).collect()
    if len(types) > most_types:
        return tables.is_in_partitions(places) | F.col("date").isin(others)
    return tables.is_in_partitions(places | {(row.date, row.true_event_type) for row in types})


def make_chunk(events: DataFrame, quarantine: DataFrame) -> Chunk:
    """The chunk of some rows of raw/events, and of raw/quarantine."""
    hour = hour_of().alias("hour")
    nowhere = [F.lit(None).alias(name) for name in ("date", "event_type")]
    told = events.select("date", "event_type", hour).union(quarantine.select(*nowhere, hour))
    found = told.groupBy(*told.columns).count().collect()
    rows_in: dict[Place, int] = {}
    for row in found:
        if row.date is not None:
            place = (row.date, row.event_type)
            rows_in[place] = rows_in.get(place, 0) + row["count"]
    return Chunk(events=events, rows_in=rows_in, hours=sorted({hour_at(row.hour) for row in found}))


def hours_of(events: DataFrame) -> Sequence[datetime]:
    """The hours in which events arrived; UTC."""
    return sorted({hour_at(row.hour) for row in events.select(hour_of().alias("hour")).distinct().collect()})
