"""The events that arrived in some hours: how many, how late, and which of them are elsewhere, too."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from math import ceil

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.histogram import bucket_of, percentile
from event_lake.quality.metric import Metric

_HOUR = timedelta(hours=1)
_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
# So many hashes are looked up at a time: some 150 MB of memory.
_MOST_LOOKED_UP = 2_000_000


def is_arrived_in(hours: Collection[datetime]) -> Column:
    """That `arrived_at` lies in one of the hours, in a form by which Delta prunes files."""
    runs: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        begin = runs.pop()[0] if runs and runs[-1][1] == hour else hour
        runs.append((begin, hour + _HOUR))
    spans = [(F.col("arrived_at") >= F.lit(begin)) & (F.col("arrived_at") < F.lit(end)) for begin, end in runs]
    return reduce(Column.__or__, spans)


def measured_type(contracts: Collection[str]) -> Column:
    """The type as which an event is measured; one for all that have neither a partition of their own nor a contract."""
    is_own = (F.col("event_type") != OTHER) | F.col("true_event_type").isin(*sorted(contracts))
    return F.when(is_own, F.col("true_event_type")).otherwise(OTHER)


def narrow_arrivals(events: DataFrame, hours: Collection[datetime], contracts: Collection[str]) -> DataFrame:
    """The events (`schemas.EVENT`) that arrived in `hours`, in a few narrow columns: what is counted of them.

    `key` is the hash of the event_uuid, `place` that of its date and type; `lateness` and `latency` are in seconds.
    """
    arrived = F.col("arrived_at").cast("double")
    return events.where(is_arrived_in(hours)).select(
        hour_of().alias("hour"),
        measured_type(contracts).alias("event_type"),
        _key().alias("key"),
        _place().alias("place"),
        arrived.alias("arrived"),
        (arrived - F.col("created_datetime").cast("double")).alias("lateness"),
        (F.col("ingested_at").cast("double") - arrived).alias("latency"),
        F.col("event_subtype").isNotNull().alias("has_subtype"),
    )


def count_arrivals(arrived: DataFrame) -> DataFrame:
    """The counts of `arrivals` by hour, type and lateness and, without a type, by hour and latency."""
    rows = arrived.withColumns({"late": bucket_of(F.col("lateness")), "wait": bucket_of(F.col("latency"))})
    names = ("hour", "event_type", "late", "wait")
    return rows.groupingSets([["hour", "event_type", "late"], ["hour", "wait"]], *names).agg(
        F.count("*").alias("events"),
        F.count_if("has_subtype").alias("subtypes"),
        F.count_if(F.col("lateness") >= 0).alias("in_order"),
        F.max("lateness").alias("latest"),
        F.max("latency").alias("longest"),
        F.max("arrived").alias("newest"),
    )


@dataclass
class _Seconds:
    """Of a duration how often it came, by bucket, and the longest."""

    counts: dict[int, int] = field(default_factory=dict)
    longest: float = float("-inf")

    def add(self, number: int, count: int, longest: float) -> None:
        self.counts[number] = self.counts.get(number, 0) + count
        self.longest = max(self.longest, longest)

    def metrics(self, measure: str, event_type: str | None, hour: datetime) -> Iterator[Metric]:
        for name, share in _PERCENTILES.items():
            value = min(percentile(self.counts, share), self.longest)
            yield Metric(measure, event_type, name, hour, round(value, 3))
        yield Metric(measure, event_type, "max", hour, round(self.longest, 6))


@dataclass
class Arrived:
    """The events of one hour, of one type or of all."""

    events: int = 0
    subtypes: int = 0
    in_order: int = 0
    newest: float = float("-inf")
    lateness: _Seconds = field(default_factory=_Seconds)

    def add(self, row: Row) -> None:
        """Count a row of `counted` that has a type."""
        self.events += row.events
        self.subtypes += row.subtypes
        self.in_order += row.in_order
        self.newest = max(self.newest, row.newest)
        self.lateness.add(row.late, row.events, row.latest)

    def metrics(self, event_type: str | None, hour: datetime) -> Iterator[Metric]:
        """Its measures; of an hour without events only that."""
        yield Metric("events", event_type, None, hour, self.events)
        if self.events:
            yield Metric("completeness", event_type, "event_subtype", hour, self.subtypes / self.events)
            yield Metric("created_before_arrival", event_type, None, hour, self.in_order / self.events)
            yield Metric("newest_arrival", event_type, None, hour, self.newest)
            yield from self.lateness.metrics("lateness", event_type, hour)


@dataclass(frozen=True)
class Arrivals:
    """What came in some hours: by hour and type, by hour, and how long it waited for its batch, by hour."""

    of_types: Mapping[datetime, Mapping[str, Arrived]]
    of_all: Mapping[datetime, Arrived]
    waits: Mapping[datetime, _Seconds]

    @staticmethod
    def of(rows: Sequence[Row], hours: Collection[datetime]) -> "Arrivals":
        """Of the rows of `counted`."""
        of_types: dict[datetime, dict[str, Arrived]] = {hour: {} for hour in hours}
        of_all, waits = {hour: Arrived() for hour in hours}, {hour: _Seconds() for hour in hours}
        for row in rows:
            hour = hour_at(row.hour)
            if row.event_type is None:
                waits[hour].add(row.wait, row.events, row.longest)
            else:
                of_types[hour].setdefault(row.event_type, Arrived()).add(row)
                of_all[hour].add(row)
        return Arrivals(of_types, of_all, waits)

    @property
    def total(self) -> int:
        """How many events came in all hours."""
        return sum(arrived.events for arrived in self.of_all.values())

    def events(self, hour: datetime) -> dict[str | None, float]:
        """How many came in the hour, by type; None: of all."""
        arrived: list[tuple[str | None, Arrived]] = [(None, self.of_all[hour]), *self.of_types[hour].items()]
        return {event_type: counts.events for event_type, counts in arrived}

    def metrics(self, hour: datetime) -> Iterator[Metric]:
        """The measures of one hour."""
        yield from self.of_all[hour].metrics(None, hour)
        for event_type, arrived in self.of_types[hour].items():
            yield from arrived.metrics(event_type, hour)
        if self.waits[hour].counts:
            yield from self.waits[hour].metrics("ingest_latency", None, hour)


def candidates(arrived: DataFrame, staged: DataFrame, total: int) -> DataFrame:
    """The rows of `staged` (event_uuid, date, true_event_type) whose event_uuid `arrivals` have elsewhere.

    That is on another date or under another type. By hashes of 64 bits, which are small to hand to each task, so a row
    may be there by chance. `total` is how many `arrivals` there are.
    """
    parts = max(1, ceil(total / _MOST_LOOKED_UP))
    keys, own = arrived.select("key", "place"), staged.select("event_uuid", "date", "true_event_type")
    is_elsewhere = _place() != F.col("place")
    found = [
        own.withColumn("key", _key())
        .join(F.broadcast(keys.where(F.pmod("key", F.lit(parts)) == part)), "key")
        .where(is_elsewhere)
        for part in range(parts)
    ]
    return reduce(DataFrame.union, found).select(*own.columns).distinct()


def elsewhere(
    events: DataFrame, hours: Collection[datetime], found: DataFrame, contracts: Collection[str]
) -> DataFrame:
    """How many of `events` that arrived in `hours` have their event_uuid in `found` (`candidates`), by hour and type.

    Only on other dates or of other types; `of_date` and `of_event_type` count those that differ by it; `types` are the
    other types.
    """
    other = found.select(
        "event_uuid",
        F.col("date").alias("other_date"),
        F.col("true_event_type").alias("other_type"),
    )
    of_date, of_type = F.col("date") != F.col("other_date"), F.col("true_event_type") != F.col("other_type")
    uuid = F.col("event_uuid")
    return (
        events.where(is_arrived_in(hours))
        .select(
            hour_of().alias("hour"), measured_type(contracts).alias("measured"), "event_uuid", "date", "true_event_type"
        )
        .join(other, "event_uuid")
        .where(of_date | of_type)
        .groupBy("hour", F.col("measured").alias("of_type"))
        .agg(
            F.count_distinct("event_uuid").alias("events"),
            F.count_distinct(F.when(of_date, uuid)).alias("of_date"),
            F.count_distinct(F.when(of_type, uuid)).alias("of_event_type"),
            F.array_sort(F.collect_set(F.when(of_type, F.col("other_type")))).alias("types"),
        )
    )


def _key() -> Column:
    return F.xxhash64("event_uuid")


def _place() -> Column:
    return F.xxhash64("date", "true_event_type")


def staged_twice(staged: DataFrame, hours: Collection[datetime]) -> DataFrame:
    """How many events `staged` (`schemas.EVENT`) has twice: in their type's partition and in `__other__`.

    By hour and type; of those of which either row arrived in `hours`. There are none but in what older versions wrote.
    """
    key = ("date", "true_event_type", "event_uuid")
    other = staged.where(F.col("event_type") == OTHER).select(*key, F.col("arrived_at").alias("other_at"))
    own = staged.where(F.col("event_type") == F.col("true_event_type")).select(*key, "arrived_at")
    either = F.explode(F.array_distinct(F.array(hour_of(), hour_of("other_at"))))
    found = own.join(other, list(key)).select(either.alias("hour"), F.col("true_event_type").alias("of_type"))
    of_hours = F.col("hour").isin([int(hour.timestamp()) for hour in hours])
    return found.where(of_hours).groupBy("hour", "of_type").agg(F.count("*").alias("events"))


def elsewhere_metrics(rows: Sequence[Row], hours: Collection[datetime]) -> Iterator[Metric]:
    """The measures of the rows of `elsewhere`; of all types together also where there are none."""
    for hour in hours:
        of_hour = [row for row in rows if hour_at(row.hour) == hour]
        for name, count in (("date", "of_date"), ("event_type", "of_event_type"), (None, "events")):
            yield Metric("uuid_elsewhere", None, name, hour, sum(row[count] for row in of_hour))
            for row in of_hour:
                detail = ", ".join(row.types[:10]) if name == "event_type" else None
                if row[count]:
                    yield Metric("uuid_elsewhere", row.of_type, name, hour, row[count], detail)


def twice_metrics(rows: Sequence[Row], hours: Collection[datetime]) -> Iterator[Metric]:
    """The measures of the rows of `staged_twice`; of all types together also where there are none."""
    for hour in hours:
        of_hour = [row for row in rows if hour_at(row.hour) == hour]
        yield Metric("uuid_elsewhere", None, "partition", hour, sum(row.events for row in of_hour))
        for row in of_hour:
            yield Metric("uuid_elsewhere", row.of_type, "partition", hour, row.events)
