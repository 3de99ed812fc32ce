"""Runs of real streams to their end: what is told of each batch, and what is checked."""

import logging
import re
import threading
from functools import partial
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.errors import DataLossError
from event_lake.kinesis import source
from event_lake.kinesis.options import FORMAT, options_of, without_bounds
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.ledger import Totals, Written
from event_lake.raw.running import Checks, RunResult, run_to_end
from support.emulators import Stream
from support.followed_streams import Batch, Lines, RememberingReporter

pytestmark = pytest.mark.spark41


@pytest.fixture
def lines(spark: SparkSession, tmp_path: Path) -> Lines:
    return Lines(spark, tmp_path)


def test_every_batch_is_told_once_and_in_order(lines: Lines) -> None:
    lines.put(*"abcde")
    reporter = RememberingReporter()
    ended = run_to_end(lines.start_all, lines.write, [reporter])
    assert ended == RunResult(Totals(read=5, raw=5), stopped=False)
    assert (reporter.began_batches, reporter.finished_batches) == ([*range(5)], [*range(5)])
    assert [report.totals for report in reporter.reports] == [Totals(read=1, raw=1)] * 5


def test_batches_are_told_by_the_numbers_that_the_ledger_has(lines: Lines) -> None:
    lines.put(*"ab")
    reporter = RememberingReporter()
    run_to_end(lines.start_all, lines.write, [reporter], Checks(first_batch=70))
    assert (reporter.began_batches, reporter.finished_batches, lines.log("commits")) == ([70, 71], [70, 71], [0, 1])


def test_a_report_counts_what_the_receipts_and_the_state_store_say(
    spark: SparkSession, stream: Stream, tmp_path: Path
) -> None:
    stream.put(b"1", b"22", b"22")
    stream.put(b"333", key="another")
    source.register_source(spark)
    reporter = without_bounds(options_of(stream.settings("lake").source))
    records = source.observe_receipts(spark.readStream.format(FORMAT).options(**reporter).load())
    key = F.when(F.col("receipt").isNull(), F.col("data").cast("string")).otherwise(F.col("shardId"))
    rows = records.withColumns({"at": F.current_timestamp(), "key": key}).withWatermark("at", "1 hour")

    def start(batch: Batch) -> StreamingQuery:
        writing = rows.dropDuplicatesWithinWatermark(["key"]).writeStream.foreachBatch(batch)
        return writing.option("checkpointLocation", str(tmp_path)).trigger(availableNow=True).start()

    def write(rows: DataFrame, batch_id: int) -> Written:
        found = rows.collect()
        read = sum(row.receipt.user_records for row in found if row.receipt)
        raw = sum(row.receipt is None for row in found)
        return Written(totals=Totals(read=read, raw=raw, duplicates=read - raw))

    teller = RememberingReporter()
    run_to_end(start, write, [teller])
    # Spark 4.1 begins with the records, 4.2 with a batch that only says where they begin.
    *empty, report = teller.reports
    assert {(batch.received, batch.shards, batch.lag_ms, batch.imbalance) for batch in empty} <= {(0, 0, None, 0)}
    assert (report.totals, report.received, report.dropped, report.late) == (
        Totals(read=4, raw=3, duplicates=1),
        4,
        1,
        0,
    )
    assert (report.shards, report.records, report.bytes, report.lag_ms, report.holes) == (2, 4, 8, 0, 0)
    assert (report.state_rows_added, report.imbalance) == (5, 0)
    assert 0 < report.writing_seconds < report.seconds
    assert report.calls >= 2


def test_a_run_in_another_thread_ends_as_well(lines: Lines) -> None:
    lines.put("a")
    ended: list[RunResult] = []
    thread = threading.Thread(target=lambda: ended.append(run_to_end(lines.start_all, lines.write, [])))
    thread.start()
    thread.join()
    assert ended == [RunResult(Totals(read=1, raw=1), stopped=False)]


