"""What a signal does to runs of real streams, in each of their phases, and what it leaves to the next run."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.lake.ledger import Totals, Written
from event_lake.raw.running import RunResult, run_to_end
from support.followed_streams import Batch, Lines, RememberingReporter


class Noticed(logging.Handler):
    """Set once the run has said that it finishes a batch first."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "is finished first" in record.getMessage():
            self.event.set()


@pytest.fixture
def noticed(caplog: pytest.LogCaptureFixture) -> Iterator[threading.Event]:
    caplog.set_level(logging.INFO, "event_lake.raw.running")
    handler, logger = Noticed(), logging.getLogger("event_lake.raw.running")
    logger.addHandler(handler)
    yield handler.event
    logger.removeHandler(handler)


@pytest.fixture
def lines(spark: SparkSession, tmp_path: Path) -> Lines:
    return Lines(spark, tmp_path)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_batch_lets_it_be_finished_and_committed(
    lines: Lines, noticed: threading.Event, number: int
) -> None:
    lines.put(*"abc")
    before = signal.getsignal(number)

    def write(rows: DataFrame, batch_id: int) -> Written:
        if batch_id == 1:
            send(number)
            assert noticed.wait(60)
        return lines.write(rows, batch_id)

    reporter = RememberingReporter()
    ended = run_to_end(lines.start, write, [reporter])
    assert ended == RunResult(Totals(read=2, raw=2), stopped=True)
    assert (lines.batches, reporter.finished_batches, lines.log("commits")) == ([0, 1], [0, 1], [0, 1])
    assert signal.getsignal(number) == before

    assert run_to_end(lines.start_all, lines.write, []).totals == Totals(read=1, raw=1)
    assert (lines.batches, sorted(lines.written)) == ([0, 1, 2], [*"abc"])


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_request_lets_the_batch_be_committed_and_the_log_says_who_asked(
    lines: Lines, noticed: threading.Event, caplog: pytest.LogCaptureFixture, *, in_thread: bool
) -> None:
    lines.put(*"abc")
    requests: list[str] = []
    ended: list[RunResult] = []

    def write(rows: DataFrame, batch_id: int) -> Written:
        if batch_id == 1:
            requests.append("alice on laptop")
            assert noticed.wait(60)
        return lines.write(rows, batch_id)

    def run() -> None:
        ended.append(run_to_end(lines.start, write, [], stop_asked_by=lambda: requests[0] if requests else ""))

    if in_thread:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
    assert ended == [RunResult(Totals(read=2, raw=2), stopped=True)]
    assert "asked to stop by alice on laptop" in caplog.messages
    assert (lines.batches, lines.log("commits")) == ([0, 1], [0, 1])


def test_a_signal_between_write_and_commit_lets_the_batch_be_committed(lines: Lines, noticed: threading.Event) -> None:
    lines.put(*"ab")
    goes_on = threading.Event()

    def start(batch: Batch) -> StreamingQuery:
        def held(rows: DataFrame, batch_id: int) -> None:
            batch(rows, batch_id)
            send(signal.SIGTERM)
            assert noticed.wait(60)
            assert goes_on.wait(60), "the query is being stopped"

        return lines.start(held)

    def see_that_it_goes_on(_: RememberingReporter) -> None:
        if noticed.is_set():
            goes_on.set()

    reporter = RememberingReporter(see_that_it_goes_on)
    assert run_to_end(start, lines.write, [reporter]) == RunResult(Totals(read=1, raw=1), stopped=True)
    assert (lines.batches, reporter.finished_batches, lines.log("commits")) == ([0], [0], [0])


def test_a_signal_between_triggers_ends_the_run_at_once(lines: Lines) -> None:
    lines.put("a")
    queries: list[StreamingQuery] = []
    sent: list[float] = []

    def start(batch: Batch) -> StreamingQuery:
        queries.append(lines.start(batch, every="10 minutes"))
        return queries[0]

    def send_when_it_waits(reporter: RememberingReporter) -> None:
        if reporter.reports and not sent and queries[0].status["message"] == "Waiting for next trigger":
            sent.append(time.monotonic())
            send(signal.SIGTERM)

    ended = run_to_end(start, lines.write, [RememberingReporter(send_when_it_waits)])
    assert time.monotonic() - sent[0] < 60
    assert ended == RunResult(Totals(read=1, raw=1), stopped=True)
    assert (lines.log("offsets"), lines.log("commits")) == ([0], [0])


