"""Metrics of each batch, put in the background."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue

from event_lake.aws.cloudwatch import CloudWatchMetric
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Reporter

_log = logging.getLogger(__name__)

# A call for several batches where they are short.
_GATHER_SECONDS = 10.0
_MOST_WAITING = 10_000
_WARN_SECONDS = 600.0


def metrics_of(report: BatchReport, stream: str) -> list[CloudWatchMetric]:
    """The batch as metrics with the dimension Stream, at the time when it ended; none for what isn't known."""
    values: Sequence[tuple[str, float | None, str]] = (
        ("RecordsRead", report.totals.read, "Count"),
        ("EventsWritten", report.totals.raw, "Count"),
        ("DuplicatesDropped", report.totals.duplicates, "Count"),
        ("RecordsQuarantined", report.totals.quarantined, "Count"),
        ("BytesRead", report.bytes, "Bytes"),
        ("LagMilliseconds", report.lag_ms, "Milliseconds"),
        ("BatchSeconds", report.seconds, "Seconds"),
        ("ThrottledCalls", report.throttled, "Count"),
        ("ShardsWithHoles", report.holes, "Count"),
        ("LedgerImbalance", report.imbalance, "Count"),
        ("StateRowsAdded", report.state_rows_added, "Count"),
        ("StateRowsRemoved", report.state_rows_removed, "Count"),
        ("StateMemoryBytes", report.state_memory_bytes, "Bytes"),
        ("StateDiskBytes", report.state_disk_bytes, "Bytes"),
    )
    return [
        CloudWatchMetric(name, value, unit, report.ended, ("Stream", stream))
        for name, value, unit in values
        if value is not None
    ]


class MetricsReporter(Reporter):
    """Hands the metrics of each batch to `put`, in a thread of its own.

    The run never waits for it: what `put` can't take (it raises) and what doesn't fit into the queue of `most_waiting`
    metrics is dropped, counted in `dropped`, and told in one warning in 10 minutes. `put` gets what gathered in
    `gather_seconds`.
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
        self._warned: float | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    def finished(self, report: BatchReport) -> None:
        """Queue its metrics."""
        for metric in metrics_of(report, self._stream):
            try:
                self._waiting.put_nowait(metric)
            except Full:
                self._drop(1, "it doesn't keep up")

    def close(self, patience_seconds: float = 5.0) -> None:
        """Put what is queued, if that takes no longer than this."""
        self._closing.set()
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            self._drop(self._waiting.qsize(), "no answer")

    def _work(self) -> None:
        while not self._closing.wait(self._gather_seconds):
            self._put_waiting()
        self._put_waiting()

    def _put_waiting(self) -> None:
        taken: list[CloudWatchMetric] = []
        try:
            while True:
                taken.append(self._waiting.get_nowait())
        except Empty:
            pass
        if not taken:
            return
        try:
            self._put(taken)
        except Exception as error:  # noqa: BLE001 (metrics never stop the stream, whatever is wrong with them)
            self._drop(len(taken), error)

    def _drop(self, count: int, reason: object) -> None:
        with self._lock:
            self.dropped += count
            now = self._clock()
            if self._warned is not None and now - self._warned < _WARN_SECONDS:
                return
            self._warned = now
        _log.warning("%d metrics dropped so far: %s", self.dropped, reason)
