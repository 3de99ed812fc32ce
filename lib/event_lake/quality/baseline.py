"""The time before some hours as quality/metrics tells of it: what is usual, new or gone is held against that."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time_columns import hour_at
from event_lake.quality.hour.before import DAYS, Before, Day, Events
from event_lake.quality.hour.usual import hours_before
from event_lake.quality.measures.payloads import FIELD_PRESENCE, split_types
from event_lake.quality.measures.volume import EVENTS


def read_before(metrics: DataFrame, hours: Collection[datetime]) -> Before:
    """Return what `metrics` (`schemas.METRIC`) knows without `hours`, which are measured anew."""
    return Before(_events(metrics, hours), _days(metrics, hours))


def _events(metrics: DataFrame, hours: Collection[datetime]) -> dict[datetime, Events]:
    """Return the events of the hours that `usual_count` compares `hours` with, and that aren't among them."""
    wanted = sorted({before for hour in hours for before in hours_before(hour)} - set(hours))
    # Each hour on its own: Delta prunes files by the range of a list, which would be all of them.
    of_hours = reduce(Column.__or__, [F.col("hour") == F.lit(hour) for hour in wanted])
    rows = (
        metrics.where(F.col("date").isin(sorted({hour.date() for hour in wanted})) & of_hours)
        .where(F.col("measure") == EVENTS.name)
        .select(F.unix_seconds("hour").alias("hour"), "event_type", "value")
    )
    by_hour: dict[datetime, dict[str | None, float]] = {}
    for row in rows.collect():
        by_hour.setdefault(hour_at(row.hour), {})[row.event_type] = row["value"]
    return dict(by_hour)


def _days(metrics: DataFrame, hours: Collection[datetime]) -> dict[date, dict[str, Day]]:
    """Return the types and fields of the seven days before those of `hours`, without these hours themselves."""
    dates = {hour.date() - timedelta(days=back) for hour in hours for back in range(1, DAYS + 1)}
    rows = (
        metrics.where(F.col("date").isin(sorted(dates)) & ~F.col("hour").isin(sorted(hours)))
        .where(F.col("event_type").isNotNull() & (F.col("value") > 0))
        .where(F.col("measure").isin(EVENTS.name, FIELD_PRESENCE.name))
        .groupBy("date", "event_type", "subject")
        .agg(F.count("*").alias("hours"), F.sum("value").alias("total"), F.collect_set("detail").alias("types"))
    )
    days: dict[date, dict[str, Day]] = {}
    for row in rows.collect():
        day = days.setdefault(row.date, {}).setdefault(row.event_type, Day())
        if row.subject is None:
            day.hours += row.hours
        else:
            day.add(row.subject, row.total, frozenset().union(*map(split_types, row.types)))
    return days
