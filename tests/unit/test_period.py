"""--from and --to: windows of ingestion, and dates of events."""

from argparse import Namespace
from datetime import UTC, date, datetime

import pytest

from event_lake.cli.period import both_dates_of, dates_of, window_of
from event_lake.errors import ConfigError
from event_lake.lake.window import Dates, Window

NINE, TEN = (datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (9, 10))
FIRST, LAST = date(2026, 11, 21), date(2026, 11, 30)


def flags(begin: str | None = None, end: str | None = None) -> Namespace:
    return Namespace(begin=begin, end=end)


@pytest.mark.parametrize(
    ("begin", "end", "window"),
    [
        (None, None, Window()),
        ("2026-11-21", "2026-11-21T10:00:00Z", Window(datetime(2026, 11, 21, tzinfo=UTC), TEN)),
        ("2026-11-21T10:00:00+01:00", None, Window(NINE)),
    ],
)
def test_a_window_is_written_in_dates_or_times(begin: str | None, end: str | None, window: Window) -> None:
    assert window_of(flags(begin, end)) == window


@pytest.mark.parametrize(
    ("begin", "end", "line"),
    [
        ("soon", None, '--from = \'soon\': no time; write it like "2026-11-21T09:00:00Z" or "2026-11-21"'),
        (
            None,
            "2026-11-21T09:00:00",
            '--to = \'2026-11-21T09:00:00\': no time; write it like "2026-11-21T09:00:00Z" or "2026-11-21"',
        ),
        ("2026-11-21", "2026-11-21", "--to = '2026-11-21': not later than --from = '2026-11-21'"),
    ],
)
def test_a_window_that_cannot_be_read_is_refused(begin: str | None, end: str | None, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        window_of(flags(begin, end))
    assert str(refused.value) == line


def test_dates_have_no_bound_where_a_flag_is_missing() -> None:
    assert dates_of(flags()) == Dates()
    assert dates_of(flags("2026-11-21")) == Dates(FIRST)
    assert dates_of(flags(end="2026-11-30")) == Dates(last=LAST)


def test_both_dates_go_together() -> None:
    assert both_dates_of(flags()) is None
    assert both_dates_of(flags("2026-11-21", "2026-11-30")) == Dates(FIRST, LAST)
    for half in (flags("2026-11-21"), flags(end="2026-11-21")):
        with pytest.raises(ConfigError, match="--from and --to go together; for a single date give it to both"):
            both_dates_of(half)


@pytest.mark.parametrize(
    ("begin", "end", "line"),
    [
        ("yesterday", "2026-11-21", "--from = 'yesterday': no date; write it like \"2026-11-21\""),
        ("2026-11-21", "2026-11-21T09:00:00Z", "--to = '2026-11-21T09:00:00Z': no date; write it like \"2026-11-21\""),
        ("2026-11-22", "2026-11-21", "--to = '2026-11-21': before --from = '2026-11-22'"),
    ],
)
def test_dates_that_cannot_be_read_are_refused(begin: str, end: str, line: str) -> None:
    for read in (dates_of, both_dates_of):
        with pytest.raises(ConfigError) as refused:
            read(flags(begin, end))
        assert str(refused.value) == line
