"""The live line, as a terminal shows it."""

import fcntl
import logging
import os
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import pytest

from event_lake.lake.ledger import Totals
from event_lake.progress.live import LiveLine, LiveReporter, live_reporter
from support.batch_reports import a_report

COLUMNS = 100


@dataclass
class Terminal:
    """A real one; `screen` is what stands on it."""

    leader: int
    file: TextIO
    seen: str = ""

    def screen(self) -> list[str]:
        """Its lines, the empty last one left out, for output that knows carriage returns and line feeds."""
        self.file.flush()
        try:
            while True:
                self.seen += os.read(self.leader, 65536).decode()
        except BlockingIOError:
            pass
        lines, at = [""], 0
        for character in self.seen:
            if character == "\n":
                lines.append("")
            elif character == "\r":
                at = 0
            else:
                lines[-1] = lines[-1][:at].ljust(at) + character + lines[-1][at + 1 :]
                at += 1
        shown = [line.rstrip() for line in lines]
        return shown if shown[-1] else shown[:-1]

    def resize(self, columns: int) -> None:
        """Make it wider or narrower."""
        termios.tcsetwinsize(self.file.fileno(), (24, columns))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    leader, follower = os.openpty()
    fcntl.fcntl(leader, fcntl.F_SETFL, os.O_NONBLOCK)
    with open(follower, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
        made = Terminal(leader, file)
        made.resize(COLUMNS)
        yield made
    os.close(leader)


def test_a_line_is_rewritten_in_its_place(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    for text in ("a long line", "short", "another"):
        line.show(text)
        assert terminal.screen() == [text]
    line.show("")
    assert terminal.screen() == []


def test_what_is_written_stands_above_the_line(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    line.show("batch 1 and much more")
    line.write("one\n")
    line.write("two\nthree\n")
    assert terminal.screen() == ["one", "two", "three", "batch 1 and much more"]
    line.show("batch 2")
    assert terminal.screen() == ["one", "two", "three", "batch 2"]


def test_the_line_waits_until_another_is_complete(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    line.show("batch 1")
    line.write("half ")
    line.show("batch 2")
    assert terminal.screen() == ["half"]
    line.write("a line\n")
    assert terminal.screen() == ["half a line", "batch 2"]


def test_what_others_write_begins_where_the_line_begins(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    line.show("batch 1")
    terminal.file.write("Java says more than that\n")
    line.show("batch 2")
    assert terminal.screen() == ["Java says more than that", "batch 2"]


def test_a_line_is_cut_to_the_terminals_width_whatever_it_is_now(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    line.show("x" * 200)
    assert terminal.screen() == ["x" * (COLUMNS - 1)]
    terminal.resize(40)
    line.show("y" * 200)
    assert terminal.screen() == ["y" * 39 + "x" * 60]


def test_the_same_line_is_not_written_again(terminal: Terminal) -> None:
    line = LiveLine(terminal.file)
    line.show("batch 1")
    terminal.screen()
    before = terminal.seen
    line.show("batch 1")
    assert (terminal.screen(), terminal.seen) == (["batch 1"], before)


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    leader, follower = os.openpty()
    gone = open(follower, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (a descriptor, closed below)
    os.close(leader)
    line = LiveLine(gone)
    line.show("batch 1")
    assert line.write("text\n") == 5
    with suppress(OSError):
        gone.close()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_line_tells_the_last_batch_the_sums_and_what_goes_on(terminal: Terminal) -> None:
    terminal.resize(200)
    clock = Clock()
    reporter = LiveReporter(LiveLine(terminal.file), clock)
    clock.now += 3
    reporter.tick()
    assert terminal.screen() == ["waiting 3 s"]

    reporter.began(0)
    clock.now += 2
    reporter.tick()
    assert terminal.screen() == ["batch 0 runs 2 s"]

    totals = Totals(read=1000, raw=990, quarantined=1, duplicates=9)
    reporter.finished(a_report(batch_id=0, totals=totals, lag_ms=800))
    clock.now += 1
    reporter.began(1)
    reporter.finished(a_report(batch_id=1, totals=totals, lag_ms=61_000))
    assert terminal.screen() == [
        (
            "batch 1: 500 events/s, lag 0:01:01, 9 duplicates, 1 quarantined | waiting 0 s"
            " | 2,000 records read = 1,980 raw + 18 duplicates + 2 quarantined"
        )
    ]


def test_what_is_logged_and_printed_meanwhile_stands_above_and_the_end_leaves_no_trace(terminal: Terminal) -> None:
    root, handler = logging.getLogger(), logging.StreamHandler(terminal.file)
    root.addHandler(handler)
    before = sys.stderr
    sys.stderr = terminal.file
    try:
        with live_reporter(terminal.file) as reporter:
            reporter.began(0)
            logging.getLogger("event_lake.kinesis").warning("asking again")
            print("a warning of Python's", file=sys.stderr)
            assert terminal.screen() == ["asking again", "a warning of Python's", "batch 0 runs 0 s"]
        assert (sys.stderr, handler.stream) == (terminal.file, terminal.file)
    finally:
        sys.stderr = before
        root.removeHandler(handler)
    assert terminal.screen() == ["asking again", "a warning of Python's"]
