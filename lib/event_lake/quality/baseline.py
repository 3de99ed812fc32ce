"""What quality/metrics says of the time before: from it comes what is usual, and what is new."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time_columns import hour_at
from event_lake.quality.hour import expected, usual
from event_lake.quality.hour.before import Before, Events
from event_lake.quality.hour.expected import Day, types_in


def read_before(metrics: DataFrame, hours: Collection[datetime]) -> Before:
    """What the table knows without `hours`, which are measured anew."""
    return Before(_events(metrics, hours), _days(metrics, hours))


def _events(metrics: DataFrame, hours: Collection[datetime]) -> dict[datetime, Events]:
    """The events of the hours that `usual.usual_count` compares `hours` with, and that aren't among them."""
    wanted = sorted({before for hour in hours for before in usual.hours_before(hour)} - set(hours))
    # Each hour on its own: Delta prunes files by the range of a list, which would be all of them.
    of_hours = reduce(Column.__or__, [F.col("hour") == F.lit(hour) for hour in wanted])
    rows = (
        metrics.where(F.col("date").isin(sorted({hour.date() for hour in wanted})) & of_hours)
        .where("measure = 'events'")
        .select(F.unix_seconds("hour").alias("hour"), "event_type", "value")
    )
    found: dict[datetime, dict[str | None, float]] = {}
    for row in rows.collect():
        found.setdefault(hour_at(row.hour), {})[row.event_type] = row["value"]
    return dict(found)


def _days(metrics: DataFrame, hours: Collection[datetime]) -> dict[date, dict[str, Day]]:
    """The types and fields of the days that those of `hours` are compared with, without these hours themselves."""
    dates = {hour.date() - timedelta(days=back) for hour in hours for back in range(1, expected.DAYS + 1)}
    rows = (
        metrics.where(F.col("date").isin(sorted(dates)) & ~F.col("hour").isin(sorted(hours)))
        .where("event_type is not null and value > 0 and measure in ('events', 'field_presence')")
        .groupBy("date", "event_type", "subject")
        .agg(F.count("*").alias("hours"), F.sum("value").alias("total"), F.collect_set("detail").alias("types"))
    )
    days: dict[date, dict[str, Day]] = {}
    for row in rows.collect():
        day = days.setdefault(row.date, {}).setdefault(row.event_type, Day())
        if row.subject is None:
            day.hours += row.hours
        else:
            day.add(row.subject, row.total, frozenset().union(*map(types_in, row.types)))
    return days
