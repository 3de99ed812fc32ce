"""The events that arrived in some hours: how many, and how late."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import reduce
from math import log

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.hour.arrived import Arrivals, Arrived, Seconds
from event_lake.quality.hour.percentiles import GROWTH, LEAST

_HOUR = timedelta(hours=1)


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
        key().alias("key"),
        place().alias("place"),
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


def key() -> Column:
    """The hash of the event_uuid."""
    return F.xxhash64("event_uuid")


def place() -> Column:
    """The hash of the date and the type."""
    return F.xxhash64("date", "true_event_type")


def bucket_of(seconds: Column) -> Column:
    """The number of the bucket: 0 for less than 1 ms, negative for negative seconds."""
    size = F.ceil(F.log(F.abs(seconds) / LEAST) / log(GROWTH)).cast("int") + 1
    return F.when(F.abs(seconds) < LEAST, 0).otherwise(size * F.signum(seconds).cast("int"))


def group_by_hour(rows: Sequence[Row], hours: Collection[datetime]) -> Arrivals:
    """What came in `hours`, of the rows of `count_arrivals`."""
    of_types: dict[datetime, dict[str, Arrived]] = {hour: {} for hour in hours}
    of_all, waits = {hour: Arrived() for hour in hours}, {hour: Seconds() for hour in hours}
    for row in rows:
        hour = hour_at(row.hour)
        if row.event_type is None:
            waits[hour].add(row.wait, row.events, row.longest)
        else:
            _add(of_types[hour].setdefault(row.event_type, Arrived()), row)
            _add(of_all[hour], row)
    return Arrivals(of_types, of_all, waits)


def _add(arrived: Arrived, row: Row) -> None:
    arrived.events += row.events
    arrived.subtypes += row.subtypes
    arrived.in_order += row.in_order
    arrived.newest = max(arrived.newest, row.newest)
    arrived.lateness.add(row.late, row.events, row.latest)
