"""Run a streaming query to its end: report and check each batch, and stop between two batches."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from event_lake.errors import DataLossError
from event_lake.lake.ledger import Totals, Written
from event_lake.progress.report import is_of_batch, make_report
from event_lake.progress.reporter import Reporter
from event_lake.raw.findings import way_out
from event_lake.raw.lost_records import find_loss
from event_lake.raw.stop_signals import stop_signals

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
# After a signal: less than Spark needs to plan another batch.
_LOOK_CLOSELY_SECONDS = 0.02

Write = Callable[[DataFrame, int], Written]
Start = Callable[[Callable[[DataFrame, int], None]], StreamingQuery]


class StopAskedError(Exception):
    """The error that refuses a batch because the run is to end. The next run begins with that batch."""


class Checks:
    """A receiver for the results of the checks of a run's batches. This class ignores them; a subclass keeps them.

    A batch's number is the one in the lake, where Spark's batch 0 is batch `first_batch`.
    """

    def __init__(self, *, first_batch: int = 0) -> None:
        self.first_batch = first_batch

    def note_written(self, batch_id: int) -> None:
        """Note that the batch is written. Once this returns, Spark commits it, and then it's checked."""

    def note_passed(self) -> None:
        """Note that the batch was checked, and lost nothing."""

    def note_loss(self, batch_id: int, what: str) -> None:
        """Note that the batch was checked, and lost records. `what` describes the loss in one line."""

    def note_missed(self, batch_id: int) -> None:
        """Note that the batch can't be checked any more."""


@dataclass(frozen=True)
class RunResult:
    """The result of a run: the counts of what it wrote, and whether it was `stopped` before its own end."""

    totals: Totals
    stopped: bool


def run_to_end(
    start: Start,
    write: Write,
    reporters: Sequence[Reporter],
    checks: Checks | None = None,
    stop_asked_by: Callable[[], str] = lambda: "",
) -> RunResult:
    """Run a query until it ends, or a signal or a request stops it.

    `start` starts the query; its argument is the function for `foreachBatch`. `write` writes a batch. What `write`
    raises, and what fails in Spark, is raised as StreamingQueryException. Once Spark has committed a batch, it is
    checked (`find_loss`), and `checks` and the `reporters` get the result. Raise DataLossError after the first batch
    that lost records; no batch begins after it.

    Once `stop_asked_by` returns a text, which says who asked, the run is stopped, in whatever thread it runs. In the
    main thread SIGTERM and SIGINT stop it, too. A batch that is being written is finished and committed; one that is
    being planned is left to the next run; a query that waits for its next trigger ends at once. Another signal, a
    second later or more, raises KeyboardInterrupt and interrupts the batch, which the next run repeats. From then on
    signals do what they did before the run. In other threads no signal is handled.
    """
    run = _Run(write, reporters, checks or Checks())
    with stop_signals() as signals:
        query = start(run.write_batch)
        run.query.set_result(query)
        try:
            _await_end(run, query, signals, stop_asked_by)
        except StreamingQueryException:
            if not run.has_refused:
                raise
        finally:
            query.stop()
        run.finish_batch(look_back=True)
        if run.loss is not None:
            raise run.loss
        return RunResult(run.totals, stopped=run.closed or bool(signals))


def _await_end(run: "_Run", query: StreamingQuery, signals: Sequence[float], stop_asked_by: Callable[[], str]) -> None:
    while not _has_ended(query, _LOOK_CLOSELY_SECONDS if run.closed else _LOOK_SECONDS):
        if not run.asked_by and (by := stop_asked_by()):
            _log.info("asked to stop by %s", by)
            run.asked_by = by
        is_stopping = bool(signals or run.asked_by)
        # The last progress event may be of an idle trigger that came after the batch. Then the batch's own must be
        # looked for further back. That can wait for the beginning of the next batch, unless there's none after a stop.
        run.finish_batch(look_back=is_stopping)
        if len(signals) > 1:
            raise KeyboardInterrupt
        if (is_stopping or run.loss) and run.refuse_batches():
            return
        run.tick()


def _has_ended(query: StreamingQuery, seconds: float) -> bool:
    return bool(query.awaitTermination(seconds))  # type: ignore[arg-type]  # takes fractions, too


class _Run:
    """The state of a run. Spark calls `write_batch` in a thread of its own; the waiting thread calls all the rest.

    A batch can be finished once Spark has posted its progress event, which it does after the commit and before the next
    batch begins. So `write_batch` first finishes the batch before, unless the waiting thread has.
    """

    def __init__(self, write: Write, reporters: Sequence[Reporter], checks: Checks) -> None:
        self.query: Future[StreamingQuery] = Future()
        self.totals = Totals()
        self.loss: DataLossError | None = None
        self.asked_by = ""
        self.closed = False
        self.has_refused = False
        self._write = write
        self._reporters = reporters
        self._checks = checks
        self._lock = threading.RLock()
        self._under_way: int | None = None
        self._written: Written | None = None

    def write_batch(self, rows: DataFrame, batch_id: int) -> None:
        """Write the batch with Spark's number `batch_id`, or raise if no batch may begin any more.

        It must raise then, as Spark commits the batch if this returns.
        """
        number = self._checks.first_batch + batch_id
        self.finish_batch(look_back=True)
        with self._lock:
            if self.closed or self.loss is not None:
                self.has_refused = True
                raise self.loss or StopAskedError(f"batch {number} is left to the next run")
            if self._written is not None:
                _log.warning("batch %d isn't checked: Spark kept no progress event of it", number - 1)
                self._checks.note_missed(number - 1)
            self._under_way, self._written = batch_id, None
            for reporter in self._reporters:
                reporter.began(number)
        written = self._write(rows, batch_id)
        self._checks.note_written(number)
        with self._lock:
            self.totals += written.totals
            self._written = written

    def finish_batch(self, *, look_back: bool = False) -> None:
        """Check and report the batch that was written, if Spark has posted its progress event.

        Look at the last event only, or at all that Spark keeps (by default 100) if `look_back`.
        """
        with self._lock:
            if self._written is None or self._under_way is None:
                return
            query = self.query.result()
            for event in query.recentProgress if look_back else [query.lastProgress]:
                if event is not None and is_of_batch(event, self._under_way):
                    self._check_and_report(json.loads(event.json), self._written)
                    return

    def _check_and_report(self, event: dict[str, Any], written: Written) -> None:
        self._under_way = self._written = None
        report = make_report(event, written, first_batch=self._checks.first_batch)
        loss = find_loss(report)
        if loss is not None:
            self._checks.note_loss(report.batch_id, loss)
            self.loss = DataLossError(f"{loss}; {way_out(report.batch_id)}")
        else:
            self._checks.note_passed()
        if loss is None and report.imbalance:
            _log.warning(
                "batch %d: the state store dropped %d rows more than the ledger has duplicates: tasks ran again",
                report.batch_id,
                -report.imbalance,
            )
        for reporter in self._reporters:
            reporter.finished(report)

    def refuse_batches(self) -> bool:
        """Let no batch begin from now on. Return True if none is under way, so that the query may be interrupted."""
        with self._lock:
            if not self.closed and self._under_way is not None:
                _log.info("stopping: batch %d is finished first", self._checks.first_batch + self._under_way)
            self.closed = True
            return self._under_way is None

    def tick(self) -> None:
        """Tell the reporters that some time has passed."""
        with self._lock:
            for reporter in self._reporters:
                reporter.tick()
