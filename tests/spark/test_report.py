"""What the report counts, from a lake that the pipelines' own writers made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Settings, Source
from event_lake.lake import layout, tables
from event_lake.lake.window import Window
from event_lake.raw.findings import Kind, keep_finding
from event_lake.report.contents import (
    Accepted,
    ArrivalCount,
    Change,
    Count,
    Ingested,
    Measured,
    Report,
    Span,
    Violation,
)
from event_lake.report.gather import quality_report
from event_lake.report.masking import MOST_SHOWN, Example
from support.empty_tables import make_empty
from support.record_frames import write_first_batch
from support.sent import ARRIVED, an_event, with_tokens

NOW = ARRIVED + timedelta(hours=1)
ALL = Window()
LATE = ARRIVED - timedelta(hours=3)


def report_of(spark: SparkSession, root: str, window: Window = ALL) -> Report:
    return quality_report(
        spark, Settings(source=Source(stream="events"), lake=Lake(root=root)), window, now=lambda: NOW
    )


def an_event_of(number: int, **fields: Any) -> bytes:
    return an_event(event_uuid=f"00000000-0000-4000-8000-{number:012}", **fields)


def test_a_lake_without_tables_has_a_report_that_tells_of_nothing(spark: SparkSession, root: str) -> None:
    assert report_of(spark, root) == Report(generated_at=NOW, lake=root)


def test_it_counts_what_the_tables_hold(spark: SparkSession, root: str) -> None:
    data = [
        *(an_event_of(number) for number in range(3)),
        an_event_of(3, event_name="payment:done", created_at=LATE.timestamp()),
        b"\xff" * 5_000,
        b'{"event_uuid": "Secret-1"}',
        with_tokens(created_at='"soon"'),
    ]
    write_first_batch(spark, root, data)
    stage(spark, root)

    report = report_of(spark, root)

    assert report.span == Span(begin=ARRIVED, end=ARRIVED, unit="minute", newest_batch=ARRIVED)
    assert report.ingested == [Ingested(begin=ARRIVED, read=7, raw=4, duplicates=0, quarantined=3, lag_ms=0)]
    assert report.accepted
    assert sorted(report.accepted.arrivals, key=str) == [
        ArrivalCount("lesson", ARRIVED, 3),
        ArrivalCount("payment", ARRIVED, 1),
    ]
    assert replace(report.accepted, arrivals=[]) == Accepted(
        rows=4,
        types=[Count("lesson", 3), Count("payment", 1)],
        others=0,
        other_types=0,
        arrivals=[],
        lateness=[0, 0, 0, 3, 0, 0, 1, 0, 0, 0],
        percentiles=[10, 3 * 3_600, 3 * 3_600, 3 * 3_600],
        newest_arrival=ARRIVED,
    )
    assert (report.quarantined, report.staged) == (3, 1)
    examples = {refusal.reason: refusal.example for refusal in report.refusals}
    assert examples["not_utf8"] == Example("·" * MOST_SHOWN, 5_000, is_cut=True)
    assert examples["missing_event_name"].text == '{"event_uuid": "Aaaaaa-9"}'
    assert '"created_at":"aaaa"' in examples["unreadable_created_at"].text
    assert report.conflicts == [Count("lesson", 1)]
    assert report.violations == [
        Violation("lesson", "price", "missing", 3),
        Violation("payment", "price", "missing", 1),
    ]
    of_lesson = {"event_type": "lesson", "first": ARRIVED, "hours": 1}
    assert report.changes == [
        Change(measure="new_field", subject="room", peak=0.25, detail="string", **of_lesson),
        Change(measure="unusual_events", subject=None, peak=-4.5, detail=None, **of_lesson),
    ]
    assert report.measured == [
        Measured(measure="completeness", subject="event_name", lowest=0.5, highest=0.5, newest=0.5)
    ]
    files = {files.table: files for files in report.files}
    assert {table: of.files for table, of in files.items()} == {
        **dict.fromkeys((table.name for table in (*layout.RAW, *layout.STAGING)), 1),
        "raw/events": 2,
    }
    assert all(sum(of.sizes) == of.files and of.median and of.bytes for of in files.values())


def stage(spark: SparkSession, root: str) -> None:
    """Rows in each table of staging, from those in raw/events; measures of this hour and the one before; a finding."""
    make_empty(spark, root, layout.STAGING)
    keep_finding(spark, root, 0, Kind.UNCHECKED, "batch 0 was never held against the state store's count")
    raw = tables.read(spark, root, layout.RAW_EVENTS)
    a_lesson = raw.where("true_event_type = 'lesson'").limit(1)
    reasons = F.array(F.struct(F.lit("price").alias("column"), F.lit("missing").alias("reason")))
    before = ARRIVED - timedelta(hours=1)
    measures = [
        ("new_field", "lesson", "room", ARRIVED, 0.25, "string"),
        ("new_type", "lesson", None, before, 9.0, None),
        ("unusual_events", "lesson", None, ARRIVED, -4.5, None),
        ("unusual_events", "payment", None, ARRIVED, 3.0, None),
        ("completeness", None, "event_name", ARRIVED, 0.5, None),
        ("completeness", "lesson", "event_name", ARRIVED, 0.5, None),
    ]
    kept = F.lit(None).cast(layout.CONFLICTS.schema["kept"].dataType)
    for table, rows in {
        layout.STAGING_EVENTS: a_lesson,
        layout.CONFLICTS: a_lesson.withColumn("kept", kept),
        layout.REJECTED: raw.withColumn("reasons", reasons).select(*layout.REJECTED.schema.names),
        layout.METRICS: spark.createDataFrame([(*row, ARRIVED.date()) for row in measures], layout.METRICS.schema),
    }.items():
        tables.append_once(rows.coalesce(1), root, table, writer="test", batch_id=0)


def test_only_the_windows_batches_count_and_hours_without_any_are_zero(spark: SparkSession, root: str) -> None:
    make_empty(spark, root, layout.RAW)
    hours = [0, 1, 9, 60]
    ledger = [
        _entry(batch, ARRIVED + timedelta(hours=hour, minutes=5), read=None if hour == 1 else 5 + hour)
        for batch, hour in enumerate(hours)
    ]
    frame = spark.createDataFrame(ledger, layout.LEDGER.schema)
    tables.append_once(frame, root, layout.LEDGER, writer="test", batch_id=0)

    report = report_of(spark, root, Window(end=ARRIVED + timedelta(hours=20)))

    assert report.span
    assert (report.span.unit, report.span.newest_batch) == ("hour", ARRIVED + timedelta(hours=60, minutes=5))
    assert [step.begin for step in report.ingested] == [ARRIVED + timedelta(hours=hour) for hour in range(10)]
    assert [step.read for step in report.ingested] == [5, *[0] * 8, 14]
    assert [step.unbalanced for step in report.ingested] == [0, 1, *[0] * 7, 1]
    staged = (report.staged, report.conflicts, report.violations, report.changes, report.measured)
    assert staged == (None,) * 5


def _entry(batch: int, at: datetime, *, read: int | None) -> dict[str, Any]:
    named = {"stream": "events", "shard_id": "shardId-0", "batch_id": batch}
    counts = {"read": read, "raw": 3, "quarantined": 1, "duplicates": None if read is None else 1}
    return {
        **dict.fromkeys(layout.LEDGER.schema.names),
        **named,
        **counts,
        "ingested_at": at,
        "date": at.astimezone(UTC).date(),
    }
