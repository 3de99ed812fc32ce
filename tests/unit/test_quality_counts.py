from datetime import UTC, datetime, timedelta
from math import ceil, log

import pytest
from pyspark.sql import Row

from event_lake.quality.frames.arrivals import group_arrivals
from event_lake.quality.frames.elsewhere import group_elsewhere, group_staged_twice
from event_lake.quality.frames.fields import group_inventories, group_values_in_objects
from event_lake.quality.frames.refusals import group_refusals
from event_lake.quality.hour.arrived import Arrivals, Durations
from event_lake.quality.hour.inventory import Field, Inventory
from event_lake.quality.hour.percentiles import middle_of, percentile
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.view import Elsewhere
from support.hour_views import a_view, rows_of

HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)
AT = int(HOUR.timestamp())


def number_of(seconds: float) -> int:
    """The bucket of seconds of 1 ms or more, as `frames.arrivals` has it."""
    return ceil(log(seconds / 0.001) / log(1.02)) + 1


@pytest.mark.parametrize("seconds", [0.0011, 0.5, 1.0, 59.9, 86_400.0, 2_600_000.0])
def test_the_middle_of_a_bucket_is_within_one_percent(seconds: float) -> None:
    assert middle_of(number_of(seconds)) == pytest.approx(seconds, rel=0.01)


def test_buckets_mirror_negative_seconds() -> None:
    assert (middle_of(0), middle_of(-500)) == (0.0, -middle_of(500))


def test_a_percentile_is_reached_by_its_share_of_the_values() -> None:
    counts = {number_of(1): 50, number_of(10): 45, number_of(100): 4, number_of(1000): 1}
    found = [percentile(counts, share) for share in (0.5, 0.51, 0.95, 0.99, 1)]
    assert found == pytest.approx([1, 10, 10, 100, 1000], rel=0.01)


def test_no_percentile_is_beyond_the_longest_duration() -> None:
    durations = Durations()
    assert durations.summary() == {}
    durations.add(number_of(10), 3, 9.95)
    durations.add(number_of(1), 1, 1.0)
    assert durations.summary() == {"p50": 9.95, "p95": 9.95, "p99": 9.95, "max": 9.95}


def refused(*reasons: tuple[tuple[str, ...], int], until: float | None = None) -> Refusals:
    rows = [
        Row(kind="quarantine", hour=AT, event_type=None, names=list(names), records=count, others=0, until=None)
        for names, count in reasons
    ]
    ledger = Row(kind="ledger", hour=AT, event_type=None, names=None, records=None, others=None, until=until)
    return group_refusals([*rows, ledger], [HOUR])[HOUR]


def counted(*events: tuple[str, int]) -> Arrivals:
    rows = [
        Row(hour=AT, event_type=name, late=1, wait=None, events=count, subtypes=0, in_order=0, latest=0.0, newest=0.0)
        for name, count in events
    ]
    return group_arrivals(rows, [HOUR])[HOUR]


def values(refusals: Refusals, arrivals: Arrivals) -> dict[tuple[str, str | None], float]:
    """What is told of all types together of what was refused."""
    of_refusals = ("quarantined", "completeness", "valid_format", "duplicates", "conflicts", "contract_violations")
    rows = rows_of(a_view(refusals=refusals, arrivals=arrivals), *of_refusals)
    return {(measure, subject): value for measure, event_type, subject, value, _ in rows if event_type is None}


def test_a_record_counts_for_each_of_its_reasons_and_once_in_all() -> None:
    found = values(refused((("not_json",), 2), (("malformed_event_name", "missing_created_at"), 3)), counted(("a", 5)))
    assert found["quarantined", None] == 0.5
    assert found["quarantined", "not_json"] == 0.2
    assert found["quarantined", "malformed_event_name"] == found["quarantined", "missing_created_at"] == 0.3


def test_what_is_no_object_says_nothing_of_its_fields() -> None:
    found = values(refused((("not_json",), 90), (("missing_created_at",), 2)), counted(("a", 8)))
    assert found["completeness", "created_at"] == 0.8
    assert found["completeness", "event_uuid"] == 1.0


