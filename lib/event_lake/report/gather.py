"""Gather the contents of the quality report from the lake's tables. The driver gets only sums and example records."""

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
# A span up to these lengths is counted per minute and per hour, a longer one per day.
_MOST_MINUTES, _MOST_HOURS = timedelta(hours=6), timedelta(days=31)
_T = TypeVar("_T")


def quality_report(
    spark: SparkSession, settings: Settings, window: Window, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Report:
    """Return the report on the batches of `window`, and only read the lake.

    A window without an end ends with the newest batch; one without a beginning covers the 7 days up to its end. Rows
    are selected by `ingested_at`, whose statistics let Delta skip files, and up to the newest batch in the ledger. So
    all tables are read up to the same batch, even while ingest_raw runs. This costs a dozen Spark jobs. The driver
    holds some thousand sums, and the first `MOST_READ` bytes of one record for each reason.
    """
    root = settings.lake.root
    generated_at = now()
    if not tables.exists(spark, root, layout.LEDGER):
        return Report(generated_at=generated_at, lake=root)
    ledger = tables.read(spark, root, layout.LEDGER)
    span = _find_span(ledger, window)
    if span is None:
        return Report(generated_at=generated_at, lake=root)
    lake = _Lake(spark, root, span)
    quarantined = lake.rows(layout.QUARANTINE)
    metrics = lake.metrics()
    return Report(
        generated_at=generated_at,
        lake=root,
        span=span,
        ingested=counting.count_ingested(lake.rows(layout.LEDGER), span),
        accepted=counting.count_accepted(lake.rows(layout.RAW_EVENTS), span),
        quarantined=quarantined.count(),
        refusals=counting.count_refusals(quarantined),
        staged=lake.count_if_exists(layout.STAGING_EVENTS, DataFrame.count),
        conflicts=lake.count_if_exists(layout.CONFLICTS, counting.count_conflicts),
        violations=lake.count_if_exists(layout.REJECTED, counting.count_violations),
        changes=None if metrics is None else counting.read_changes(metrics),
        measured=None if metrics is None else counting.read_measured(metrics),
        files=list(_count_files(lake)),
    )


@dataclass(frozen=True)
class _Lake:
    """The rows that the lake's tables have from the batches of a span."""

    spark: SparkSession
    root: str
    span: Span

    def rows(self, table: layout.Table) -> DataFrame:
        """Return the table's rows from the span's batches."""
        through_the_last = Window(self.span.begin, self.span.end + MICROSECOND)
        return tables.read(self.spark, self.root, table).where(is_ingested_in(through_the_last))

    def count_if_exists(self, table: layout.Table, count: Callable[[DataFrame], _T]) -> _T | None:
        """Return what `count` returns for the table's rows from the span's batches; None if there is no table."""
        return count(self.rows(table)) if tables.exists(self.spark, self.root, table) else None

    def metrics(self) -> DataFrame | None:
        """Return the quality measures of the hours of arrival in the span; None if there is no table of them."""
        if not tables.exists(self.spark, self.root, layout.METRICS):
            return None
        first = self.span.begin.replace(minute=0, second=0, microsecond=0)
        rows = tables.read(self.spark, self.root, layout.METRICS)
        return self.in_its_dates(rows).where(F.col("hour").between(F.lit(first), F.lit(self.span.end)))

    def in_its_dates(self, rows: DataFrame) -> DataFrame:
        """Return the rows in the partitions of the span's dates."""
        return rows.where(F.col("date").between(F.lit(self.span.begin.date()), F.lit(self.span.end.date())))


def _find_span(ledger: DataFrame, window: Window) -> Span | None:
    """Return the span from the first to the last batch of the window; None if the ledger has none of them."""
    newest = counting.to_instant(ledger.agg(counting.to_micros(F.max("ingested_at"))).collect()[0][0])
    if newest is None:
        return None
    end = window.end or newest + MICROSECOND
    bounded = Window(window.begin or end - _WITHOUT_FLAGS, end)
    ends = (
        ledger.where(is_ingested_in(bounded))
        .agg(counting.to_micros(F.min("ingested_at")), counting.to_micros(F.max("ingested_at")))
        .collect()[0]
    )
    begin, last = counting.to_instant(ends[0]), counting.to_instant(ends[1])
    if begin is None or last is None:
        return None
    length = last - begin
    unit = "minute" if length <= _MOST_MINUTES else "hour" if length <= _MOST_HOURS else "day"
    return Span(begin=begin, end=last, unit=unit, newest_batch=newest)


def _count_files(lake: _Lake) -> Iterator[Files]:
    existing = [table for table in (*layout.RAW, *layout.STAGING) if tables.exists(lake.spark, lake.root, table)]
    sizes = reduce(DataFrame.unionAll, [_recent_files(lake, table) for table in existing])
    by_table = sizes.groupBy("table").agg(
        F.percentile_approx("size", 0.5).alias("median"),
        F.array(*counting.count_classes(F.col("size"), [bound for bound, _ in FILE_SIZES])).alias("sizes"),
    )
    recent = {row["table"]: row for row in by_table.collect()}
    for table in existing:
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
    """Return the sizes of the files in the partitions of the span's dates. Reads the files' footers, and no column."""
    rows = tables.read(lake.spark, lake.root, table)
    if "date" in table.partitioned_by:
        rows = lake.in_its_dates(rows)
    files = rows.select("_metadata.file_path", F.col("_metadata.file_size").alias("size")).distinct()
    return files.select(F.lit(table.name).alias("table"), "size")
