from datetime import datetime, timedelta
from typing import Any

import pytest

from event_lake.quality.hour.before import Before, Day
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.usual import Usual, hours_before, usual_count
from support.hour_views import HOUR as FRIDAY_NINE
from support.hour_views import a_view, arrivals, rows_of


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


def rows_against(usually: float, *, is_complete: bool = True, **events: int) -> list[tuple[Any, ...]]:
    """What is told of the hour's types, and of "lesson", that had so many events in each of the weeks before."""
    before = {hour: {None: usually, "lesson": usually} for hour in weeks_before(*[usually] * 8)}
    of_yesterday = {(FRIDAY_NINE - timedelta(days=1)).date(): {"lesson": Day(hours=1)}}
    refusals = Refusals(is_complete=is_complete)
    view = a_view(arrivals=arrivals(**events), refusals=refusals, before=Before(dict(before), of_yesterday))
    return rows_of(view, "unusual_events", "vanished_type")


def test_a_type_that_usually_comes_and_doesnt_has_vanished() -> None:
    detail = "0 events, usually 10 (median of 8 weeks)"
    found = rows_against(10)
    assert [row for row in found if row[1] == "lesson"] == [
        ("unusual_events", "lesson", None, round(-10 / 10**0.5, 3), detail),
        ("vanished_type", "lesson", None, 10, detail),
    ]


@pytest.mark.parametrize(("median", "now"), [(9, 0), (100, 1)])
def test_no_type_has_vanished_where_none_may_come_by_chance(median: float, now: int) -> None:
    assert [row[:2] for row in rows_against(median, lesson=now)] == [
        ("unusual_events", None),
        ("unusual_events", "lesson"),
    ]


def test_all_types_together_dont_vanish() -> None:
    assert [row[:2] for row in rows_against(100)] == [
        ("unusual_events", None),
        ("unusual_events", "lesson"),
        ("vanished_type", "lesson"),
    ]


def test_an_hour_in_which_more_can_arrive_isnt_held_against_what_is_usual() -> None:
    assert rows_against(10, is_complete=False) == []
