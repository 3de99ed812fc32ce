"""What the quality report tells, counted from the lake's tables: only sums come to the driver, and masked examples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.lake.time import MICROSECOND
from event_lake.lake.time_columns import is_ingested_in
from event_lake.lake.window import Window
from event_lake.report import counting
from event_lake.report.contents import FILE_SIZES, Files, Report, Span

_WITHOUT_FLAGS = timedelta(days=7)
# Up to these lengths a span is told per minute and per hour, beyond them per day.
_MOST_MINUTES, _MOST_HOURS = timedelta(hours=6), timedelta(days=31)
_T = TypeVar("_T")


def quality_report(
    spark: SparkSession, settings: Settings, window: Window, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Report:
    """Tell of the batches of `window`; where it has no beginning, of the 7 days up to its end or the newest batch.

    Only reads. Everything goes by `ingested_at`, whose statistics prune files, and up to the newest batch that the
    ledger knows: so the tables' rows are those that it counts, also while ingest_raw runs. Costs a dozen Spark jobs;
    the driver holds some thousand sums, and for each reason a record's first `MOST_READ` bytes.
    """
    root = settings.lake.root
    made = now()
    if not tables.exists(spark, root, layout.LEDGER):
        return Report(generated_at=made, lake=root)
    ledger = tables.read(spark, root, layout.LEDGER)
    span = _span(ledger, window)
    if span is None:
        return Report(generated_at=made, lake=root)
    lake = _Lake(spark, root, span)
    quarantined = lake.rows(layout.QUARANTINE)
    metrics = lake.metrics()
    return Report(
        generated_at=made,
        lake=root,
        span=span,
        ingested=counting.count_ingested(lake.rows(layout.LEDGER), span),
        accepted=counting.count_accepted(lake.rows(layout.RAW_EVENTS), span),
        quarantined=quarantined.count(),
        refusals=counting.count_refusals(quarantined),
        staged=lake.told(layout.STAGING_EVENTS, DataFrame.count),
        conflicts=lake.told(layout.CONFLICTS, counting.count_conflicts),
        violations=lake.told(layout.REJECTED, counting.count_violations),
        changes=None if metrics is None else counting.read_changes(metrics),
        measured=None if metrics is None else counting.read_measured(metrics),
        files=list(_files(lake)),
    )


@dataclass(frozen=True)
class _Lake:
    """The lake's tables, and what they hold of a span."""

    spark: SparkSession
    root: str
    span: Span

    def rows(self, table: layout.Table) -> DataFrame:
        """Those of the span's batches."""
        through_the_last = Window(self.span.begin, self.span.end + MICROSECOND)
        return tables.read(self.spark, self.root, table).where(is_ingested_in(through_the_last))

    def told(self, table: layout.Table, of: Callable[[DataFrame], _T]) -> _T | None:
        """What `of` makes of the table's rows; None where there's no table."""
        return of(self.rows(table)) if tables.exists(self.spark, self.root, table) else None

    def metrics(self) -> DataFrame | None:
        """The quality measures of the hours of arrival that lie in the span."""
        if not tables.exists(self.spark, self.root, layout.METRICS):
            return None
        first = self.span.begin.replace(minute=0, second=0, microsecond=0)
        rows = tables.read(self.spark, self.root, layout.METRICS)
        return self.of_its_dates(rows).where(F.col("hour").between(F.lit(first), F.lit(self.span.end)))

    def of_its_dates(self, rows: DataFrame) -> DataFrame:
        """Those in the partitions of the span's dates."""
        return rows.where(F.col("date").between(F.lit(self.span.begin.date()), F.lit(self.span.end.date())))


def _span(ledger: DataFrame, window: Window) -> Span | None:
    """The batches of the window that there are; None if there are none."""
    newest = counting.time(ledger.agg(counting.micros(F.max("ingested_at"))).collect()[0][0])
    if newest is None:
        return None
    end = window.end or newest + MICROSECOND
    asked = Window(window.begin or end - _WITHOUT_FLAGS, end)
    ends = (
        ledger.where(is_ingested_in(asked))
        .agg(counting.micros(F.min("ingested_at")), counting.micros(F.max("ingested_at")))
        .collect()[0]
    )
    begin, last = counting.time(ends[0]), counting.time(ends[1])
    if begin is None or last is None:
        return None
    length = last - begin
    unit = "minute" if length <= _MOST_MINUTES else "hour" if length <= _MOST_HOURS else "day"
    return Span(begin=begin, end=last, unit=unit, newest_batch=newest)


def _files(lake: _Lake) -> Iterator[Files]:
    there = [table for table in (*layout.RAW, *layout.STAGING) if tables.exists(lake.spark, lake.root, table)]
    sizes = reduce(DataFrame.unionAll, [_recent_files(lake, table) for table in there])
    told = sizes.groupBy("table").agg(
        F.percentile_approx("size", 0.5).alias("median"),
        F.array(*counting.count_classes(F.col("size"), [bound for bound, _ in FILE_SIZES])).alias("sizes"),
    )
    recent = {row["table"]: row for row in told.collect()}
    for table in there:
        whole = lake.spark.sql(f"DESCRIBE DETAIL delta.`{table.path(lake.root)}`").collect()[0]
        row = recent.get(table.name)
        yield Files(
            table=table.name,
            files=whole["numFiles"],
            bytes=whole["sizeInBytes"],
            sizes=row["sizes"] if row else [0] * len(FILE_SIZES),
            median=row["median"] if row else None,
        )


def _recent_files(lake: _Lake, table: layout.Table) -> DataFrame:
    """The files of the partitions that lie in the span: their footers are read, no column."""
    rows = tables.read(lake.spark, lake.root, table)
    if "date" in table.partitioned_by:
        rows = lake.of_its_dates(rows)
    files = rows.select("_metadata.file_path", F.col("_metadata.file_size").alias("size")).distinct()
    return files.select(F.lit(table.name).alias("table"), "size")
