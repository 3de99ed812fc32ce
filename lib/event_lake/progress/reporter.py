"""Define the reporters that a run calls as it goes on, and the one that writes to the log."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from event_lake.lake.window import Batches
from event_lake.progress.log import LineField
from event_lake.progress.report import BatchReport

_log = logging.getLogger(__name__)


class Reporter:
    """An object that a run calls as it goes on, from several threads, but never from two at once.

    The methods must be quick and raise nothing.
    """

    def began(self, batch_id: int) -> None:
        """Note that the writer begins a batch."""

    def finished(self, report: BatchReport) -> None:
        """Note that Spark has committed a batch."""

    def tick(self) -> None:
        """Note that some time has passed, a quarter of a second or less."""


# A function to call after each step with the step's number of rows.
Advance = Callable[[int], None]
# Takes the name of a run, and the approximate number of its rows (None if it isn't known). While the block runs, it
# shows for how long the run has gone on, and which part of the rows is done.
Bar = Callable[[str, int | None], AbstractContextManager[Advance]]


@contextmanager
def no_bar(what: str, rows: int | None) -> Iterator[Advance]:  # noqa: ARG001 (a Bar's arguments)
    """Show nothing, as the log has each step."""
    yield lambda _: None


class BatchNoter(Reporter):
    """A reporter that notes which batches the run has committed."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def finished(self, report: BatchReport) -> None:
        """Note the batch."""
        self._batches.add(report.batch_id, report.batch_id)


class LogReporter(Reporter):
    """A reporter that logs a record for each batch."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def finished(self, report: BatchReport) -> None:
        """Log the batch's counts."""
        lag = "" if report.lag_ms is None else f", lag {lag_text(report.lag_ms)}"
        text = f"batch {report.batch_id}: {report.totals}, {report.seconds:.1f} s{lag}"
        _log.info("%s", text, extra={"event": "batch", "figures": {"stream": self._stream, **fields_of_report(report)}})


# What the line of a batch has beside `log.FIELDS`.
BATCH_FIELDS = {
    "stream": LineField("text", "The stream's name."),
    "batch": LineField("number", "The batch, as `batch_id` in the tables."),
    "began": LineField("ISO 8601, UTC", "When it began."),
    "ended": LineField("ISO 8601, UTC", "When Spark had committed it."),
    "seconds": LineField("seconds", "How long it took, from planning to commit."),
    "planning_seconds": LineField("seconds", "Of these, to find the batch's end."),
    "writing_seconds": LineField("seconds", "Of these, to read and write it."),
    "events_per_second": LineField("records/second", "`read`, divided by `seconds`."),
    "read": LineField("records", "How many were read, by the ledger: `raw` + `quarantined` + `duplicates`."),
    "raw": LineField("records", "How many are in `raw/events` now."),
    "quarantined": LineField("records", "How many are no events, and in `raw/quarantine`."),
    "duplicates": LineField("records", "How many were copies, and dropped."),
    "received": LineField("records", "How many Kinesis gave, by the source's receipts: as many as `read`."),
    "dropped": LineField("records", "The duplicates that the state store dropped; null without deduplication."),
    "known": LineField(
        "records", "The duplicates that the writer dropped: copies of events that are older than the checkpoint."
    ),
    "late": LineField("records", "Rows that Spark dropped as late. More than 0 ends the job with exit code 3."),
    "imbalance": LineField(
        "records",
        "`duplicates` - `known` - `dropped`; null without deduplication. Above 0, records vanished, and the job ended"
        " with exit code 3; below 0, Spark counted tasks that it ran again.",
    ),
    "shards": LineField("shards", "How many shards were read."),
    "records": LineField("Kinesis records", "How many were read; one may hold several of `read`."),
    "bytes": LineField("bytes", "The data of those, as sent."),
    "calls": LineField("calls", "How many the executors made to Kinesis."),
    "throttled": LineField("calls", "How many of them Kinesis throttled."),
    "holes": LineField("shards", "How many had records that expired before they were read."),
    "lag_ms": LineField("milliseconds", "The longest distance of a shard to its tip; null if none was read."),
    "state_rows_added": LineField("keys", "How many deduplication remembers from now on."),
    "state_rows_removed": LineField("keys", "How many it forgot; over time as many as were added."),
    "state_memory_bytes": LineField("bytes", "The memory that the keys take."),
    "state_disk_bytes": LineField("bytes", "The disk that the keys take."),
}


def fields_of_report(report: BatchReport) -> dict[str, Any]:
    """Return the report by the names in a JSON log line. Times are in ISO 8601, and unknown figures are None."""
    return {
        "batch": report.batch_id,
        "began": report.began.isoformat(timespec="milliseconds"),
        "ended": report.ended.isoformat(timespec="milliseconds"),
        **asdict(report.totals),
        "events_per_second": round(report.events_per_second, 1),
        "imbalance": report.imbalance,
        **{name: value for name, value in vars(report).items() if name not in _NAMED_OTHERWISE},
    }


_NAMED_OTHERWISE = {"batch_id", "began", "totals"}


def lag_text(lag_ms: int) -> str:
    """Return a lag like "0.8 s", or like "1:02:03" from a minute on."""
    return f"{lag_ms / 1000:.1f} s" if lag_ms < 60_000 else str(timedelta(seconds=lag_ms // 1000))
