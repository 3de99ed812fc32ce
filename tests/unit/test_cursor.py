import pytest

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.api.cursor import Cursor
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, ShardGoneError
from event_lake.kinesis.offsets import After, TrimHorizon
from support.fake_shards import FakeShards
from support.planned_batches import a_shard, at


class Forgetful(FakeShards):
    """Lets every iterator expire before it is used."""

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        self.calls["get_records"] += 1
        raise IteratorExpiredError


class Stuck(FakeShards):
    """Says for ever that there is more, and never gives it."""

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        return Page([], [], [], [], iterator, 1_000)


def numbers_of(cursor: Cursor, limit: int = 10_000) -> list[str]:
    return list(cursor.page(limit).sequence_numbers)


def test_pages_follow_each_other_and_the_position_with_them() -> None:
    shards = a_shard(*range(5), clock=10)
    cursor = Cursor(shards, "a", TrimHorizon())
    found = [(numbers_of(cursor, 2), cursor.position) for _ in range(4)]
    n = shards.numbers("a")
    assert found == [(n[:2], After(n[1])), (n[2:4], After(n[3])), (n[4:], After(n[4])), ([], After(n[4]))]
    assert shards.calls == {"iterator": 1, "get_records": 4}


def test_an_expired_iterator_is_taken_anew_after_the_last_record() -> None:
    shards = a_shard(*range(5), clock=10)
    cursor = Cursor(shards, "a", at(0))
    before = numbers_of(cursor, 2)
    shards.clock += 301
    assert before + numbers_of(cursor, 2) == shards.numbers("a")[:4]
    assert shards.calls == {"iterator": 2, "get_records": 3}


def test_an_iterator_that_expires_before_the_first_record_is_taken_anew_at_the_start() -> None:
    shards = a_shard(400, clock=10)
    cursor = Cursor(shards, "a", at(5))
    assert numbers_of(cursor) == []
    shards.clock = 500
    assert numbers_of(cursor) == shards.numbers("a")


def test_iterators_that_expire_at_once_end_in_an_error() -> None:
    shards = Forgetful("a")
    with pytest.raises(ServiceUnavailableError) as ended:
        Cursor(shards, "a", TrimHorizon()).page()
    assert str(ended.value) == "shard a: a new iterator expired at once"
    assert shards.calls == {"iterator": 2, "get_records": 2}


@pytest.mark.parametrize(("inclusive", "first"), [(False, 2), (True, 1)])
def test_inclusive_begins_on_the_record_itself(*, inclusive: bool, first: int) -> None:
    shards = a_shard(*range(5), clock=10)
    numbers = shards.numbers("a")
    cursor = Cursor(shards, "a", After(numbers[1]), inclusive=inclusive)
    assert numbers_of(cursor, 2) == numbers[first : first + 2]
    shards.clock += 301
    assert numbers_of(cursor, 1) == numbers[first + 2 : first + 3]


@pytest.mark.parametrize("tells_end_late", [False, True])
def test_a_closed_shard_is_closed_once_its_last_record_is_read(*, tells_end_late: bool) -> None:
    shards = FakeShards("a", clock=10, tells_end_late=tells_end_late)
    shards.put("a", 0, 1)
    shards.split("a", 5, "b", "c")
    cursor = Cursor(shards, "a", TrimHorizon())
    found = []
    while not cursor.closed:
        found.append(len(numbers_of(cursor, 1)))
    assert found == ([1, 1, 0] if tells_end_late else [1, 1])


def test_a_shard_that_is_not_there_is_gone() -> None:
    with pytest.raises(ShardGoneError):
        Cursor(FakeShards("a"), "b", TrimHorizon()).page()


def test_records_come_after_empty_answers() -> None:
    shards = FakeShards("a", clock=1_000, covers=30)
    shards.put("a", 900)
    cursor = Cursor(shards, "a", at(0))
    assert list(cursor.records().sequence_numbers) == shards.numbers("a")
    assert shards.calls["get_records"] == 31


def test_the_pace_of_empty_answers_is_one_that_kinesis_allows() -> None:
    shards = FakeShards("a", clock=1_000, covers=300)
    shards.put("a", 990)
    Cursor(shards, "a", at(0)).records()
    assert shards.pauses == [0.2] * 3


def test_empty_answers_that_come_no_nearer_to_the_tip_end_in_an_error() -> None:
    shards = Stuck("a", clock=10)
    shards.put("a", 0)
    with pytest.raises(ServiceUnavailableError) as ended:
        Cursor(shards, "a", After(shards.numbers("a")[0])).records()
    assert str(ended.value) == (
        "shard a: 1000 empty answers after 1, though there is more, 1000 ms from the tip at the nearest"
    )
    assert shards.pauses == [0.2] * 1_000


def test_empty_answers_that_come_nearer_are_followed_however_many_they_are() -> None:
    shards = FakeShards("a", clock=5_000, covers=2)
    shards.put("a", 4_900)
    assert list(Cursor(shards, "a", at(0)).records().sequence_numbers) == shards.numbers("a")
    assert len(shards.pauses) > 2_000


def test_the_last_records_are_those_at_the_tip() -> None:
    shards = a_shard(*range(10), clock=20, page_size=4)
    cursor = Cursor(shards, "a", TrimHorizon())
    last = cursor.last_records(cursor.records(), at(100).time)
    assert list(last.sequence_numbers) == shards.numbers("a")[8:]


def test_the_last_records_are_those_that_reach_a_time() -> None:
    shards = a_shard(*range(10), clock=20, page_size=2)
    cursor = Cursor(shards, "a", TrimHorizon())
    assert list(cursor.last_records(cursor.records(), at(4.5).time).sequence_numbers) == shards.numbers("a")[4:6]


def test_the_last_records_before_an_empty_tip_stay_the_last() -> None:
    shards = a_shard(*range(10), clock=20)
    cursor = Cursor(shards, "a", TrimHorizon())
    page = cursor.records(limit=10)
    assert not page.at_tip
    assert cursor.last_records(page, at(100).time) == page
