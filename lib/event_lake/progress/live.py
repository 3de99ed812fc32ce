"""How a running job is shown at the foot of a terminal. It's drawn by rich, which a cluster's driver may lack."""

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
from event_lake.progress.reporter import Reporter, Took, lag_text


class _Terminal:
    """A terminal as rich writes to it. If it's gone the text is lost: that is no reason for the job to end."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            # The cursor waits where a line begins, so that what Java writes to the terminal starts there too.
            self._terminal.write(f"{text}\r")
            self._terminal.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: everything is written at once."""


def console_on(terminal: TextIO) -> Console:
    """Return what draws on `terminal`. What others print meanwhile stays as it is, however long its lines are."""
    file = cast("IO[str]", _Terminal(terminal))
    return Console(file=file, soft_wrap=True, markup=False, emoji=False, highlight=False)


class LiveReporter(Reporter):
    """Shows the last batch, the sums, and what goes on now; `clock` is in seconds."""

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
        """Show the batch's counts, and that the next one is waited for."""
        self._last, self._sum = report, self._sum + report.totals
        self._runs, self._since = None, self._clock()
        self.tick()

    def tick(self) -> None:
        """Show for how long the present state has lasted."""
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
    with _shown(live):
        yield LiveReporter(live, clock)


@contextmanager
def live_bar(
    console: Console, what: str, rows: int | None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Took]:
    """Show how far a run is while the block runs, and yield what is to be called after each of its steps.

    There are about so many `rows`; None if nobody knows. `clock` is in seconds.
    """
    whole = Column(no_wrap=True)  # Where it's narrow the bar is to give way.
    progress = Progress(
        "{task.description}",
        TimeElapsedColumn(whole),
        BarColumn(20),
        TaskProgressColumn(),
        "{task.fields[counts]}",
        TimeRemainingColumn(table_column=whole),
        console=console,
        get_time=clock,
        # Steps may take longer than any shorter period.
        speed_estimate_period=inf,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
    )
    id_ = progress.add_task(what, total=rows, counts="")
    [task] = progress.tasks

    def took(count: int) -> None:
        progress.advance(id_, count)
        if rows is not None:
            counts = f"{task.completed:,.0f} of {rows:,} events, {task.speed or 0:,.0f}/s, left"
            progress.update(id_, counts=counts, refresh=True)

    took(0)  # The speed is measured from here.
    with _shown(progress):
        yield took


@contextmanager
def _shown(live: Live | Progress) -> Iterator[None]:
    """Show `live` while the block runs, below what is logged and printed to stderr."""
    stderr = sys.stderr
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is stderr
    ]
    with live:
        # A job that is killed would leave a terminal without a cursor.
        live.console.show_cursor()
        # Now rich's own, while the handlers still hold the one from before.
        for handler in handlers:
            handler.setStream(sys.stderr)
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(stderr)
