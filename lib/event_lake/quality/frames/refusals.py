"""The records and events of some hours that were refused, counted of four tables."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from event_lake.lake import layout
from event_lake.lake.layout import Table
from event_lake.lake.time_columns import hour_at, hour_of
from event_lake.quality.frames.arrivals import is_arrived_in, measured_type
from event_lake.quality.hour.refused import Refusals

_HOUR = timedelta(hours=1)
# Our clock and Kinesis' may differ by a minute.
_CLOCKS = timedelta(minutes=5)


def count_refusals(
    read: Callable[[Table], DataFrame], hours: Collection[datetime], contracts: Collection[str]
) -> DataFrame:
    """Count the rows of four tables for `hours`, in one frame, and so in one Spark job.

    `kind` is the table. `names` are the reasons of quarantined records, and column and reason of violations; rejected
    events are also counted without names. Of the ledger, `records` are those read, and `others` the duplicates among
    them; its batches count for the hour in which their arrivals end. `until` is the arrival up to which all was read,
    in Unix seconds.
    """
    counts = (
        _count_quarantined(read(layout.QUARANTINE).where(is_arrived_in(hours))),
        _count_conflicts(read(layout.CONFLICTS).where(is_arrived_in(hours)), contracts),
        _count_rejected(read(layout.REJECTED).where(is_arrived_in(hours))),
        _sum_ledger(read(layout.LEDGER), min(hours) - _CLOCKS),
    )
    return reduce(DataFrame.union, counts)


def _count_quarantined(records: DataFrame) -> DataFrame:
    groups = records.groupBy(hour_of().alias("hour"), F.array_sort("reasons").alias("names"))
    return groups.agg(F.count("*").alias("records")).select(_columns("quarantine", names=F.col("names")))


def _count_conflicts(events: DataFrame, contracts: Collection[str]) -> DataFrame:
    groups = events.groupBy(hour_of().alias("hour"), measured_type(contracts).alias("measured"))
    return groups.agg(F.count("*").alias("records")).select(_columns("conflicts", event_type=F.col("measured")))


def _count_rejected(events: DataFrame) -> DataFrame:
    reasons = F.transform("reasons", lambda violation: F.array(violation["column"], violation["reason"]))
    # Without names each event counts once, whatever its reasons.
    names = F.explode(F.concat(F.array(F.lit(None).cast("array<string>")), reasons))
    groups = events.select(hour_of().alias("hour"), "event_type", names.alias("names")).groupBy(
        "hour", "event_type", "names"
    )
    counts = groups.agg(F.count("*").alias("records"))
    return counts.select(_columns("rejected", event_type=F.col("event_type"), names=F.col("names")))


def _sum_ledger(ledger: DataFrame, first: datetime) -> DataFrame:
    """Sum up the batches since `first`; of a row that lacks what was read, or the duplicates, neither counts."""
    rows = ledger.where((F.col("date") >= F.lit(first.date())) & (F.col("ingested_at") >= F.lit(first)))
    ended = F.coalesce("read_until", "ingested_at")
    is_known = F.col("read").isNotNull() & F.col("duplicates").isNotNull()
    groups = rows.withColumn("ended", ended).groupBy(hour_of("ended").alias("hour"))
    sums = groups.agg(
        F.sum(F.when(is_known, F.col("read"))).alias("records"),
        F.sum(F.when(is_known, F.col("duplicates"))).alias("others"),
        F.max(F.col("read_until").cast("double")).alias("until"),
    )
    return sums.select(_columns("ledger", others=F.col("others"), until=F.col("until")))


def _columns(kind: str, **own: Column) -> list[Column]:
    """Return the columns of a table's counts, with what only some tables have from `own`."""
    defaults = {
        "event_type": F.lit(None).cast("string"),
        "names": F.lit(None).cast("array<string>"),
        "records": F.col("records"),
        "others": F.lit(0).cast("long"),
        "until": F.lit(None).cast("double"),
    }
    columns = {"kind": F.lit(kind), "hour": F.col("hour")} | defaults | own
    return [column.alias(name) for name, column in columns.items()]


def group_refusals(rows: Iterable[Row], hours: Collection[datetime]) -> dict[datetime, Refusals]:
    """Return what was refused in each of `hours`, by the rows of `count_refusals`; other hours' rows count for nothing.

    The newest `until` of all rows says which hours are complete.
    """
    rows = list(rows)
    until = max((row.until for row in rows if row.until is not None), default=float("-inf"))
    by_hour = {hour: Refusals(is_complete=until >= (hour + _HOUR).timestamp()) for hour in hours}
    for row in rows:
        refusals = by_hour.get(hour_at(row.hour))
        if refusals:
            _add(refusals, row)
    return by_hour


def _add(refusals: Refusals, row: Row) -> None:
    match row.kind:
        case "quarantine":
            refusals.quarantined[tuple(row.names)] = row.records
        case "conflicts":
            refusals.conflicts[row.event_type] = row.records
        case "rejected" if row.names is None:
            refusals.rejected[row.event_type] = row.records
        case "rejected":
            column, reason = row.names
            refusals.violations.setdefault(row.event_type, {})[column, reason] = row.records
        case "ledger":
            refusals.read, refusals.duplicates = row.records or 0, row.others or 0
