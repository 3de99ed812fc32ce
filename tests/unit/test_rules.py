"""The rules of a batch, and what changed of them."""

from dataclasses import replace
from datetime import timedelta

from event_lake import __version__
from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.raw.rules_in_force import describe_changes, format_value, rules_of

SETTINGS = Settings(source=Source(stream="events"), lake=Lake(root="lake"))


def with_raw(raw: Raw) -> dict[str, str]:
    return rules_of(replace(SETTINGS, raw=raw), "4.2.0")


def test_all_that_decides_what_an_event_is_is_a_rule() -> None:
    assert with_raw(Raw()).keys() == {
        "raw.compression",
        "raw.created_at_strings",
        "raw.event_types",
        "raw.fields.created_at",
        "raw.fields.event_name",
        "raw.fields.event_uuid",
        "raw.finest_created_at",
        "raw.max_age",
        "raw.max_batch_partitions",
        "raw.max_depth",
        "raw.max_event_types",
        "raw.max_events_per_record",
        "raw.max_future",
        "raw.max_payload_bytes",
        "raw.name_characters",
        "raw.payload_split",
        "Event Lake",
        "Spark",
    }


def test_the_same_rules_have_not_changed() -> None:
    assert describe_changes(with_raw(Raw()), with_raw(Raw())) == []


def test_changes_tell_both_values_as_they_may_be_written() -> None:
    begun = with_raw(Raw())
    now = rules_of(replace(SETTINGS, raw=Raw(max_future=timedelta(hours=1), payload_split="lines")), "4.1.3")
    assert describe_changes(begun, now) == [
        "Spark is 4.1.3 and was 4.2.0",
        "raw.max_future is '3600 seconds' and was '300 seconds'",
        "raw.payload_split is 'lines' and was 'none'",
    ]


def test_long_times_are_told_in_digits() -> None:
    assert (format_value(timedelta(days=1000)), format_value(timedelta(milliseconds=1500))) == (
        "'86400000 seconds'",
        "'1.5 seconds'",
    )


def test_another_version_of_the_package_is_a_change() -> None:
    begun = with_raw(Raw()) | {"Event Lake": "0.0.1"}
    assert describe_changes(begun, with_raw(Raw())) == [f"Event Lake is {__version__} and was 0.0.1"]


def test_rules_that_one_of_two_versions_does_not_know_are_changes() -> None:
    assert describe_changes({"old": "1"}, {"new": "2"}) == ["new is 2 and was not there", "old is no more and was 1"]


def test_a_batch_that_an_older_version_began_has_unknown_rules() -> None:
    assert describe_changes(None, with_raw(Raw())) == [
        "an older version of Event Lake began it, which didn't note its rules"
    ]
