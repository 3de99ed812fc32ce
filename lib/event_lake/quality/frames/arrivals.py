"""The events that arrived in some hours: how many, and how late."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import reduce
from math import log

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.hour.arrived import Arrivals, EventCounts
from event_lake.quality.hour.percentiles import GROWTH, LEAST

_HOUR = timedelta(hours=1)


def is_arrived_in(hours: Collection[datetime]) -> Column:
    """Return the condition that `arrived_at` lies in one of the hours, in a form by which Delta prunes files."""
    runs: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        begin = runs.pop()[0] if runs and runs[-1][1] == hour else hour
        runs.append((begin, hour + _HOUR))
    spans = [(F.col("arrived_at") >= F.lit(begin)) & (F.col("arrived_at") < F.lit(end)) for begin, end in runs]
    return reduce(Column.__or__, spans)


def measured_type(contracts: Collection[str]) -> Column:
    """Return the type as which an event is measured: its own if that has a partition or a contract, else `OTHER`."""
    is_own = (F.col("event_type") != OTHER) | F.col("true_event_type").isin(*sorted(contracts))
    return F.when(is_own, F.col("true_event_type")).otherwise(OTHER)


def narrow_arrivals(events: DataFrame, hours: Collection[datetime], contracts: Collection[str]) -> DataFrame:
    """Return those of `events` (`schemas.EVENT`) that arrived in `hours`, with the few narrow columns that are counted.

    `key` is the hash of the event_uuid, `place` that of its date and type. `lateness` and `latency` are in seconds, and
    `arrived` in Unix seconds.
    """
    arrived = F.col("arrived_at").cast("double")
    return events.where(is_arrived_in(hours)).select(
        hour_of().alias("hour"),
        measured_type(contracts).alias("event_type"),
        hash_uuid().alias("key"),
        hash_place().alias("place"),
        arrived.alias("arrived"),
        (arrived - F.col("created_datetime").cast("double")).alias("lateness"),
        (F.col("ingested_at").cast("double") - arrived).alias("latency"),
        F.col("event_subtype").isNotNull().alias("has_subtype"),
    )


def count_arrivals(arrived: DataFrame) -> DataFrame:
    """Count the rows of `narrow_arrivals` by hour, type and lateness and, without a type, by hour and latency.

    `late` and `wait` are the buckets of lateness and latency (`hour.percentiles`).
    """
    rows = arrived.withColumns({"late": _bucket_of(F.col("lateness")), "wait": _bucket_of(F.col("latency"))})
    names = ("hour", "event_type", "late", "wait")
    return rows.groupingSets([["hour", "event_type", "late"], ["hour", "wait"]], *names).agg(
        F.count("*").alias("events"),
        F.count_if("has_subtype").alias("subtypes"),
        F.count_if(F.col("lateness") >= 0).alias("in_order"),
        F.max("lateness").alias("latest"),
        F.max("latency").alias("longest"),
        F.max("arrived").alias("newest"),
    )


def hash_uuid() -> Column:
    """Return the 64-bit hash of the event_uuid."""
    return F.xxhash64("event_uuid")


def hash_place() -> Column:
    """Return the 64-bit hash of the date and the type."""
    return F.xxhash64("date", "true_event_type")


def _bucket_of(seconds: Column) -> Column:
    """Return the number of the bucket that `hour.percentiles` describes."""
    size = F.ceil(F.log(F.abs(seconds) / LEAST) / log(GROWTH)).cast("int") + 1
    return F.when(F.abs(seconds) < LEAST, 0).otherwise(size * F.signum(seconds).cast("int"))


def group_arrivals(rows: Iterable[Row], hours: Collection[datetime]) -> dict[datetime, Arrivals]:
    """Return the arrivals of each of `hours`, by the rows of `count_arrivals`."""
    by_hour = {hour: Arrivals() for hour in hours}
    for row in rows:
        arrivals = by_hour[hour_at(row.hour)]
        if row.event_type is None:
            arrivals.waits.add(row.wait, row.events, row.longest)
        else:
            _add(arrivals.in_all, row)
            _add(arrivals.of_types.setdefault(row.event_type, EventCounts()), row)
    return by_hour


def _add(counts: EventCounts, row: Row) -> None:
    counts.events += row.events
    counts.subtypes += row.subtypes
    counts.in_order += row.in_order
    counts.newest = max(counts.newest, row.newest)
    counts.lateness.add(row.late, row.events, row.latest)
