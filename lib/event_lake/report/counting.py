"""Count the rows of the lake's tables with Spark, and return the sums as the report's plain values."""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time import MICROSECOND, instant_of, micros_of
from event_lake.quality.catalogue import CHANGES, MEASURES
from event_lake.report.contents import (
    LATENESS,
    PERCENTILES,
    Accepted,
    ArrivalCount,
    Change,
    Count,
    Ingested,
    Measured,
    Refusal,
    Span,
    Violation,
)
from event_lake.report.masking import MOST_READ, make_example

# The map of arrivals has no more than so many units of time.
_MOST_STEPS = 750
_MOST_TYPES, _MOST_MAPPED, _MOST_ROWS = 20, 15, 50


def count_ingested(ledger: DataFrame, span: Span) -> list[Ingested]:
    """Return the ledger's sums for each unit of time from the first to the last batch; 0 in a unit without batches."""
    adds_up = F.coalesce(F.expr("read = raw + quarantined + duplicates"), F.expr("false"))
    nothing = {"read": 0, "raw": 0, "duplicates": 0, "quarantined": 0}
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in nothing]
    rows = (
        ledger.groupBy(_truncate("ingested_at", span).alias("begin"))
        .agg(
            *sums,
            F.max("lag_ms").alias("lag_ms"),
            F.count_if(~adds_up).alias("unbalanced"),
            F.count_if(F.col("hole").isNotNull()).alias("holes"),
        )
        .collect()
    )
    by_begin = {row["begin"]: row.asDict() for row in rows}
    first, last, step = min(by_begin), max(by_begin), span.step // MICROSECOND
    steps = (by_begin.get(begin, nothing) | {"begin": to_instant(begin)} for begin in range(first, last + 1, step))
    return [Ingested(**values) for values in steps]


def count_accepted(events: DataFrame, span: Span) -> Accepted:
    """Count the rows of raw/events by type, arrival and lateness."""
    late = (F.unix_micros("arrived_at") - F.unix_micros("created_datetime")) / 1_000_000
    sums = (
        events.select(late.alias("late"), "arrived_at")
        .agg(
            F.count("*").alias("rows"),
            to_micros(F.max("arrived_at")).alias("newest"),
            F.percentile_approx("late", list(PERCENTILES), 10_000).alias("percentiles"),
            F.array(*count_classes(F.col("late"), [bound for bound, _ in LATENESS])).alias("lateness"),
        )
        .collect()[0]
    )
    begin = _truncate("arrived_at", span).alias("begin")
    counts = events.groupBy(F.col("true_event_type").alias("type"), begin).count()
    counts.persist()
    try:
        by_type = counts.groupBy("type").agg(F.sum("count").alias("count"))
        others = by_type.count() - _MOST_TYPES
        types = [Count(row["type"], row["count"]) for row in _top(by_type, _MOST_TYPES).collect()]
        mapped = [count.name for count in types[:_MOST_MAPPED]]
        oldest = span.end - _MOST_STEPS * span.step
        cells = counts.where(F.col("type").isin(mapped) & (F.col("begin") >= micros_of(oldest))).collect()
    finally:
        counts.unpersist()
    return Accepted(
        rows=sums["rows"],
        types=types,
        others=sums["rows"] - sum(count.count for count in types),
        other_types=max(others, 0),
        arrivals=[ArrivalCount(cell["type"], instant_of(cell["begin"]), cell["count"]) for cell in cells],
        lateness=sums["lateness"] if sums["rows"] else [0] * len(LATENESS),
        percentiles=sums["percentiles"],
        newest_arrival=to_instant(sums["newest"]),
    )


