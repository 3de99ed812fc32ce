"""What Spark counts for the report: rows of the lake's tables in, plain values out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time import MICROSECOND, instant_of, micros_of
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

_MOST_STEPS = 750
_MOST_TYPES, _MOST_MAPPED, _MOST_ROWS = 20, 15, 50
# What drift is, the worst first.
CHANGES = (
    "changed_field",
    "vanished_field",
    "new_field",
    "vanished_type",
    "new_type",
    "unusual_events",
    "uuid_elsewhere",
)
# Iglewicz and Hoaglin, How to Detect and Handle Outliers: beyond so many deviations a value is labelled an outlier.
_UNUSUAL = 3.5


def count_ingested(ledger: DataFrame, span: Span) -> list[Ingested]:
    """The ledger per unit of time, without gaps."""
    adds_up = F.coalesce(F.expr("read = raw + quarantined + duplicates"), F.expr("false"))
    nothing = {"read": 0, "raw": 0, "duplicates": 0, "quarantined": 0}
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in nothing]
    told = (
        ledger.groupBy(_step("ingested_at", span).alias("begin"))
        .agg(
            *sums,
            F.max("lag_ms").alias("lag_ms"),
            F.count_if(~adds_up).alias("unbalanced"),
            F.count_if(F.col("hole").isNotNull()).alias("holes"),
        )
        .collect()
    )
    known = {row["begin"]: row.asDict() for row in told}
    first, last, step = min(known), max(known), span.step // MICROSECOND
    found = (known.get(begin, nothing) | {"begin": time(begin)} for begin in range(first, last + 1, step))
    return [Ingested(**row) for row in found]


def count_accepted(events: DataFrame, span: Span) -> Accepted:
    """What came into raw/events."""
    late = (F.unix_micros("arrived_at") - F.unix_micros("created_datetime")) / 1_000_000
    told = (
        events.select(late.alias("late"), "arrived_at")
        .agg(
            F.count("*").alias("rows"),
            micros(F.max("arrived_at")).alias("newest"),
            F.percentile_approx("late", list(PERCENTILES), 10_000).alias("percentiles"),
            F.array(*count_classes(F.col("late"), [bound for bound, _ in LATENESS])).alias("lateness"),
        )
        .collect()[0]
    )
    counts = events.groupBy(F.col("true_event_type").alias("type"), _step("arrived_at", span).alias("begin")).count()
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
        rows=told["rows"],
        types=types,
        others=told["rows"] - sum(count.count for count in types),
        other_types=max(others, 0),
        arrivals=[ArrivalCount(cell["type"], instant_of(cell["begin"]), cell["count"]) for cell in cells],
        lateness=told["lateness"] if told["rows"] else [0] * len(LATENESS),
        percentiles=told["percentiles"],
        newest_arrival=time(told["newest"]),
    )


def count_refusals(quarantined: DataFrame) -> list[Refusal]:
    """Each reason with its newest record."""
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
    """The types with the most conflicts."""
    return [Count(row[0], row["count"]) for row in _top(rows.groupBy("true_event_type").count(), _MOST_TYPES).collect()]


def count_violations(rejected: DataFrame) -> list[Violation]:
    """The most frequent reasons for which events break their contracts."""
    broken = rejected.select("event_type", F.explode("reasons").alias("broken")).select("event_type", "broken.*")
    counts = _top(broken.groupBy("event_type", "column", "reason").count(), _MOST_ROWS)
    return [Violation(*row) for row in counts.collect()]


def read_changes(metrics: DataFrame) -> list[Change]:
    """What drifted, of the rows of quality/metrics; of all types together only where none can be named."""
    least = F.when(F.col("measure") == "unusual_events", _UNUSUAL).otherwise(0)
    drifted = metrics.where(
        F.col("measure").isin(*CHANGES) & (F.abs("value") > least) & F.col("event_type").isNotNull()
    )
    counts = drifted.groupBy("measure", "event_type", "subject").agg(
        F.count("*").alias("count"),
        micros(F.min("hour")).alias("first"),
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
            first=time(row["first"]),
            hours=row["count"],
            peak=row["peak"],
            detail=row["detail"],
        )
        for row in rows
    ]


def read_measured(metrics: DataFrame) -> list[Measured]:
    """The measures of all types together, by name and subject."""
    of_all = metrics.where(F.col("event_type").isNull() & (F.col("measure") != "newest_arrival"))
    value = F.col("value")
    extremes = (F.min(value).alias("lowest"), F.max(value).alias("highest"), F.max_by(value, "hour").alias("newest"))
    rows = of_all.groupBy("measure", "subject").agg(*extremes).orderBy("measure", "subject").limit(2 * _MOST_ROWS)
    return [Measured(**row.asDict()) for row in rows.collect()]


def count_classes(value: Column, bounds: Sequence[float]) -> list[Column]:
    """For each upper bound, the number of values below it that aren't below the one before."""
    return [F.count_if((value >= low) & (value < high)) for low, high in pairwise([float("-inf"), *bounds])]


def _top(counts: DataFrame, most: int) -> DataFrame:
    """The rows with the highest counts, in an order that doesn't change from run to run."""
    return counts.orderBy(F.desc("count"), *(name for name in counts.columns if name not in ("count", "record"))).limit(
        most
    )


def _step(column: str, span: Span) -> Column:
    """The beginning of the unit of time, in microseconds."""
    return F.unix_micros(F.date_trunc(span.unit, column))


def micros(column: Column) -> Column:
    """An instant as a number, which is the same on a driver of any time zone."""
    return F.unix_micros(column)


def time(micros: int | None) -> Any:
    """The instant of `micros`, in UTC; None of None."""
    return None if micros is None else instant_of(micros)
