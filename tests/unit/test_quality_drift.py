from datetime import date, timedelta
from typing import Any

import pytest

from event_lake.contracts.contract import Column, Contract
from event_lake.quality.hour.before import Before, Day
from event_lake.quality.hour.expected import Expected, expect_fields
from event_lake.quality.hour.inventory import Field, Inventory
from event_lake.quality.hour.refused import Refusals
from support.hour_views import HOUR, a_view, arrivals, rows_of

TODAY = HOUR.date()
CONTRACT = Contract(
    event_type="lesson",
    columns=(
        Column(name="score", type="double", required=True),
        Column(name="title", type="string"),
        Column(name="city", type="string", path=("address", "city")),
        Column(name="tags", type="array<string>"),
        Column(name="attempts", type="int"),
        Column(name="price", type="decimal(9,2)"),
    ),
)


def has(**fields: str) -> dict[str, Field]:
    """Fields that all events have, of these JSON types."""
    return {name: a_field(types) for name, types in fields.items()}


def a_field(types: str, share: float = 1.0) -> Field:
    return Field(share, share, frozenset(types.split()))


def day(hours: int = 1, **shares: tuple[float, str]) -> Day:
    found = Day(hours=hours)
    for name, (share, types) in shares.items():
        found.add(name, share, frozenset(types.split()))
    return found


def days_ago(number: int) -> date:
    return TODAY - timedelta(days=number)


def drift(now: Inventory, then: Day, **known: Any) -> list[tuple[Any, ...]]:
    """What differs of the fields of a type from the day before: (measure, field, share, detail)."""
    view = a_view(inventories={"lesson": now}, before=Before({}, {days_ago(1): {"lesson": then}}), **known)
    rows = rows_of(view, "new_field", "changed_field", "vanished_field")
    assert {row[1] for row in rows} <= {"lesson"}
    return [(measure, *row) for measure, _, *row in rows]


def test_without_a_contract_fields_are_those_of_seven_days_with_the_shares_of_the_newest() -> None:
    days = {
        days_ago(7): {"lesson": day(a=(1.0, "string"))},
        days_ago(3): {"lesson": day(4, a=(2.0, "null"), b=(4.0, "integer"))},
        days_ago(2): {"other": day(c=(1.0, "string"))},
        days_ago(8): {"lesson": day(old=(1.0, "string"))},
        TODAY: {"lesson": day(new=(1.0, "string"))},
    }
    assert expect_fields(TODAY, "lesson", days, None) == Expected(
        {"a": frozenset({"string", "null"}), "b": frozenset({"integer"})}, {"a": 0.5, "b": 1.0}
    )


def test_a_type_without_days_before_and_contract_can_have_any_field() -> None:
    assert expect_fields(TODAY, "lesson", {TODAY: {"lesson": day(a=(1.0, "string"))}}, None) is None


def test_a_contract_says_which_fields_there_are_and_the_days_before_how_frequent() -> None:
    days = {days_ago(1): {"lesson": day(2, title=(1.0, "string"), gone=(2.0, "string"))}}
    then = expect_fields(TODAY, "lesson", days, CONTRACT)
    assert then == Expected(
        {
            "event_uuid": None,
            "event_name": None,
            "created_at": None,
            "score": frozenset({"integer", "number"}),
            "title": None,
            "address": frozenset({"object"}),
            "tags": frozenset({"array"}),
            "attempts": frozenset({"integer"}),
            "price": frozenset({"integer", "number", "string"}),
        },
        {"title": 0.5, "score": 1.0},
    )


def test_a_field_that_isnt_expected_is_new() -> None:
    now = Inventory(1000, {"a": a_field("string null", 0.02)})
    assert drift(now, day()) == [("new_field", "a", 0.02, "null, string")]


def test_a_field_of_another_type_has_changed() -> None:
    now = Inventory(1000, has(a="integer string"))
    assert drift(now, day(a=(1.0, "integer"))) == [("changed_field", "a", 1.0, "string; expected integer")]


