"""Put the metrics of each batch into CloudWatch, in the background."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, Full, Queue

from event_lake.aws.cloudwatch import CloudWatchMetric
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Reporter

_log = logging.getLogger(__name__)

# Short batches share a call: their metrics wait for so long.
_GATHER_SECONDS = 10.0
_MOST_WAITING = 10_000
_WARN_SECONDS = 600.0


@dataclass(frozen=True)
class BatchMetric:
    """A metric that is put for each batch: `unit` is one of CloudWatch's, `value` takes it from the batch's report."""

    name: str
    unit: str
    what: str
    value: Callable[[BatchReport], float | None]


METRICS = (
    BatchMetric("RecordsRead", "Count", "The records that the batch read.", lambda report: report.totals.read),
    BatchMetric(
        "EventsWritten", "Count", "Those of them that are in `raw/events` now.", lambda report: report.totals.raw
    ),
    BatchMetric("DuplicatesDropped", "Count", "Those that were copies.", lambda report: report.totals.duplicates),
    BatchMetric("RecordsQuarantined", "Count", "Those that are no events.", lambda report: report.totals.quarantined),
    BatchMetric("BytesRead", "Bytes", "The data of Kinesis' own records, as sent.", lambda report: report.bytes),
    BatchMetric(
        "LagMilliseconds",
        "Milliseconds",
        "The distance to its tip of the shard that is furthest behind, when it was read.",
        lambda report: report.lag_ms,
    ),
    BatchMetric("BatchSeconds", "Seconds", "The batch's time, from planning to commit.", lambda report: report.seconds),
    BatchMetric(
        "ThrottledCalls",
        "Count",
        "Calls that Kinesis throttled, and that were made again.",
        lambda report: report.throttled,
    ),
    BatchMetric(
        "ShardsWithHoles",
        "Count",
        "Shards of which records expired before they were read.",
        lambda report: report.holes,
    ),
    BatchMetric(
        "LedgerImbalance",
        "Count",
        "Duplicates by the ledger that nobody dropped. Above 0, records vanished, and the job ended with exit code 3;"
        " below 0, Spark counted tasks that it ran again.",
        lambda report: report.imbalance,
    ),
    BatchMetric(
        "StateRowsAdded",
        "Count",
        "Keys that deduplication remembers from now on.",
        lambda report: report.state_rows_added,
    ),
    BatchMetric(
        "StateRowsRemoved",
        "Count",
        "Keys that it forgot; over time as many as were added.",
        lambda report: report.state_rows_removed,
    ),
    BatchMetric("StateMemoryBytes", "Bytes", "The memory that they take.", lambda report: report.state_memory_bytes),
    BatchMetric("StateDiskBytes", "Bytes", "The disk that they take.", lambda report: report.state_disk_bytes),
)


def metrics_of(report: BatchReport, stream: str) -> list[CloudWatchMetric]:
    """Return the batch's metrics, with the dimension Stream and the time when it ended. Unknown values are left out."""
    values = ((metric, metric.value(report)) for metric in METRICS)
    return [
        CloudWatchMetric(metric.name, value, metric.unit, report.ended, ("Stream", stream))
        for metric, value in values
        if value is not None
    ]


class MetricsReporter(Reporter):
    """A reporter that calls `put` with the metrics of each batch, in a thread of its own, so that the run never waits.

    `put` gets all metrics that have gathered in `gather_seconds`. The reporter drops metrics if `put` raises, or if
    `most_waiting` metrics are queued already. It counts them in `dropped`, and warns of them once in 10 minutes at
    most.
    """

    def __init__(
        self,
        put: Callable[[Sequence[CloudWatchMetric]], None],
        stream: str,
        *,
        gather_seconds: float = _GATHER_SECONDS,
        most_waiting: int = _MOST_WAITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._put = put
        self._stream = stream
        self._gather_seconds = gather_seconds
        self._waiting: Queue[CloudWatchMetric] = Queue(most_waiting)
        self._clock = clock
        self._warned_at: float | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    def finished(self, report: BatchReport) -> None:
        """Queue the batch's metrics."""
        for metric in metrics_of(report, self._stream):
            try:
                self._waiting.put_nowait(metric)
            except Full:
                self._drop(1, "it doesn't keep up")

    def close(self, patience_seconds: float = 5.0) -> None:
        """Wait until the queued metrics are put, for `patience_seconds` at most. Count those left then as dropped."""
        self._closing.set()
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            self._drop(self._waiting.qsize(), "no answer")

    def _work(self) -> None:
        while not self._closing.wait(self._gather_seconds):
            self._put_waiting()
        self._put_waiting()

    def _put_waiting(self) -> None:
        metrics: list[CloudWatchMetric] = []
        try:
            while True:
                metrics.append(self._waiting.get_nowait())
        except Empty:
            pass
        if not metrics:
            return
        try:
            self._put(metrics)
        except Exception as error:  # noqa: BLE001 (metrics never stop the stream, whatever is wrong with them)
            self._drop(len(metrics), error)

    def _drop(self, count: int, reason: object) -> None:
        with self._lock:
            self.dropped += count
            now = self._clock()
            if self._warned_at is not None and now - self._warned_at < _WARN_SECONDS:
                return
            self._warned_at = now
        _log.warning("%d metrics dropped so far: %s", self.dropped, reason)
