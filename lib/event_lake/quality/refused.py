"""What isn't in the lake as it was sent: quarantined, dropped as a copy, in conflict, against its contract."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from event_lake.events.reasons import Problem, reason_names
from event_lake.events.rules import FIELDS
from event_lake.lake import layout
from event_lake.lake.layout import Table
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.arrivals import Arrivals, is_arrived_in, measured_type
from event_lake.quality.metric import Metric

_UNREADABLE = reason_names(Problem.UNREADABLE)
_MISSING = {name: reason_names(Problem.MISSING, name) for name in FIELDS}
_WRONG = {name: reason_names(Problem.WRONG, name) for name in FIELDS}
_HOUR = timedelta(hours=1)
# Our clock and Kinesis' may differ by a minute.
_CLOCKS = timedelta(minutes=5)


def count_refusals(
    read: Callable[[Table], DataFrame], hours: Collection[datetime], contracts: Collection[str]
) -> DataFrame:
    """The counts of four tables for `hours`, in one frame, and so in one Spark job.

    `kind` is the table; `names` the reasons, or column and reason; `others` the duplicates of the ledger's `records`;
    `until` the arrival up to which all was read, in Unix seconds. The ledger's batches are of the hour in which their
    arrivals end.
    """
    here = is_arrived_in(hours)
    no_type, no_names = F.lit(None).cast("string"), F.lit(None).cast("array<string>")
    none, nothing = F.lit(0).cast("long"), F.lit(None).cast("double")
    said = F.explode(F.concat(F.array(no_names), F.transform("reasons", lambda r: F.array(r["column"], r["reason"]))))
    ended = F.coalesce("read_until", "ingested_at")
    first = min(hours) - _CLOCKS
    return (
        read(layout.QUARANTINE)
        .where(here)
        .groupBy(hour_of().alias("hour"), F.array_sort("reasons").alias("names"))
        .agg(F.count("*").alias("records"))
        .select(
            F.lit("quarantine").alias("kind"),
            "hour",
            no_type.alias("event_type"),
            "names",
            "records",
            none.alias("others"),
            nothing.alias("until"),
        )
        .union(
            read(layout.CONFLICTS)
            .where(here)
            .groupBy(hour_of().alias("hour"), measured_type(contracts).alias("measured"))
            .agg(F.count("*").alias("records"))
            .select(F.lit("conflicts"), "hour", "measured", no_names, "records", none, nothing)
        )
        .union(
            read(layout.REJECTED)
            .where(here)
            .select(hour_of().alias("hour"), "event_type", said.alias("names"))
            .groupBy("hour", "event_type", "names")
            .agg(F.count("*").alias("records"))
            .select(F.lit("rejected"), "hour", "event_type", "names", "records", none, nothing)
        )
        .union(
            read(layout.LEDGER)
            .where((F.col("date") >= F.lit(first.date())) & (F.col("ingested_at") >= F.lit(first)))
            .withColumn("ended", ended)
            .groupBy(hour_of("ended").alias("hour"))
            .agg(
                F.sum(F.when(F.col("duplicates").isNotNull(), F.col("read"))).alias("records"),
                F.sum("duplicates").alias("others"),
                F.max(F.col("read_until").cast("double")).alias("until"),
            )
            .select(F.lit("ledger"), "hour", no_type, no_names, "records", "others", "until")
        )
    )


@dataclass
class _OfHour:
    """What was refused in one hour; quarantined records by all their reasons."""

    quarantined: dict[tuple[str, ...], int] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, dict[tuple[str | None, str] | None, int]] = field(default_factory=dict)
    read: int = 0
    duplicates: int = 0

    def count(self, holds: Collection[str]) -> int:
        """How many quarantined records have one of these reasons."""
        return sum(count for reasons, count in self.quarantined.items() if not set(holds).isdisjoint(reasons))


@dataclass(frozen=True)
class Refused:
    """What was refused, by hour; all that arrived before `until` was read, as far as the ledger knows."""

    hours: Mapping[datetime, _OfHour]
    until: datetime | None

    @staticmethod
    def of(rows: Sequence[Row], hours: Collection[datetime]) -> "Refused":
        """Of the rows of `refusals`."""
        found = {hour: _OfHour() for hour in hours}
        for row in rows:
            of_hour = found.get(hour_at(row.hour))
            if of_hour:
                _add(of_hour, row)
        until = max((row.until for row in rows if row.until is not None), default=None)
        return Refused(found, None if until is None else hour_at(until))

    def is_complete(self, hour: datetime) -> bool:
        """Whether nothing can arrive in the hour any more."""
        return self.until is not None and self.until >= hour + _HOUR

    def metrics(self, hour: datetime, arrived: Arrivals, contracts: Collection[str]) -> Iterator[Metric]:
        """The measures of one hour; none where nothing came. `contracts` are the types that have one."""
        of_hour, events = self.hours[hour], arrived.of_all[hour].events
        yield from _quarantined(hour, of_hour, events)
        yield from _of_fields(hour, of_hour, events)
        if of_hour.read:
            yield Metric("duplicates", None, None, hour, of_hour.duplicates / of_hour.read)
        if events:
            yield Metric("conflicts", None, None, hour, sum(of_hour.conflicts.values()) / events)
        for name, came in arrived.of_types[hour].items():
            yield Metric("conflicts", name, None, hour, of_hour.conflicts.get(name, 0) / came.events)
            rejected = of_hour.rejected.get(name, {})
            if name in contracts:
                rejected = {None: 0, **rejected}
            for said, count in rejected.items():
                column, reason = (None, None) if said is None else (said[0] or "payload", said[1])
                yield Metric("contract_violations", name, column, hour, count / came.events, reason)


def _add(of_hour: _OfHour, row: Row) -> None:
    match row.kind:
        case "quarantine":
            of_hour.quarantined[tuple(row.names)] = row.records
        case "conflicts":
            of_hour.conflicts[row.event_type] = row.records
        case "rejected":
            said = None if row.names is None else (row.names[0], row.names[1])
            of_hour.rejected.setdefault(row.event_type, {})[said] = row.records
        case "ledger":
            of_hour.read, of_hour.duplicates = row.records or 0, row.others or 0


def _quarantined(hour: datetime, of_hour: _OfHour, events: int) -> Iterator[Metric]:
    bad = sum(of_hour.quarantined.values())
    if events + bad:
        yield Metric("quarantined", None, None, hour, bad / (events + bad))
    for reason in sorted({reason for reasons in of_hour.quarantined for reason in reasons}):
        yield Metric("quarantined", None, reason, hour, of_hour.count({reason}) / (events + bad))


def _of_fields(hour: datetime, of_hour: _OfHour, events: int) -> Iterator[Metric]:
    objects = events + sum(of_hour.quarantined.values()) - of_hour.count(_UNREADABLE)
    for name in FIELDS:
        having = objects - of_hour.count(_MISSING[name])
        if objects:
            yield Metric("completeness", None, name, hour, having / objects)
        if having:
            yield Metric("valid_format", None, name, hour, 1 - of_hour.count(_WRONG[name]) / having)
