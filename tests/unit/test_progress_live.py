"""What rich draws of a running job, as a terminal shows it."""

import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from threading import Thread

import pytest
from rich.console import Console

from event_lake.lake.ledger import Totals
from event_lake.progress.live import console_on, live_bar, live_reporter
from support.batch_reports import a_report
from support.terminals import Terminal, a_terminal

COLUMNS = 100


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    with a_terminal() as made:
        yield made


@pytest.fixture
def console(terminal: Terminal) -> Console:
    console = console_on(terminal.file)
    console.size = (COLUMNS, 24)
    return console


def assert_shows(terminal: Terminal, *lines: str) -> None:
    """What a thread draws may take a while."""
    until = time.monotonic() + 10
    while terminal.screen() != [*lines] and time.monotonic() < until:
        time.sleep(0.01)
    assert terminal.screen() == [*lines]


def test_the_line_is_rewritten_in_its_place(terminal: Terminal, console: Console) -> None:
    with live_reporter(console) as reporter:
        assert terminal.screen() == []
        reporter.began(12_345)
        assert terminal.screen() == ["batch 12345 runs 0 s"]
        reporter.began(2)
        assert terminal.screen() == ["batch 2 runs 0 s"]
    assert terminal.screen() == []
    assert re.search(rb"\x1b\[[\d;]*m", terminal.seen) is None, "it has colours"


def test_what_is_printed_stands_above_the_line_and_the_end_leaves_no_trace(
    terminal: Terminal, console: Console
) -> None:
    with redirect_stderr(terminal.file):
        with live_reporter(console) as reporter:
            reporter.began(1)
            print("one", file=sys.stderr)
            print("two\nthree", file=sys.stderr)
            assert terminal.screen() == ["one", "two", "three", "batch 1 runs 0 s"]
            reporter.began(2)
            assert terminal.screen() == ["one", "two", "three", "batch 2 runs 0 s"]
        print("four", file=sys.stderr)
        assert terminal.screen() == ["one", "two", "three", "four"]


def test_a_line_is_printed_once_it_is_complete_or_nothing_else_comes(terminal: Terminal, console: Console) -> None:
    with redirect_stderr(terminal.file), live_reporter(console) as reporter:
        sys.stderr.write("half ")
        reporter.began(1)
        assert terminal.screen() == ["batch 1 runs 0 s"]
        sys.stderr.write("a line\nthe [bold] last :warning:")
        assert terminal.screen() == ["half a line", "batch 1 runs 0 s"]
    assert terminal.screen() == ["half a line", "the [bold] last :warning:"]


def test_what_is_printed_is_neither_cut_nor_broken_nor_read_as_markup(terminal: Terminal, console: Console) -> None:
    text = "[bold] :warning: " + "many words " * COLUMNS + "the end"
    with redirect_stderr(terminal.file), live_reporter(console):
        print(text, file=sys.stderr)
    assert terminal.screen() == [text]


def test_what_others_write_begins_where_the_line_begins(terminal: Terminal, console: Console) -> None:
    with live_reporter(console) as reporter:
        reporter.began(1)
        terminal.file.write("Java says more than that\n")
        reporter.began(2)
        assert terminal.screen() == ["Java says more than that", "batch 2 runs 0 s"]


def test_a_line_is_cut_to_the_terminals_width_whatever_it_is_now(terminal: Terminal, console: Console) -> None:
    last = "batch 5: 5 events/s, 3 duplicates, 0 quarantined | waiting 0 s"
    whole = f"{last} | 10 records read = 7 raw + 3 duplicates + 0 quarantined"
    with live_reporter(console) as reporter:
        reporter.finished(a_report())
        assert terminal.screen() == [whole[:COLUMNS].rstrip()]
        console.size = (40, 24)
        reporter.tick()
        assert terminal.screen() == [whole[:40].rstrip()]


