from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.offsets import After, At, Position, TrimHorizon
from event_lake.kinesis.parts import Range
from event_lake.kinesis.reading.ranges import read_pages
from support.fake_shards import FakeShards
from support.planned_batches import DAY, a_shard, at

HOUR = 3600.0


@dataclass
class Reading:
    """What comes of reading one range of a query that goes on after a loss."""

    shards: FakeShards
    pages: list[list[str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def read(self, start: Position, end: str, *, unread_since: float = 0.0, retention: float = DAY) -> list[list[str]]:
        part = Range("a", start, After(end), at(unread_since).time, timedelta(seconds=retention))
        for page in read_pages(part, self.shards, self.lost.append):
            self.pages.append(list(page.sequence_numbers))
        return self.pages


def read(shards: FakeShards, start: Position, end: str) -> list[list[str]]:
    """With nothing lost."""
    reading = Reading(shards)
    reading.read(start, end)
    assert reading.lost == []
    return reading.pages


def ten_records(**kinds: float) -> FakeShards:
    return a_shard(*range(0, 100, 10), **{"clock": 1000, **kinds})


def expired(shards: FakeShards, end: int) -> str:
    return f"records of a up to {shards.numbers('a')[end]} expired before they were read"


def test_a_range_begins_after_its_start_and_ends_with_its_end() -> None:
    shards = ten_records()
    numbers = shards.numbers("a")
    assert read(shards, After(numbers[2]), numbers[6]) == [numbers[3:7]]


def test_a_range_takes_as_many_pages_as_kinesis_makes_and_no_call_more() -> None:
    shards = ten_records(page_size=3)
    numbers = shards.numbers("a")
    assert read(shards, TrimHorizon(), numbers[5]) == [numbers[:3], numbers[3:6]]
    assert shards.calls == {"iterator": 1, "get_records": 2}


def test_every_column_of_the_last_page_is_cut() -> None:
    shards = ten_records()
    part = Range("a", At(at(0).time), After(shards.numbers("a")[1]), at(0).time, timedelta(days=1))
    (page,) = read_pages(part, shards, pytest.fail)
    assert (page.data, page.partition_keys, page.arrived) == (
        [b"0", b"1"],
        ["0", "1"],
        [at(0).time.timestamp(), at(10).time.timestamp()],
    )


def test_empty_answers_in_between_are_followed_at_a_pace_that_kinesis_allows() -> None:
    shards = ten_records(covers=4)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(TrimHorizon(), numbers[2]) == [[number] for number in numbers[:3]]
    assert shards.pauses == [0.2] * 3


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 11), st.sampled_from([None, 7.0, 35.0]))
def test_a_replay_reads_the_same_however_much_has_arrived_since(
    start: int, end: int, page_size: int, covers: float | None
) -> None:
    start, end = sorted((start, end))
    shards = FakeShards("a", clock=10 * end, page_size=page_size, covers=covers)
    shards.put("a", *range(0, 100, 10))
    numbers = shards.numbers("a")
    position = After(numbers[start - 1]) if start else TrimHorizon()
    first = list(chain(*read(shards, position, numbers[end])))
    shards.clock = 5000
    assert list(chain(*read(shards, position, numbers[end]))) == first == numbers[start : end + 1]


def test_an_iterator_that_expires_midway_is_taken_anew_after_the_last_record() -> None:
    shards = ten_records(page_size=3)
    numbers = shards.numbers("a")
    part = Range("a", TrimHorizon(), After(numbers[7]), at(0).time, timedelta(days=1))
    pages = read_pages(part, shards, pytest.fail)
    found = list(next(pages).sequence_numbers)
    shards.clock += 301
    for page in pages:
        found += page.sequence_numbers
    assert found == numbers[:8]
    assert shards.calls == {"iterator": 2, "get_records": 4}


def test_a_slow_reader_within_the_retention_proves_nothing_and_pays_nothing() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR, retention=HOUR + 1)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(After(numbers[2]), numbers[6], retention=HOUR) == [numbers[3:7]]
    assert shards.calls == {"iterator": 1, "get_records": 1}


def test_beyond_the_retention_the_record_before_is_proof_that_nothing_expired() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 200, retention=HOUR + 300)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(After(numbers[2]), numbers[6], retention=HOUR) == [numbers[3:7]]
    assert (reading.lost, shards.calls) == ([], {"iterator": 1, "get_records": 1})


def test_a_page_of_recent_records_needs_no_proof() -> None:
    shards = a_shard(0, 10, *range(1800, 1870, 10), clock=HOUR + 5, retention=2 * HOUR, page_size=3)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(After(numbers[0]), numbers[8], retention=HOUR) == [numbers[1:3], numbers[3:6], numbers[6:]]
    # The first begins on the record before, which is its proof.
    assert (reading.lost, shards.calls["get_records"]) == ([], 3)


