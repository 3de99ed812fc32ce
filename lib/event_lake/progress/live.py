"""Show a running job in the last line of a terminal. Needs the package rich, which a cluster's driver may lack."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from event_lake.lake.ledger import Totals
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Advance, Reporter, lag_text


class _Terminal:
    """A terminal for rich to write to. A terminal that has gone away loses its text, and doesn't end the job."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            # The cursor waits at the beginning of a line, so that what Java writes to the terminal starts there, too.
            self._terminal.write(f"{text}\r")
            self._terminal.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing, as `write` writes everything at once."""


def console_on(terminal: TextIO) -> Console:
    """Return a console that draws on `terminal`, and leaves as they are the lines that others print, even long ones."""
    file = cast("IO[str]", _Terminal(terminal))
    return Console(file=file, soft_wrap=True, markup=False, emoji=False, highlight=False)


class LiveReporter(Reporter):
    """A reporter that shows the last batch, the sums of all batches and what runs now. `clock` is in seconds."""

    def __init__(self, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
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
        """Show the batch's counts, and that the job waits for the next batch."""
        self._last, self._sum = report, self._sum + report.totals
        self._runs, self._since = None, self._clock()
        self.tick()

    def tick(self) -> None:
        """Show how long the job has been running its batch, or waiting for one."""
        self._live.update(self._text(), refresh=True)

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
def live_reporter(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[LiveReporter]:
    """Yield a reporter that shows one line, cut to the terminal's width, while the block runs."""
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
    with _show(live):
        yield LiveReporter(live, clock)


@contextmanager
def live_bar(
    console: Console, what: str, rows: int | None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """Show how far a run is while the block runs. Yield the function to call after each step with its number of rows.

    `rows` is the approximate number of rows of all steps; None if it isn't known. `clock` is in seconds.
    """
    whole = Column(no_wrap=True)  # On a narrow terminal the bar loses room instead of this column.
    progress = Progress(
        "{task.description}",
        TimeElapsedColumn(whole),
        BarColumn(20),
        TaskProgressColumn(),
        "{task.fields[counts]}",
        TimeRemainingColumn(table_column=whole),
        console=console,
        get_time=clock,
        # The speed is that of the whole run: a step may take longer than any shorter period.
        speed_estimate_period=inf,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
    )
    id_ = progress.add_task(what, total=rows, counts="")
    [task] = progress.tasks

    def advance(count: int) -> None:
        progress.advance(id_, count)
        if rows is not None:
            counts = f"{task.completed:,.0f} of {rows:,} events, {task.speed or 0:,.0f}/s, left"
            progress.update(id_, counts=counts, refresh=True)

    advance(0)  # The speed is measured from here.
    with _show(progress):
        yield advance


@contextmanager
def _show(live: Live | Progress) -> Iterator[None]:
    """Show `live` while the block runs, below what is logged and printed to stderr."""
    stderr = sys.stderr
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is stderr
    ]
    with live:
        # Without this, a job that is killed would leave a terminal without a cursor.
        live.console.show_cursor()
        # rich has put its own stream in place of sys.stderr, but the handlers still hold the old one.
        for handler in handlers:
            handler.setStream(sys.stderr)
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(stderr)
