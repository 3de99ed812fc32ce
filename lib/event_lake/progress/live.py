"""A line on a terminal that is written again and again, and stays the last one."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOBase
from typing import TextIO, cast

from event_lake.lake.ledger import Totals
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Reporter, lag_text

_COLUMNS = 80


class LiveLine(TextIOBase):
    """A text file on a terminal, and one line below what is written to it.

    The cursor waits at the line's begin, so that what others write to the terminal, such as Java, starts there too.
    Several threads may write.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._lock = threading.RLock()
        self._line = ""
        self._drawn = 0
        self._in_a_line = False

    def show(self, line: str) -> None:
        """Have this below from now on, cut to the terminal's width; an empty one is none."""
        with self._lock:
            if line != self._line:
                self._line = line
                self._draw()

    def write(self, text: str) -> int:
        """Write `text` above the line."""
        with self._lock:
            self._put(f"\r{' ' * self._drawn}\r" if self._drawn else "", text)
            self._drawn = 0
            if text:
                self._in_a_line = not text.endswith("\n")
            self._draw()
        return len(text)

    def flush(self) -> None:
        """Everything is written at once."""

    def isatty(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The terminal's."""
        return self._terminal.fileno()

    def _draw(self) -> None:
        if self._in_a_line:
            return
        # A full line would move some terminals' cursors to the next one.
        most = self._columns() - 1
        line = self._line[:most]
        if line or self._drawn:
            self._put(f"\r{line.ljust(min(self._drawn, most))}\r")
        self._drawn = len(line)

    def _put(self, *texts: str) -> None:
        # A terminal that is gone is no reason for the job to end.
        with suppress(OSError):
            self._terminal.write("".join(texts))
            self._terminal.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._terminal.fileno()).columns or _COLUMNS
        except OSError:
            return _COLUMNS


class LiveReporter(Reporter):
    """Shows the last batch, the sums, and what goes on now."""

    def __init__(self, line: LiveLine, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._clock = clock
        self._last: BatchReport | None = None
        self._sum = Totals()
        self._runs: int | None = None
        self._since = clock()

    def began(self, batch_id: int) -> None:
        """Show that a batch runs."""
        self._runs, self._since = batch_id, self._clock()
        self.tick()

    def finished(self, report: BatchReport) -> None:
        """Show what it did."""
        self._last, self._sum = report, self._sum + report.totals
        self._runs, self._since = None, self._clock()
        self.tick()

    def tick(self) -> None:
        """Show for how long the present state has lasted."""
        self._line.show(self._text())

    def _text(self) -> str:
        state = "waiting" if self._runs is None else f"batch {self._runs} runs"
        now = f"{state} {self._clock() - self._since:.0f} s"
        last = self._last
        if last is None:
            return now
        lag = "" if last.lag_ms is None else f", lag {lag_text(last.lag_ms)}"
        rate, totals = f"{last.events_per_second:,.0f} events/s", last.totals
        return (
            f"batch {last.batch_id}: {rate}{lag}, {totals.duplicates:,} duplicates, {totals.quarantined:,} quarantined"
            f" | {now} | {self._sum}"
        )


@contextmanager
def live_reporter(terminal: TextIO) -> Iterator[LiveReporter]:
    """A reporter that shows a line on `terminal` while the block runs, below all that Python writes there."""
    with live_line(terminal) as line:
        yield LiveReporter(line)


@contextmanager
def live_line(terminal: TextIO) -> Iterator[LiveLine]:
    """A line on `terminal` while the block runs, below all that Python writes there."""
    line = LiveLine(terminal)
    above = cast("TextIO", line)
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is terminal
    ]
    on_stderr = sys.stderr is terminal
    for handler in handlers:
        handler.setStream(above)
    if on_stderr:
        sys.stderr = above
    try:
        yield line
    finally:
        line.show("")
        for handler in handlers:
            handler.setStream(terminal)
        if on_stderr:
            sys.stderr = terminal
