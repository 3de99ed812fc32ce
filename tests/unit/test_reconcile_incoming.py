"""Which times CloudWatch can be asked about."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from event_lake.reconciliation.incoming import whole_minutes

NOW = datetime(2026, 11, 21, 9, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{time}+00:00")


def test_a_time_is_cut_to_the_whole_minutes_in_it() -> None:
    assert whole_minutes(at("21T08:00:01"), at("21T08:07:59.999"), NOW) == (at("21T08:01:00"), at("21T08:07:00"))
    assert whole_minutes(at("21T08:00:00"), at("21T08:07:00"), NOW) == (at("21T08:00:00"), at("21T08:07:00"))


@settings(deadline=None)
@given(st.floats(0, 450), st.floats(0, 450), st.floats(-60, 60))
def test_of_long_ago_it_is_cut_to_what_cloudwatch_keeps(days: float, longer: float, clock_is_off: float) -> None:
    """Minutes for 15 days, 5 minutes for 63, then hours, by its own clock."""
    begin = NOW - timedelta(days=days)
    age = timedelta(days=days, minutes=clock_is_off)
    kept = 60 if age < timedelta(days=15) else 300 if age < timedelta(days=63) else 3600
    asked = whole_minutes(begin, begin + timedelta(days=longer), NOW)
    assert [time.timestamp() % kept for time in asked] == [0, 0]
    assert asked[0] - begin < timedelta(hours=1)
