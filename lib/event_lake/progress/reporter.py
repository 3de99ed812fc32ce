"""Who is told of a run, and the log as one of them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from event_lake.progress.report import BatchReport

_log = logging.getLogger(__name__)


class Reporter:
    """Is told of a run as it goes, by several threads, never by two at once. It must be quick and raise nothing."""

    def began(self, batch_id: int) -> None:
        """The writer takes a batch."""

    def finished(self, report: BatchReport) -> None:
        """Spark has committed a batch."""

    def tick(self) -> None:
        """Some time has passed: a quarter of a second or less."""


# Is called after each step with the number of rows that it took.
Took = Callable[[int], None]
# Shows, while the block runs, what runs, for how long, and how much of about so many rows is done, if that is known.
Bar = Callable[[str, int | None], AbstractContextManager[Took]]


@contextmanager
def no_bar(what: str, rows: int | None) -> Iterator[Took]:  # noqa: ARG001 (a Bar's arguments)
    """Show nothing: the log has each step."""
    yield lambda _: None


class LogReporter(Reporter):
    """A log record for each batch."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def finished(self, report: BatchReport) -> None:
        """Log it."""
        lag = "" if report.lag_ms is None else f", lag {lag_text(report.lag_ms)}"
        text = f"batch {report.batch_id}: {report.totals}, {report.seconds:.1f} s{lag}"
        _log.info("%s", text, extra={"event": "batch", "figures": {"stream": self._stream, **fields_of_report(report)}})


def fields_of_report(report: BatchReport) -> dict[str, Any]:
    """The report by the names that a JSON line has; times in ISO 8601, None where a figure isn't known."""
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
    """Like "0.8 s", or "1:02:03" from a minute on."""
    return f"{lag_ms / 1000:.1f} s" if lag_ms < 60_000 else str(timedelta(seconds=lag_ms // 1000))
