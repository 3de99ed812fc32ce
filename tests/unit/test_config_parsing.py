"""Values of keys and flags: what their text means, and what is said of those that can't be used."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from event_lake.config.parsing import parse_duration, parse_instant, unusable
from event_lake.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ("three", "'three'"),
        (("a", "b"), "['a', 'b']"),
        (Decimal("1E+40"), "'1E+40'"),
        (date(2026, 1, 31), "'2026-01-31'"),
        (datetime(2026, 1, 31, tzinfo=UTC), "'2026-01-31 00:00:00+00:00'"),
    ],
)
def test_an_unusable_value_is_shown_as_text_or_as_a_list(value: object, shown: str) -> None:
    assert str(unusable("a.b", value, "no good; write another")) == f"a.b = {shown}: no good; write another"


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1 second", timedelta(seconds=1)),
        ("10 minutes", timedelta(minutes=10)),
        ("1 hours", timedelta(hours=1)),
        ("365 days", timedelta(days=365)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration("raw.max_age", text) == duration


@pytest.mark.parametrize(
    "text", ["", "10", "0 minutes", "-1 hours", "1.5 hours", "10minutes", "1 week", "1 hour ", "٣ days"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"raw.max_age = {text!r}: not a duration")):
        parse_duration("raw.max_age", text)


def test_an_instant_is_in_utc_whatever_its_zone() -> None:
    an_hour_ahead = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))
    assert parse_instant(an_hour_ahead.isoformat()) == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert parse_instant(an_hour_ahead.isoformat()).tzinfo is UTC
