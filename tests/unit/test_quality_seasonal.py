from datetime import UTC, datetime, timedelta

import pytest

from event_lake.quality.hour.usual import Usual, compare_count, hours_before, usual_count
from event_lake.quality.metric import Metric

FRIDAY_NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def weeks_before(*counts: float) -> dict[datetime, float]:
    return {FRIDAY_NINE - timedelta(weeks=back): count for back, count in enumerate(counts, 1)}


def days_before(*counts: float) -> dict[datetime, float]:
    return {FRIDAY_NINE - timedelta(days=back): count for back, count in enumerate(counts, 1)}


def test_the_score_is_in_robust_deviations_from_the_median_of_the_weeks_before() -> None:
    before = usual_count(FRIDAY_NINE, weeks_before(1000, 1200, 800, 1600, 400))
    assert before == Usual(1000, 1.4826 * 200, "5 weeks")
    assert before.score(1000 - 3 * 1.4826 * 200) == pytest.approx(-3)


def test_one_strange_week_doesnt_change_what_is_usual() -> None:
    usually = usual_count(FRIDAY_NINE, weeks_before(1000, 1000, 1000, 1000, 1000))
    assert usual_count(FRIDAY_NINE, weeks_before(1000, 1000, 90_000, 1000, 1000)) == usually


@pytest.mark.parametrize(("count", "deviation"), [(1_000_000, 50_000), (100, 10), (0, 1)])
def test_the_deviation_has_a_floor_where_all_weeks_were_alike(count: float, deviation: float) -> None:
    assert usual_count(FRIDAY_NINE, weeks_before(*[count] * 8)) == Usual(count, deviation, "8 weeks")


def test_the_same_hour_of_the_last_days_stands_in_for_weeks_that_are_too_few() -> None:
    events = {**days_before(10, 10, 10, 10, 10, 10), **weeks_before(10, 500, 500)}
    assert usual_count(FRIDAY_NINE, events) == Usual(10, 10**0.5, "7 days")


def test_too_little_history_says_nothing() -> None:
    assert usual_count(FRIDAY_NINE, days_before(10, 10, 10)) is None


def test_other_hours_of_the_day_dont_count() -> None:
    assert usual_count(FRIDAY_NINE, {FRIDAY_NINE - timedelta(hours=back): 10 for back in range(1, 24)}) is None


def test_eight_weeks_and_seven_days_are_looked_at() -> None:
    found = hours_before(FRIDAY_NINE)
    assert (len(found), min(found)) == (14, FRIDAY_NINE - timedelta(weeks=8))


def test_a_type_that_usually_comes_and_doesnt_has_vanished() -> None:
    detail = "0 events, usually 10 (median of 8 weeks)"
    assert compare_count(FRIDAY_NINE, "lesson", 0, Usual(10, 5, "8 weeks")) == [
        Metric("unusual_events", "lesson", None, FRIDAY_NINE, -2, detail),
        Metric("vanished_type", "lesson", None, FRIDAY_NINE, 10, detail),
    ]


@pytest.mark.parametrize(("event_type", "median", "now"), [("lesson", 9, 0), ("lesson", 100, 1), (None, 100, 0)])
def test_no_type_has_vanished_where_none_may_come_by_chance(event_type: str | None, median: float, now: float) -> None:
    found = compare_count(FRIDAY_NINE, event_type, now, Usual(median, 5, "8 weeks"))
    assert [metric.measure for metric in found] == ["unusual_events"]
