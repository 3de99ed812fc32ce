"""What was refused in some hours, counted of four tables."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake import layout
from event_lake.lake.layout import Table
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.frames.arrivals import is_arrived_in, measured_type
from event_lake.quality.hour.refused import OfHour, Refused

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


def group_refusals(rows: Sequence[Row], hours: Collection[datetime]) -> Refused:
    """What was refused in `hours`, of the rows of `count_refusals`."""
    found = {hour: OfHour() for hour in hours}
    for row in rows:
        of_hour = found.get(hour_at(row.hour))
        if of_hour:
            _add(of_hour, row)
    until = max((row.until for row in rows if row.until is not None), default=None)
    return Refused(found, None if until is None else hour_at(until))


def _add(of_hour: OfHour, row: Row) -> None:
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
