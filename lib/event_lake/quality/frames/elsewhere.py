"""The events whose event_uuid is elsewhere, too: on another date, under another type, or in another partition."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import reduce
from math import ceil

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.frames.arrivals import is_arrived_in, key, measured_type, place
from event_lake.quality.metric import Metric

# So many hashes are looked up at a time: some 150 MB of memory.
_MOST_LOOKED_UP = 2_000_000


def candidates(arrived: DataFrame, staged: DataFrame, total: int) -> DataFrame:
    """The rows of `staged` (event_uuid, date, true_event_type) whose event_uuid `arrivals` have elsewhere.

    That is on another date or under another type. By hashes of 64 bits, which are small to hand to each task, so a row
    may be there by chance. `total` is how many `arrivals` there are.
    """
    parts = max(1, ceil(total / _MOST_LOOKED_UP))
    keys, own = arrived.select("key", "place"), staged.select("event_uuid", "date", "true_event_type")
    is_elsewhere = place() != F.col("place")
    found = [
        own.withColumn("key", key())
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