def test_records_that_expired_before_the_first_are_told_and_the_rest_is_read() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 45, retention=HOUR)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(After(numbers[1]), numbers[6], retention=HOUR) == [numbers[5:7]]
    assert reading.lost == [f"records of a after {numbers[1]} expired before they were read"]


@pytest.mark.parametrize(
    ("arrived", "lost"), [(at(10), True), (None, False)], ids=["within the retention", "at a time that isn't known"]
)
def test_a_start_that_is_gone_is_told_where_it_arrived_within_the_retention(arrived: At | None, *, lost: bool) -> None:
    shards = a_shard(*range(0, 100, 10), clock=2 * HOUR)
    shards.trim("a", 5)
    numbers, reading = shards.numbers("a"), Reading(shards)
    start = After(numbers[1], arrived=arrived.time if arrived else None)
    assert reading.read(start, numbers[6]) == [numbers[5:7]]
    assert reading.lost == [f"records of a after {numbers[1]} expired before they were read"] * lost


def test_records_that_expire_between_two_pages_are_told_and_the_rest_is_read() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR - 1, retention=HOUR, page_size=3)
    numbers, lost = shards.numbers("a"), list[str]()
    part = Range("a", TrimHorizon(), After(numbers[8]), at(0).time, timedelta(seconds=HOUR))
    pages = read_pages(part, shards, lost.append)
    found = list(next(pages).sequence_numbers)
    shards.clock = HOUR + 55
    for page in pages:
        found += page.sequence_numbers
    assert (found, lost) == (
        numbers[:3] + numbers[6:9],
        [f"records of a after {numbers[2]} expired before they were read"],
    )


def test_an_end_that_has_expired_with_all_before_it_is_told() -> None:
    shards = a_shard(*range(0, 100, 10), 3700, clock=HOUR + 200, retention=HOUR)
    reading = Reading(shards)
    reading.read(TrimHorizon(), shards.numbers("a")[6], retention=HOUR)
    assert (reading.pages, reading.lost) == ([], [expired(shards, 6)])


def test_an_end_that_has_expired_where_nothing_came_after_is_told() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 200, retention=HOUR)
    reading = Reading(shards)
    reading.read(TrimHorizon(), shards.numbers("a")[6], retention=HOUR)
    assert (reading.pages, reading.lost) == ([], [expired(shards, 6)])


def test_the_end_of_a_closed_shard_that_has_expired_is_told_at_once() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 200, retention=HOUR)
    shards.split("a", 300, "b", "c")
    reading = Reading(shards)
    reading.read(TrimHorizon(), shards.numbers("a")[6], retention=HOUR)
    assert (reading.pages, reading.lost, shards.pauses) == ([], [expired(shards, 6)], [])


def test_a_shard_that_is_gone_is_told() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 400, retention=HOUR)
    shards.split("a", 300, "b", "c")
    numbers, reading = shards.numbers("a"), Reading(shards)
    reading.read(After(numbers[2]), numbers[6], retention=HOUR)
    assert (reading.pages, reading.lost) == (
        [],
        [f"shard a is gone: records after {numbers[2]} up to {numbers[6]}"],
    )


def test_what_lost_raises_ends_the_reading() -> None:
    def lost(what: str) -> None:
        raise DataLossError(what)

    shards = a_shard(*range(0, 100, 10), clock=HOUR + 45, retention=HOUR)
    numbers = shards.numbers("a")
    part = Range("a", After(numbers[1]), After(numbers[6]), at(0).time, timedelta(seconds=HOUR))
    with pytest.raises(DataLossError, match=f"after {numbers[1]} expired"):
        next(read_pages(part, shards, lost))


def test_records_that_expired_after_a_time_are_told() -> None:
    shards = a_shard(*range(0, 100, 10), clock=HOUR + 45, retention=HOUR)
    numbers, reading = shards.numbers("a"), Reading(shards)
    assert reading.read(at(0), numbers[6], retention=HOUR) == [numbers[5:7]]
    assert reading.lost == [f"records of a after AT {at(0).time.isoformat()} expired before they were read"]


def test_an_end_that_kinesis_denies_is_no_wait_for_ever() -> None:
    shards = ten_records()
    reading = Reading(shards)
    with pytest.raises(ServiceUnavailableError) as denied:
        reading.read(TrimHorizon(), "999")
    assert str(denied.value) == "shard a ended before record 999, which it held before"
    assert (shards.pauses, reading.lost) == ([0.2] * 50, [])


def test_an_end_that_kinesis_shows_late_is_read() -> None:
    shards = ten_records(clock=85)

    numbers = shards.numbers("a")
    assert read(shards, TrimHorizon(), numbers[9]) == [numbers[:9], numbers[9:]]
    assert sum(shards.pauses) == pytest.approx(90 - 85)


def test_a_closed_shard_that_ends_too_soon_is_reported_at_once() -> None:
    shards = ten_records()
    shards.split("a", 500, "b", "c")
    reading = Reading(shards)
    with pytest.raises(ServiceUnavailableError):
        reading.read(TrimHorizon(), "999")
    assert shards.pauses == []