def test_the_format_is_of_values_that_were_sent() -> None:
    found = values(
        refused((("missing_created_at",), 5), (("created_at_too_old", "wrong_type_event_name"), 2)), counted(("a", 8))
    )
    assert found["valid_format", "created_at"] == 0.8
    assert found["valid_format", "event_name"] == pytest.approx(13 / 15)
    assert found["valid_format", "event_uuid"] == 1.0


def test_an_hour_in_which_nothing_came_has_no_shares() -> None:
    assert values(refused(), counted()) == {}


def test_an_hour_is_complete_once_all_was_read_up_to_its_end() -> None:
    found = [refused(until=until).is_complete for until in (None, AT + 3599.0, AT + 3600.0)]
    assert found == [False, False, True]


def test_rejected_events_count_once_and_for_each_column_and_reason() -> None:
    broken = {"amount": "wrong_type", None: "unreadable"}
    rows = [
        Row(kind="rejected", hour=AT, event_type="paid", names=names, records=count, others=0, until=None)
        for names, count in ((None, 3), *((list(names), 2) for names in broken.items()))
    ]
    refusals = group_refusals(rows, [HOUR])[HOUR]
    view = a_view(refusals=refusals, arrivals=counted(("paid", 4), ("other", 1)))
    assert rows_of(view, "contract_violations") == [
        ("paid", None, 0.75, None),
        ("paid", "amount", 0.5, "wrong_type"),
        ("paid", "payload", 0.5, "unreadable"),
    ]


def field(measured: str, key: str | None, values: int) -> Row:
    of_type = {"hour": AT, "measured": measured, "events": 10, "types": 17, "sampled": 10, "unread": 0, "fields": 2}
    return Row(key=key, values=values, **of_type)


def inventories(*rows: Row) -> dict[str, Inventory]:
    return group_inventories(rows, [HOUR])[HOUR]


def completeness_by_sample(found: dict[str, Inventory], *events: tuple[str, int]) -> list[tuple[str, float]]:
    rows = rows_of(a_view(inventories=found, arrivals=counted(*events)), "completeness")
    exactly_known = ("event_uuid", "event_name", "created_at", "event_subtype")
    return [(subject, value) for event_type, subject, value, _ in rows if subject not in exactly_known]


def test_an_inventory_has_the_shares_and_types_of_the_fields_that_have_rows() -> None:
    of_other = Row(hour=AT, measured="b", key=None, events=5, values=0, types=None, sampled=0, unread=5, fields=0)
    shares_and_types = frozenset({"null", "string"})
    assert inventories(field("a", "user", 5), field("a", None, 0), of_other) == {
        "a": Inventory(10, {"user": Field(1.0, 0.5, shares_and_types)}, unlisted=1, unread=0),
        "b": Inventory(0, {}, unlisted=0, unread=5),
    }


def test_a_field_of_nearly_all_types_is_complete_by_the_events_of_each() -> None:
    found = inventories(field("often", "user", 10), field("rarely", "user", 5), field("often", "page", 10))
    assert completeness_by_sample(found, ("often", 90), ("rarely", 10)) == [("user", pytest.approx(0.95))]


def test_fields_that_are_counted_exactly_arent_estimated() -> None:
    names = ("event_uuid", "event_name", "created_at", "event_subtype")
    found = inventories(*(field("a", name, 5) for name in names))
    rows = rows_of(a_view(inventories=found, arrivals=counted(("a", 10))), "completeness")
    assert [(subject, value) for event_type, subject, value, _ in rows if event_type is None] == [
        ("event_uuid", 1.0),
        ("event_name", 1.0),
        ("created_at", 1.0),
        ("event_subtype", 0.0),
    ]


def test_rows_belong_to_their_hour_and_type() -> None:
    hours, at = [HOUR, HOUR + timedelta(hours=1)], AT + 3600
    elsewhere = Row(hour=at, of_type="a", events=3, of_date=2, of_event_type=1, types=["b"])
    assert group_elsewhere([elsewhere], hours) == {hours[0]: {}, hours[1]: {"a": Elsewhere(3, 2, 1, ["b"])}}
    assert group_staged_twice([Row(hour=at, of_type="a", events=3)], hours) == {hours[0]: {}, hours[1]: {"a": 3}}
    in_object = Row(hour=at, measured="a", column="city", values=3)
    assert group_values_in_objects([in_object], hours) == {hours[0]: {}, hours[1]: {("a", "city"): 3}}