@pytest.mark.parametrize(
    ("shown", "go_on"),
    [
        (live_reporter, lambda reporter: reporter.began(1)),
        (lambda console: live_bar(console, "staging", 10), lambda took: took(1)),
    ],
)
def test_a_terminal_that_is_gone_stops_nobody(shown, go_on) -> None:
    leader, follower = os.openpty()
    gone = open(follower, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (a descriptor, closed below)
    console = console_on(gone)
    with redirect_stderr(gone):
        with shown(console) as it:
            os.close(leader)
            go_on(it)
            print("text", file=sys.stderr)
        assert sys.stderr is gone
    with suppress(OSError):
        gone.close()


def test_a_job_that_is_killed_leaves_a_cursor(terminal: Terminal, console: Console) -> None:
    with live_reporter(console) as reporter:
        reporter.began(1)
        assert terminal.screen()
        assert terminal.seen.rfind(b"\x1b[?25h") > terminal.seen.rfind(b"\x1b[?25l") > -1


def test_the_line_tells_the_last_batch_the_sums_and_what_goes_on(terminal: Terminal, console: Console) -> None:
    console.size = (200, 24)
    clock = Clock()
    with live_reporter(console, clock) as reporter:
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
        last = "batch 1: 500 events/s, lag 0:01:01, 9 duplicates, 1 quarantined | waiting 0 s"
        assert terminal.screen() == [f"{last} | 2,000 records read = 1,980 raw + 18 duplicates + 2 quarantined"]


@pytest.fixture
def handler(terminal: Terminal) -> Iterator[logging.StreamHandler]:
    """As a job has it, from before anything is live."""
    root, handler = logging.getLogger(), logging.StreamHandler(terminal.file)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def test_what_is_logged_stands_above_and_logging_is_afterwards_what_it_was(
    terminal: Terminal, console: Console, handler: logging.StreamHandler
) -> None:
    with redirect_stderr(terminal.file):
        with live_reporter(console) as reporter:
            reporter.began(0)
            logging.getLogger("event_lake.kinesis").warning("asking again")
            print("a warning of Python's", file=sys.stderr)
            assert terminal.screen() == ["asking again", "a warning of Python's", "batch 0 runs 0 s"]
        assert (sys.stderr, handler.stream) == (terminal.file, terminal.file)
    logging.getLogger("event_lake.kinesis").warning("asked")
    assert terminal.screen() == ["asking again", "a warning of Python's", "asked"]


def test_no_line_is_torn_that_threads_log_while_the_bar_is_drawn(
    terminal: Terminal, console: Console, handler: logging.StreamHandler
) -> None:
    def log(name: str) -> None:
        for number in range(20):
            logging.getLogger("event_lake").warning("%s says %d", name, number)

    threads = [Thread(target=log, args=(name,)) for name in ("one", "two")]
    with redirect_stderr(terminal.file), live_bar(console, "staging", 20) as took:
        for thread in threads:
            thread.start()
        for _ in range(20):
            took(1)
        for thread in threads:
            thread.join()
    assert sorted(terminal.screen()) == sorted(f"{name} says {n}" for name in ("one", "two") for n in range(20))


def test_the_bar_tells_how_fast_it_is_and_how_long_it_takes(terminal: Terminal, console: Console) -> None:
    clock = Clock()
    with live_bar(console, "staging", 492_000, clock) as took:
        clock.now = 110.0
        took(123_000)
        line = "staging 0:00:10 ━━━━━╺━━━━━━━━━━━━━━  25% 123,000 of 492,000 events, 12,300/s, left 0:00:30"
        assert_shows(terminal, line)
        # A step may take long, and raw may have lost some of the rows since they were counted.
        clock.now = 200.0
        took(377_000)
        line = "staging 0:01:40 ━━━━━━━━━━━━━━━━━━━━ 100% 500,000 of 492,000 events, 5,000/s, left 0:00:00"
        assert_shows(terminal, line)
    assert terminal.screen() == []


def test_the_bar_goes_on_while_a_step_runs(terminal: Terminal, console: Console) -> None:
    clock = Clock()
    with live_bar(console, "staging", 492_000, clock):
        clock.now += 4.2
        assert_shows(terminal, "staging 0:00:04 ━━━━━━━━━━━━━━━━━━━━   0% 0 of 492,000 events, 0/s, left -:--:--")


def test_a_bar_of_unknown_length_tells_for_how_long_what_has_run(terminal: Terminal, console: Console) -> None:
    clock = Clock()
    with live_bar(console, "staging: 2026-11-01, 1 of 3", None, clock):
        clock.now += 4.2
        assert_shows(terminal, "staging: 2026-11-01, 1 of 3 0:00:04 ━━━━━━━━━━━━━━━━━━━━")


def test_the_bar_gives_way_where_the_terminal_is_narrow(terminal: Terminal, console: Console) -> None:
    console.size = (64, 24)
    with live_bar(console, "staging", 492_000, Clock()):
        assert_shows(terminal, "staging 0:00:00 ━━━━   0% 0 of 492,000 events, 0/s, left -:--:--")


def test_results_go_where_they_go_without_a_live_line(
    terminal: Terminal, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with live_reporter(console):
        print("a result")
    with live_bar(console, "staging", 1):
        print("another")
    assert capsys.readouterr().out == "a result\nanother\n"
