from datetime import UTC, datetime
from math import ceil, log

import pytest
from pyspark.sql import Row

from event_lake.quality.frames.arrivals import group_by_hour
from event_lake.quality.frames.fields import group_by_type
from event_lake.quality.frames.refusals import group_refusals
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.hour.inventory import measure_completeness
from event_lake.quality.hour.percentiles import middle_of, percentile
from event_lake.quality.hour.refused import Refused

HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)
AT = int(HOUR.timestamp())


def number_of(seconds: float) -> int:
    """The bucket of seconds of 1 ms or more, as `bucket` has it."""
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


def refused(*reasons: tuple[tuple[str, ...], int], until: float | None = None) -> Refused:
    rows = [
        Row(kind="quarantine", hour=AT, event_type=None, names=list(names), records=count, others=0, until=None)
        for names, count in reasons
    ]
    ledger = Row(kind="ledger", hour=AT, event_type=None, names=None, records=None, others=None, until=until)
    return group_refusals([*rows, ledger], [HOUR])


def counted(*events: tuple[str, int]) -> Arrivals:
    rows = [
        Row(hour=AT, event_type=name, late=1, wait=None, events=count, subtypes=0, in_order=0, latest=0.0, newest=0.0)
        for name, count in events
    ]
    return group_by_hour(rows, [HOUR])


def values(found: Refused, arrived: Arrivals) -> dict[tuple[str, str | None], float]:
    return {(m.measure, m.subject): m.value for m in found.metrics(HOUR, arrived, []) if m.event_type is None}


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
    found = [refused(until=until).is_complete(HOUR) for until in (None, AT + 3599.0, AT + 3600.0)]
    assert found == [False, False, True]


def field(measured: str, key: str, values: int) -> Row:
    of_type = {"hour": AT, "measured": measured, "events": 10, "types": 17, "sampled": 10, "unread": 0, "fields": 2}
    return Row(key=key, values=values, **of_type)


def test_a_field_of_nearly_all_types_is_complete_by_the_events_of_each() -> None:
    rows = [field("often", "user", 10), field("rarely", "user", 5), field("often", "page", 10)]
    found = list(measure_completeness(HOUR, group_by_type(rows, [HOUR])[HOUR], {"often": 90, "rarely": 10}))
    assert [(m.subject, m.value) for m in found] == [("user", pytest.approx(0.95))]


def test_fields_that_are_counted_exactly_arent_estimated() -> None:
    rows = [field("a", name, 10) for name in ("event_uuid", "event_name", "created_at", "event_subtype")]
    assert list(measure_completeness(HOUR, group_by_type(rows, [HOUR])[HOUR], {"a": 10})) == []