def count_refusals(quarantined: DataFrame) -> list[Refusal]:
    """Count the quarantined records of each reason, and mask the newest record of each as its example."""
    record = F.struct(F.substring("data", 1, MOST_READ).alias("head"), F.octet_length("data").alias("size"))
    rows = quarantined.select(
        F.explode("reasons").alias("reason"),
        record.alias("record"),
        F.struct("ingested_at", "sequence_number", "sub_sequence_number").alias("place"),
    )
    by_reason = rows.groupBy("reason").agg(F.count("*").alias("count"), F.max_by("record", "place").alias("record"))
    return [
        Refusal(
            row["reason"], row["count"], make_example(bytes(row["record"]["head"] or b""), row["record"]["size"] or 0)
        )
        for row in _top(by_reason, _MOST_ROWS).collect()
    ]


def count_conflicts(rows: DataFrame) -> list[Count]:
    """Return the event types with the most conflicts."""
    return [Count(row[0], row["count"]) for row in _top(rows.groupBy("true_event_type").count(), _MOST_TYPES).collect()]


def count_violations(rejected: DataFrame) -> list[Violation]:
    """Return the most frequent reasons for which events break their contracts."""
    broken = rejected.select("event_type", F.explode("reasons").alias("broken")).select("event_type", "broken.*")
    counts = _top(broken.groupBy("event_type", "column", "reason").count(), _MOST_ROWS)
    return [Violation(*row) for row in counts.collect()]


def read_changes(metrics: DataFrame) -> list[Change]:
    """Return the drift in rows of quality/metrics, the worst measure first. Rows of all types together are left out."""
    is_change = [
        (F.col("measure") == measure) & (F.abs("value") > change.beyond) for measure, change in CHANGES.items()
    ]
    drifted = metrics.where(reduce(Column.__or__, is_change) & F.col("event_type").isNotNull())
    counts = drifted.groupBy("measure", "event_type", "subject").agg(
        F.count("*").alias("count"),
        to_micros(F.min("hour")).alias("first"),
        F.max_by("value", F.abs("value")).alias("peak"),
        F.max_by("detail", "hour").alias("detail"),
    )
    rank = F.array_position(F.lit(list(CHANGES)), F.col("measure"))
    rows = counts.orderBy(rank, F.desc("count"), "event_type", "subject").limit(_MOST_ROWS).collect()
    return [
        Change(
            measure=row["measure"],
            event_type=row["event_type"],
            subject=row["subject"],
            first=to_instant(row["first"]),
            hours=row["count"],
            peak=row["peak"],
            detail=row["detail"],
        )
        for row in rows
    ]


def read_measured(metrics: DataFrame) -> list[Measured]:
    """Return the extremes and the newest value of each measure of all types together, by name and subject."""
    unlisted = [measure.name for measure in MEASURES.values() if not measure.is_reported_of_all]
    of_all = metrics.where(F.col("event_type").isNull() & ~F.col("measure").isin(unlisted))
    value = F.col("value")
    extremes = (F.min(value).alias("lowest"), F.max(value).alias("highest"), F.max_by(value, "hour").alias("newest"))
    rows = of_all.groupBy("measure", "subject").agg(*extremes).orderBy("measure", "subject").limit(2 * _MOST_ROWS)
    return [Measured(**row.asDict()) for row in rows.collect()]


def count_classes(value: Column, bounds: Sequence[float]) -> list[Column]:
    """Return for each upper bound a column that counts the values below it and not below the bound before it."""
    return [F.count_if((value >= low) & (value < high)) for low, high in pairwise([float("-inf"), *bounds])]


def _top(counts: DataFrame, most: int) -> DataFrame:
    """Return the rows with the highest counts, in the same order in each run."""
    return counts.orderBy(F.desc("count"), *(name for name in counts.columns if name not in ("count", "record"))).limit(
        most
    )


def _truncate(column: str, span: Span) -> Column:
    """Return the beginning of the unit of time that the instant lies in, in Unix microseconds."""
    return F.unix_micros(F.date_trunc(span.unit, column))


def to_micros(column: Column) -> Column:
    """Return an instant as Unix microseconds, which are the same on a driver of any time zone."""
    return F.unix_micros(column)


def to_instant(micros: int | None) -> Any:
    """Return the UTC instant of Unix microseconds; None for None."""
    return None if micros is None else instant_of(micros)
