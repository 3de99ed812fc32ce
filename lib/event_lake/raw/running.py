"""Running a streaming query to its end: each batch is reported and checked, and it's stopped between two of them."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.errors import DataLossError
from event_lake.lake.ledger import Totals, Written
from event_lake.progress.report import find_loss, is_of_batch, make_report
from event_lake.progress.reporter import Reporter
from event_lake.raw.findings import way_out

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
# Once a stop is asked for: less than Spark needs to plan another batch.
_LOOK_CLOSELY_SECONDS = 0.02
# make, timeout and others signal a process both by itself and with its group.
_SAME_SIGNAL_SECONDS = 1.0

Write = Callable[[DataFrame, int], Written]
Start = Callable[[Callable[[DataFrame, int], None]], StreamingQuery]


class StopAskedError(Exception):
    """A batch isn't begun, as the run is to end: the next run begins with it."""


class Checks:
    """How a run's batches are checked, and who is told, so that what is found outlives the run; this one keeps nothing.

    Batches are told by the numbers that the ledger has: that of Spark's batch 0 is `first_batch`.
    """

    def __init__(self, *, first_batch: int = 0) -> None:
        self.first_batch = first_batch

    def awaited(self, batch_id: int) -> None:
        """The batch is written. Once this returns Spark commits it, and then it's checked."""

    def passed(self) -> None:
        """The batch was checked, and nothing was found."""

    def failed(self, batch_id: int, what: str) -> None:
        """The batch was checked, and lost records, as `what` says in one line."""

    def missed(self, batch_id: int) -> None:
        """The batch can't be checked any more."""


@dataclass(frozen=True)
class RunResult:
    """What a run wrote, and whether it was `stopped` before it came to its own end."""

    totals: Totals
    stopped: bool


def run_to_end(
    start: Start,
    write: Write,
    reporters: Sequence[Reporter],
    checks: Checks | None = None,
) -> RunResult:
    """Run a query until it ends or a signal stops it.

    `start` starts it with the function for its `foreachBatch`; `write` writes a batch. Both may raise; what fails in
    Spark is raised as StreamingQueryException. Each batch, once Spark has committed it, is checked (`find_loss`), and
    `checks` and the `reporters` are told. Raises DataLossError for the first batch that lost records; none is begun
    behind it.

    In the main thread SIGTERM and SIGINT stop the run: a batch that is being written is finished and committed, one
    that is being planned is left to the next run, and a query that waits for its next trigger ends at once. Another
    signal, a second later or more, interrupts the batch, which the next run repeats, and raises KeyboardInterrupt; a
    third one does what it did before. Signals are left alone in other threads.
    """
    run = _Run(write, reporters, checks or Checks())
    with _stop_signals() as signals:
        query = start(run.batch)
        run.query.set_result(query)
        try:
            _await_end(run, query, signals)
        except StreamingQueryException:
            if not run.refused:
                raise
        finally:
            query.stop()
        run.look(far=True)
        if run.loss is not None:
            raise run.loss
        return RunResult(run.totals, stopped=run.closed or bool(signals))


def _await_end(run: "_Run", query: StreamingQuery, signals: Sequence[float]) -> None:
    while not _has_ended(query, _LOOK_CLOSELY_SECONDS if run.closed else _LOOK_SECONDS):
        # A look at the last event alone misses a batch, if what is idle was told meanwhile.
        run.look(far=bool(signals))
        if len(signals) > 1:
            raise KeyboardInterrupt
        if (signals or run.loss) and run.close():
            return
        run.tick()


def _has_ended(query: StreamingQuery, seconds: float) -> bool:
    return bool(query.awaitTermination(seconds))  # type: ignore[arg-type]  # takes fractions, and doesn't say so


class _Run:
    """What is known of a run. Spark calls `batch` in a thread of its own, the rest is called in the one that waits.

    Spark tells a batch's progress before it begins the next, so a look then misses none, however late the others are.
    """

    def __init__(self, write: Write, reporters: Sequence[Reporter], checks: Checks) -> None:
        self.query: Future[StreamingQuery] = Future()
        self.totals = Totals()
        self.loss: DataLossError | None = None
        self.closed = False
        self.refused = False
        self._write = write
        self._reporters = reporters
        self._checks = checks
        self._lock = threading.RLock()
        self._under_way: int | None = None
        self._written: Written | None = None

    def batch(self, rows: DataFrame, batch_id: int) -> None:
        """Write a batch, unless none may begin any more: then raise, as Spark commits whatever returns."""
        number = self._checks.first_batch + batch_id
        self.look(far=True)
        with self._lock:
            if self.closed or self.loss is not None:
                self.refused = True
                raise self.loss or StopAskedError(f"batch {number} is left to the next run")
            if self._written is not None:
                _log.warning("batch %d isn't checked: Spark kept no progress event of it", number - 1)
                self._checks.missed(number - 1)
            self._under_way, self._written = batch_id, None
            for reporter in self._reporters:
                reporter.began(number)
        written = self._write(rows, batch_id)
        self._checks.awaited(self._checks.first_batch + batch_id)
        with self._lock:
            self.totals += written.totals
            self._written = written

    def look(self, *, far: bool = False) -> None:
        """Check and report the batch that was written, once Spark tells it: as the last event, or one `far` back."""
        with self._lock:
            if self._written is None or self._under_way is None:
                return
            query = self.query.result()
            for event in query.recentProgress if far else [query.lastProgress]:
                if event is not None and is_of_batch(event, self._under_way):
                    self._finish(json.loads(event.json), self._written)
                    return

    def _finish(self, event: dict[str, Any], written: Written) -> None:
        self._under_way = self._written = None
        report = make_report(event, written, first_batch=self._checks.first_batch)
        loss = find_loss(report)
        if loss is not None:
            self._checks.failed(report.batch_id, loss)
            self.loss = DataLossError(f"{loss}; {way_out(report.batch_id)}")
        else:
            self._checks.passed()
        if loss is None and report.imbalance:
            _log.warning(
                "batch %d: the state store dropped %d rows more than the ledger has duplicates: tasks ran again",
                report.batch_id,
                -report.imbalance,
            )
        for reporter in self._reporters:
            reporter.finished(report)

    def close(self) -> bool:
        """Let no batch begin from now on; returns whether none is under way, so that the query may be interrupted."""
        with self._lock:
            if not self.closed and self._under_way is not None:
                _log.info("stopping: batch %d is finished first", self._checks.first_batch + self._under_way)
            self.closed = True
            return self._under_way is None

    def tick(self) -> None:
        """Tell the reporters that time has passed."""
        with self._lock:
            for reporter in self._reporters:
                reporter.tick()


@contextmanager
def _stop_signals() -> Iterator[Sequence[float]]:
    """When SIGTERM and SIGINT came since; after the second time they do what they did before."""
    came: list[float] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(_: int, __: FrameType | None) -> None:
        now = time.monotonic()
        if not came or now - came[0] >= _SAME_SIGNAL_SECONDS:
            came.append(now)
        if len(came) > 1:
            restore()

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, note)
    try:
        yield came
    finally:
        restore()