def test_a_batch_that_lost_records_ends_the_run_and_none_is_written_after_it(lines: Lines) -> None:
    lines.put(*"abc")

    def write(rows: DataFrame, batch_id: int) -> Written:
        lines.write(rows, batch_id)
        return Written(totals=Totals(read=2, raw=1, duplicates=1)) if batch_id == 1 else Written(totals=Totals())

    reporter = RememberingReporter()
    with pytest.raises(DataLossError) as lost:
        run_to_end(lines.start_all, write, [reporter])
    assert str(lost.value) == (
        "the ledger doesn't balance: batch 1: 1 duplicates by the ledger, but the state store dropped 0 and the writer"
        " 0: 1 records vanished; no batch is begun until somebody has looked into it: ingest_raw --acknowledge 1, given"
        " once, notes who did, and goes on"
    )
    assert (lines.batches, reporter.finished_batches, lines.log("commits")) == ([0, 1], [0, 1], [0, 1])


def test_rows_that_were_dropped_by_the_state_store_are_no_loss(lines: Lines, spark: SparkSession) -> None:
    lines.put("a", "b")
    (lines._folder / "in" / "b").write_text("a\n", "utf-8")

    def write(rows: DataFrame, batch_id: int) -> Written:
        lines.write(rows, batch_id)
        return Written(totals=Totals(read=1, raw=1 - batch_id, duplicates=batch_id))

    reporter = RememberingReporter()
    run_to_end(lines.start_all, write, [reporter])
    assert [(report.dropped, report.imbalance) for report in reporter.reports] == [(0, 0), (1, 0)]


def test_more_rows_dropped_than_the_ledger_knows_are_a_warning(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    lines.put("a", "b")
    (lines._folder / "in" / "b").write_text("a\n", "utf-8")
    reporter = RememberingReporter()
    run_to_end(lines.start_all, lines.write, [reporter])
    assert [report.imbalance for report in reporter.reports] == [0, -1]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "batch 1: the state store dropped 1 rows more than the ledger has duplicates: tasks ran again"
    ]


def test_a_batch_of_which_spark_keeps_no_progress_is_not_checked_and_said_so(
    lines: Lines, spark: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    lines.put(*"ab")
    spark.conf.set("spark.sql.streaming.numRecentProgressUpdates", 1)
    try:
        ended = run_to_end(lines.start_all, lines.write, [])
    finally:
        spark.conf.unset("spark.sql.streaming.numRecentProgressUpdates")
    assert ended.totals == Totals(read=2, raw=2)
    assert "batch 0 isn't checked: Spark kept no progress event of it" in caplog.messages


def test_what_the_writer_raises_ends_the_run(lines: Lines) -> None:
    lines.put("a")

    def write(rows: DataFrame, batch_id: int) -> Written:
        raise DataLossError("what and how")

    with pytest.raises(StreamingQueryException, match=r"event_lake\.errors\.DataLossError: what and how"):
        run_to_end(lines.start_all, write, [])
    assert lines.log("commits") == []


@pytest.mark.parametrize(("ahead", "late"), [(-1, True), (0, True), (1, False)])
def test_spark_drops_the_batches_that_are_said_to_be_late(
    spark: SparkSession, lines: Lines, tmp_path: Path, ahead: int, *, late: bool
) -> None:
    for line in "abc":
        lines.put(line)
        run_to_end(lines.start_all, lines.write, [])
    # Spark repeats the last batch, with a clock so many milliseconds ahead of the watermark before it.
    checkpoint = Checkpoint(spark, str(tmp_path / "checkpoint"))
    before = checkpoint.planned(1)
    clock = int(before.watermark.timestamp() * 1000) + ahead
    file = tmp_path / "checkpoint" / "offsets" / "2"
    file.write_text(re.sub(r'"batchTimestampMs":\d+', f'"batchTimestampMs":{clock}', file.read_text("utf-8")), "utf-8")
    for path in (file.with_name(".2.crc"), *(tmp_path / "checkpoint" / "commits").glob("*2*")):
        path.unlink()
    assert before.makes_late(checkpoint.planned(2)) == late
    lines.written.clear()
    reporter = RememberingReporter()
    run = partial(run_to_end, lines.start_all, lines.write, [reporter])
    if late:
        with pytest.raises(DataLossError, match="Spark dropped 1 rows as late"):
            run()
    else:
        run()
    assert ([report.late for report in reporter.reports], lines.written) == ([int(late)], [] if late else ["c"])
