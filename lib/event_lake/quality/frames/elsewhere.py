"""The events whose event_uuid is elsewhere, too: on another date, under another type, or in another partition."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import reduce
from math import ceil

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.frames.arrivals import hash_place, hash_uuid, is_arrived_in, measured_type
from event_lake.quality.hour.view import MOST_OTHER_TYPES, Elsewhere

# So many hashes are looked up at a time, which takes some 150 MB of memory.
_MOST_LOOKED_UP = 2_000_000


def select_candidates(arrived: DataFrame, staged: DataFrame, total: int) -> DataFrame:
    """Select the rows of `staged` whose event_uuid is among `arrived`, on another date or under another type.

    `arrived` is of `narrow_arrivals`, and has `total` rows. Return event_uuid, date and true_event_type. Compare hashes
    of 64 bits, which are small to hand to each task: so a row may be there by chance.
    """
    parts = max(1, ceil(total / _MOST_LOOKED_UP))
    keys, own = arrived.select("key", "place"), staged.select("event_uuid", "date", "true_event_type")
    is_elsewhere = hash_place() != F.col("place")
    selected = [
        own.withColumn("key", hash_uuid())
        .join(F.broadcast(keys.where(F.pmod("key", F.lit(parts)) == part)), "key")
        .where(is_elsewhere)
        for part in range(parts)
    ]
    return reduce(DataFrame.union, selected).select(*own.columns).distinct()


def count_elsewhere(
    events: DataFrame, hours: Collection[datetime], candidates: DataFrame, contracts: Collection[str]
) -> DataFrame:
    """Count those of `events` that arrived in `hours` whose event_uuid is elsewhere, too, by hour and type.

    `candidates` are the rows of `select_candidates`; those count that have the event_uuid itself, and another date or
    type. The columns are the fields of `Elsewhere`.
    """
    other = candidates.select(
        "event_uuid",
        F.col("date").alias("other_date"),
        F.col("true_event_type").alias("other_type"),
    )
    of_date, of_type = F.col("date") != F.col("other_date"), F.col("true_event_type") != F.col("other_type")
    uuid = F.col("event_uuid")
    # A producer may send one event_uuid under any number of types.
    by_name = Window.partitionBy("hour", "measured").orderBy(F.col("another").asc_nulls_last())
    is_named = F.col("rank") <= MOST_OTHER_TYPES
    return (
        events.where(is_arrived_in(hours))
        .select(
            hour_of().alias("hour"), measured_type(contracts).alias("measured"), "event_uuid", "date", "true_event_type"
        )
        .join(other, "event_uuid")
        .where(of_date | of_type)
        .withColumn("another", F.when(of_type, F.col("other_type")))
        .withColumn("rank", F.dense_rank().over(by_name))
        .groupBy("hour", F.col("measured").alias("of_type"))
        .agg(
            F.count_distinct("event_uuid").alias("events"),
            F.count_distinct(F.when(of_date, uuid)).alias("of_date"),
            F.count_distinct(F.when(of_type, uuid)).alias("of_event_type"),
            F.array_sort(F.collect_set(F.when(is_named, F.col("another")))).alias("types"),
        )
    )


def count_staged_twice(staged: DataFrame, hours: Collection[datetime]) -> DataFrame:
    """Count the events that `staged` (`schemas.EVENT`) has twice: in their type's partition and in `__other__`.

    By hour and type, if either row arrived in `hours`. Only older versions wrote such rows.
    """
    key = ("date", "true_event_type", "event_uuid")
    other = staged.where(F.col("event_type") == OTHER).select(*key, F.col("arrived_at").alias("other_at"))
    own = staged.where(F.col("event_type") == F.col("true_event_type")).select(*key, "arrived_at")
    either = F.explode(F.array_distinct(F.array(hour_of(), hour_of("other_at"))))
    twice = own.join(other, list(key)).select(either.alias("hour"), F.col("true_event_type").alias("of_type"))
    of_hours = F.col("hour").isin([int(hour.timestamp()) for hour in hours])
    return twice.where(of_hours).groupBy("hour", "of_type").agg(F.count("*").alias("events"))


def group_elsewhere(rows: Iterable[Row], hours: Collection[datetime]) -> dict[datetime, dict[str, Elsewhere]]:
    """Return the rows of `count_elsewhere` by hour and type."""
    by_hour: dict[datetime, dict[str, Elsewhere]] = {hour: {} for hour in hours}
    for row in rows:
        by_hour[hour_at(row.hour)][row.of_type] = Elsewhere(row.events, row.of_date, row.of_event_type, row.types)
    return by_hour


def group_staged_twice(rows: Iterable[Row], hours: Collection[datetime]) -> dict[datetime, dict[str, int]]:
    """Return the rows of `count_staged_twice` by hour and type."""
    by_hour: dict[datetime, dict[str, int]] = {hour: {} for hour in hours}
    for row in rows:
        by_hour[hour_at(row.hour)][row.of_type] = row.events
    return by_hour