def test_a_signal_while_a_batch_is_planned_ends_the_run_at_once(spark: SparkSession, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    spark.dataSource.register(planned_by(str(fifo)))
    batches: list[int] = []
    queries: list[StreamingQuery] = []
    sent: list[int] = []

    def start(batch: Batch) -> StreamingQuery:
        writing = spark.readStream.format("waits").load().writeStream.foreachBatch(batch)
        queries.append(writing.option("checkpointLocation", str(tmp_path / "checkpoint")).start())
        return queries[0]

    def write(rows: DataFrame, batch_id: int) -> Written:
        batches.append(rows.count())
        return Written(totals=Totals())

    def send_when_it_is_planned(reporter: RememberingReporter) -> None:
        if reporter.reports and not sent and queries[0].status["message"].startswith("Getting offsets"):
            sent.append(signal.SIGTERM)
            send(signal.SIGTERM)

    ended = run_to_end(start, write, [RememberingReporter(send_when_it_is_planned)])
    assert (ended, batches) == (RunResult(Totals(), stopped=True), [1])
    # Lets the process go that plans, if it is still there.
    os.close(os.open(fifo, os.O_RDWR))


def planned_by(fifo: str) -> type[DataSource]:
    """A source whose second batch is planned once somebody writes to `fifo`."""

    class Reader(DataSourceStreamReader):
        def initialOffset(self) -> dict[str, int]:
            return {"end": 0}

        def latestOffset(self, start: dict[str, int] | None = None, limit: object = None) -> dict[str, int]:
            if start and start["end"] == 1:
                os.close(os.open(fifo, os.O_RDONLY))
            return {"end": start["end"] + 1 if start else 1}

        def partitions(self, start: dict[str, int], end: dict[str, int]) -> list[InputPartition]:
            return [InputPartition(0)]

        def read(self, partition: InputPartition) -> Iterator[tuple[int]]:
            yield (0,)

    class Waits(DataSource):
        @classmethod
        def name(cls) -> str:
            return "waits"

        def schema(self) -> str:
            return "value int"

        def streamReader(self, schema: object) -> DataSourceStreamReader:
            return Reader()

    return Waits


def test_a_batch_that_comes_after_a_stop_is_left_to_the_next_run(lines: Lines) -> None:
    lines.put(*"ab")
    batches: list[Batch] = []

    def start(batch: Batch) -> StreamingQuery:
        batches.append(batch)
        return lines.start(batch)

    def write(rows: DataFrame, batch_id: int) -> Written:
        # Closed as by a signal, but by nobody who stops the query before Spark begins the next batch.
        batches[0].__self__.refuse_batches()  # type: ignore[attr-defined]
        return lines.write(rows, batch_id)

    assert run_to_end(start, write, []) == RunResult(Totals(read=1, raw=1), stopped=True)
    assert (lines.log("offsets"), lines.log("commits"), lines.batches) == ([0, 1], [0], [0])

    run_to_end(lines.start_all, lines.write, [])
    assert (lines.log("commits"), sorted(lines.written)) == ([0, 1], [*"ab"])


def test_a_signal_that_comes_twice_at_once_counts_once(lines: Lines, noticed: threading.Event) -> None:
    lines.put("a")

    def write(rows: DataFrame, batch_id: int) -> Written:
        send(signal.SIGTERM)
        assert noticed.wait(60)
        send(signal.SIGTERM)
        return lines.write(rows, batch_id)

    assert run_to_end(lines.start, write, []) == RunResult(Totals(read=1, raw=1), stopped=True)
    assert lines.log("commits") == [0]


def test_a_second_signal_interrupts_the_batch_which_the_next_run_repeats(
    lines: Lines, noticed: threading.Event
) -> None:
    lines.put("a")
    before = signal.getsignal(signal.SIGTERM)
    sent: list[float] = []

    def write(rows: DataFrame, batch_id: int) -> Written:
        sent.append(time.monotonic())
        send(signal.SIGTERM)
        rows.sparkSession.range(10**13).selectExpr("sum(id % 7)").collect()
        raise AssertionError("it wasn't interrupted")

    def send_another_a_second_later(_: RememberingReporter) -> None:
        if noticed.is_set() and len(sent) == 1 and time.monotonic() - sent[0] > 1.5:
            sent.append(time.monotonic())
            send(signal.SIGTERM)

    reporter = RememberingReporter(send_another_a_second_later)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(lines.start, write, [reporter])
    assert (reporter.finished_batches, lines.log("offsets"), lines.log("commits")) == ([], [0], [])
    assert signal.getsignal(signal.SIGTERM) == before

    run_to_end(lines.start_all, lines.write, [])
    assert lines.written == ["a"]
