from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.errors import ConfigError
from event_lake.generator.events import Timeline
from event_lake.generator.plan import Flags, Plan, make_plan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
MAX_AGE = timedelta(days=30)


def plan(flags: Flags) -> Plan:
    return make_plan(flags, now=NOW, max_age=MAX_AGE)


def test_without_flags_50000_events_end_now_and_are_put_at_once() -> None:
    made = plan(Flags())
    assert (made.first, made.count, made.is_paced) == (0, 50_000, False)
    assert made.timeline.place_ms(made.count - 1) in (NOW_MS - 1, NOW_MS)


def test_with_a_rate_the_first_event_is_created_now() -> None:
    assert plan(Flags(rate=50.0, count=100)) == Plan(
        timeline=Timeline(seed=1, start_ms=NOW_MS, rate=50.0), first=0, count=100, is_paced=True
    )


def test_a_duration_at_a_rate_is_a_count() -> None:
    assert plan(Flags(rate=2.5, duration="10 minutes")).count == 1500


def test_a_fixed_start_is_the_time_of_event_0_whatever_is_first() -> None:
    start = "2026-11-21T13:00:00+02:00"
    expected = Timeline(seed=7, start_ms=NOW_MS - 3_600_000, rate=300.0)
    assert plan(Flags(seed=7, count=10, started_at=start)).timeline == expected
    assert plan(Flags(seed=7, count=10, started_at=start, first=900)).timeline == expected


@given(
    count=st.integers(1, 10_000_000),
    rate=st.none() | st.floats(0.5, 5000),
    seed=st.integers(),
    microseconds=st.integers(0, 999_999),
)
def test_what_a_plan_describes_makes_the_same_plan_later(
    count: int, rate: float | None, seed: int, microseconds: int
) -> None:
    now = NOW + timedelta(microseconds=microseconds)
    made = make_plan(Flags(count=count, rate=rate, seed=seed), now=now, max_age=MAX_AGE)
    start = str(made.described()["started_at"])
    again = make_plan(
        Flags(count=count, rate=rate, seed=seed, started_at=start),
        now=now + timedelta(hours=1),
        max_age=MAX_AGE,
    )
    assert again == made


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (Flags(duration="1 minute"), "--duration needs --rate"),
        (Flags(duration="1 minute", rate=1.0, count=5), "contradict each other"),
        (Flags(duration="1 year", rate=1.0), "not a duration"),
        (Flags(duration="1 second", rate=0.5), "too short for one event at --rate 0.5"),
        (Flags(first=5), "--first needs the --started-at"),
        (Flags(first=-1, started_at="2026-11-21T11:00:00Z"), "--first = -1"),
        (Flags(count=0), "--count = 0"),
        (Flags(rate=0.0), "--rate = 0.0"),
        (Flags(rate=float("inf")), "--rate = inf"),
        (Flags(started_at="yesterday"), "not a time with its zone"),
        (Flags(started_at="2026-11-21T11:00:00"), "not a time with its zone"),
        (Flags(started_at="2026-11-21T11:59:59Z", count=1000), "before they are created"),
        (Flags(started_at="2026-11-21T12:00:01Z", rate=1.0), "before they are created"),
        (Flags(started_at="2026-10-23T11:00:00Z"), r"raw.max_age \(30 days, 0:00:00\) refuses some"),
    ],
)
def test_flags_that_cannot_be_met_are_refused(flags: Flags, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(flags)