@pytest.mark.parametrize(
    ("now", "then"),
    [("null", "string"), ("integer", "number"), ("object", "null"), ("integer", "integer null")],
)
def test_null_a_whole_number_and_the_first_type_after_null_are_no_change(now: str, then: str) -> None:
    assert drift(Inventory(1000, has(a=now)), day(a=(1.0, then))) == []


def test_a_field_of_any_type_never_changes() -> None:
    contract = Contract(event_type="lesson", columns=(Column(name="a", type="string"),))
    assert drift(Inventory(1000, has(a="object")), day(a=(1.0, "string")), contracts={"lesson": contract}) == []


@pytest.mark.parametrize(("share", "sampled", "times"), [(0.01, 1000, 1), (0.009, 1000, 0), (1.0, 9, 0)])
def test_a_field_has_vanished_where_chance_hardly_explains_that_none_came(
    share: float, sampled: int, times: int
) -> None:
    then = day(a=(share, "string"))
    assert drift(Inventory(sampled, {}), then) == [("vanished_field", "a", share, None)] * times


def test_no_field_has_vanished_that_may_be_among_those_that_arent_listed() -> None:
    assert drift(Inventory(1000, {}, unlisted=1), day(a=(1.0, "string"))) == []


def test_a_type_of_which_nothing_is_expected_has_no_drift() -> None:
    view = a_view(inventories={"lesson": Inventory(1000, has(a="string"))})
    assert rows_of(view, "new_field", "changed_field", "vanished_field") == []


def test_a_type_is_new_if_no_day_of_the_seven_before_had_it() -> None:
    days = {days_ago(7): {"lesson": day()}, days_ago(8): {"old": day()}, TODAY: {"first_hour": day()}}
    came = arrivals(lesson=3, old=4, first_hour=5, absent=0)
    assert rows_of(a_view(arrivals=came, before=Before({}, days)), "new_type") == [
        ("old", None, 4.0, None),
        ("first_hour", None, 5.0, None),
    ]


def test_nothing_is_new_to_a_lake_without_days_before() -> None:
    before = Before({}, {TODAY: {"other": day()}})
    assert rows_of(a_view(arrivals=arrivals(lesson=3), before=before), "new_type") == []


def before_with(*days_back: int) -> Before:
    before = Before({}, {})
    for back in days_back:
        events = {None: 30, "lesson": 20, "quiz": 10}
        before.add(HOUR - timedelta(days=back), events, {"lesson": Inventory(20, has(a="string"))})
    return before


def test_a_type_of_the_days_before_that_doesnt_come_has_no_events_and_drift_is_against_them() -> None:
    now = {"lesson": Inventory(20, has(b="string"))}
    view = a_view(arrivals=arrivals(lesson=20), inventories=now, before=before_with(1))
    assert rows_of(view, "events", "new_type", "new_field", "changed_field", "vanished_field") == [
        ("events", None, None, 20, None),
        ("events", "lesson", None, 20, None),
        ("events", "quiz", None, 0, None),
        ("new_field", "lesson", "b", 1.0, "string"),
        ("vanished_field", "lesson", "a", 1.0, None),
    ]


def test_an_hour_that_was_measured_had_no_events_of_a_type_that_it_doesnt_name() -> None:
    came = arrivals(new=20)
    came.in_all.events = 30
    view = a_view(arrivals=came, refusals=Refusals(is_complete=True), before=before_with(1, 2, 3, 4))
    measured = [row[:2] + row[3:4] for row in rows_of(view, "unusual_events", "vanished_type")]
    assert measured == [
        ("unusual_events", None, 0.0),
        ("unusual_events", "new", 20.0),
        ("unusual_events", "lesson", round(-20 / 20**0.5, 3)),
        ("unusual_events", "quiz", round(-10 / 10**0.5, 3)),
        ("vanished_type", "lesson", 20.0),
        ("vanished_type", "quiz", 10.0),
    ]
