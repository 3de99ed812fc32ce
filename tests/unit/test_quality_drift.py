from datetime import UTC, date, datetime, timedelta

import pytest

from event_lake.contracts.contract import Column, Contract
from event_lake.quality.hour.before import Before, compare_with_before, compare_with_usual
from event_lake.quality.hour.expected import Day, Expected, Field, Inventory, expect_fields, find_drift, new_types
from event_lake.quality.metric import Metric

HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)
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
    return {name: Field(1.0, frozenset(types.split())) for name, types in fields.items()}


def day(hours: int = 1, **shares: tuple[float, str]) -> Day:
    found = Day(hours=hours)
    for name, (share, types) in shares.items():
        found.add(name, share, frozenset(types.split()))
    return found


def days_ago(number: int) -> date:
    return TODAY - timedelta(days=number)


def found(now: Inventory, then: Expected) -> list[tuple[str, str | None, float, str | None]]:
    return [(m.measure, m.subject, m.value, m.detail) for m in find_drift(HOUR, "lesson", now, then)]


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
    now = Inventory(1000, {"a": Field(0.02, frozenset({"string", "null"}))})
    assert found(now, Expected({}, {})) == [("new_field", "a", 0.02, "null, string")]


def test_a_field_of_another_type_has_changed() -> None:
    then = Expected({"a": frozenset({"integer"})}, {})
    assert found(Inventory(1000, has(a="integer string")), then) == [
        ("changed_field", "a", 1.0, "string; expected integer")
    ]


@pytest.mark.parametrize(
    ("now", "then"),
    [("null", {"string"}), ("integer", {"number"}), ("object", {"null"}), ("integer", {"integer", "null"})],
)
def test_null_a_whole_number_and_the_first_type_behind_null_are_no_change(now: str, then: set[str]) -> None:
    assert found(Inventory(1000, has(a=now)), Expected({"a": frozenset(then)}, {"a": 1.0})) == []


def test_a_field_of_any_type_never_changes() -> None:
    assert found(Inventory(1000, has(a="object")), Expected({"a": None}, {})) == []


@pytest.mark.parametrize(("share", "sampled", "times"), [(0.01, 1000, 1), (0.009, 1000, 0), (1.0, 9, 0)])
def test_a_field_has_vanished_where_chance_hardly_explains_that_none_came(
    share: float, sampled: int, times: int
) -> None:
    then = Expected({"a": frozenset({"string"})}, {"a": share})
    assert found(Inventory(sampled, {}), then) == [("vanished_field", "a", share, None)] * times


def test_no_field_has_vanished_that_may_be_among_those_that_arent_listed() -> None:
    then = Expected({"a": frozenset({"string"})}, {"a": 1.0})
    assert found(Inventory(1000, {}, is_whole=False), then) == []


def test_a_type_is_new_if_no_day_of_the_seven_before_had_it() -> None:
    days = {days_ago(7): {"lesson": day()}, days_ago(8): {"old": day()}, TODAY: {"first_hour": day()}}
    events = {"lesson": 3.0, "old": 4.0, "first_hour": 5.0, "absent": 0.0}
    assert new_types(HOUR, events, days) == [
        Metric("new_type", "old", None, HOUR, 4.0),
        Metric("new_type", "first_hour", None, HOUR, 5.0),
    ]


def test_nothing_is_new_to_a_lake_without_days_before() -> None:
    assert new_types(HOUR, {"lesson": 3.0}, {TODAY: {"other": day()}}) == []


def before_with(*hours: datetime) -> Before:
    before = Before({}, {})
    for hour in hours:
        before.add(hour, {None: 30, "lesson": 20, "quiz": 10}, {"lesson": Inventory(20, has(a="string"))})
    return before


def test_a_type_of_the_days_before_that_doesnt_come_has_no_events_and_drift_is_against_them() -> None:
    before = before_with(HOUR - timedelta(days=1))
    now = {"lesson": Inventory(20, has(b="string"))}
    assert list(compare_with_before(HOUR, {None: 20, "lesson": 20}, now, before, {})) == [
        Metric("events", "quiz", None, HOUR, 0),
        Metric("new_field", "lesson", "b", HOUR, 1.0, "string"),
        Metric("vanished_field", "lesson", "a", HOUR, 1.0),
    ]


def test_an_hour_that_was_measured_had_no_events_of_a_type_that_it_doesnt_name() -> None:
    before = before_with(*(HOUR - timedelta(days=back) for back in (1, 2, 3, 4)))
    told = [(m.measure, m.event_type, m.value) for m in compare_with_usual(HOUR, {None: 30, "new": 20}, before)]
    assert told == [
        ("unusual_events", None, 0.0),
        ("unusual_events", "new", 20.0),
        ("unusual_events", "lesson", round(-20 / 20**0.5, 3)),
        ("vanished_type", "lesson", 20.0),
        ("unusual_events", "quiz", round(-10 / 10**0.5, 3)),
        ("vanished_type", "quiz", 10.0),
    ]
