"""The fake and the real client, asked the same: what holds for one holds for the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from event_lake.errors import EventLakeError, StreamNotFoundError
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, Reads, ShardGoneError
from event_lake.kinesis.offsets import After, At, Summary, TrimHorizon, instant_of_seconds
from event_lake.kinesis.shards import Shard
from support.fake_shards import T0, FakeShards
from support.replayed_streams import REGION, Stream, any_credentials, serve

SHARD = "shardId-000000000000"
COUNT = 20


@dataclass
class Kinesis:
    """A shard of 20 records, one each 10 s, all arrived, behind either kind of client."""

    reads: Reads
    first_arrival: datetime

    def arrival(self, record: int) -> datetime:
        return self.first_arrival + timedelta(seconds=10 * record)

    def pages(self, limit: int) -> list[Page]:
        pages = [self.reads.get_records(self.reads.iterator(SHARD, TrimHorizon()), limit)]
        while not pages[-1].at_tip:
            assert pages[-1].next_iterator
            pages.append(self.reads.get_records(pages[-1].next_iterator, limit))
        return pages


@pytest.fixture(scope="module", params=["fake", "replayed"])
def kinesis(request: pytest.FixtureRequest) -> Iterator[Kinesis]:
    if request.param == "fake":
        shards = FakeShards(SHARD, clock=3600, slow=0.5)
        shards.put(SHARD, *range(0, 10 * COUNT, 10))
        yield Kinesis(shards, T0)
        return
    start = instant_of_seconds(int(datetime.now(UTC).timestamp()) - 3600)
    payloads = [b"%d" % n for n in range(COUNT)]
    with any_credentials(), serve(lambda: Stream([payloads], start, 0.1)) as url:
        yield Kinesis(KinesisClient("any", REGION, url), start)


def numbers(pages: Sequence[Page]) -> list[str]:
    return [number for page in pages for number in page.sequence_numbers]


def test_the_horizon_is_the_first_record(kinesis: Kinesis) -> None:
    page, _ = kinesis.pages(limit=100)
    assert (page.data, page.partition_keys) == (
        [b"%d" % n for n in range(COUNT)],
        [str(n) for n in range(COUNT)],
    )
    assert [instant_of_seconds(seconds) for seconds in page.arrived] == [kinesis.arrival(n) for n in range(COUNT)]


def test_pages_follow_each_other_without_gap_or_overlap(kinesis: Kinesis) -> None:
    pages = kinesis.pages(limit=7)
    assert [(len(page.data), page.at_tip, page.millis_behind > 0) for page in pages] == [
        (7, False, True),
        (7, False, True),
        (6, False, False),
        (0, True, False),
    ]
    assert numbers(pages) == numbers(kinesis.pages(limit=100))


@pytest.mark.parametrize("limit", [COUNT, COUNT + 1])
def test_only_an_answer_without_records_tells_the_tip_of_an_open_shard(kinesis: Kinesis, limit: int) -> None:
    last, empty = kinesis.pages(limit)
    assert (len(last.data), last.at_tip, last.millis_behind) == (COUNT, False, 0)
    assert (empty.data, empty.at_tip, empty.millis_behind) == ([], True, 0)
    assert empty.next_iterator


def test_a_position_after_a_record_starts_with_the_next(kinesis: Kinesis) -> None:
    known = numbers(kinesis.pages(limit=100))
    page = kinesis.reads.get_records(kinesis.reads.iterator(SHARD, After(known[11])))
    assert page.sequence_numbers == known[12:]


def test_inclusive_is_the_record_itself(kinesis: Kinesis) -> None:
    known = numbers(kinesis.pages(limit=100))
    page = kinesis.reads.get_records(kinesis.reads.iterator(SHARD, After(known[11]), inclusive=True))
    assert page.sequence_numbers == known[11:]


@pytest.mark.parametrize(("seconds", "first"), [(-3000, 0), (0, 0), (0.001, 1), (69.999, 7), (70, 7), (70.001, 8)])
def test_a_time_starts_with_the_first_record_at_or_after_it(kinesis: Kinesis, seconds: float, first: int) -> None:
    time = kinesis.first_arrival + timedelta(seconds=seconds)
    page = kinesis.reads.get_records(kinesis.reads.iterator(SHARD, At(time)), 1)
    assert page.data == [b"%d" % first]


def test_a_time_after_the_last_record_is_the_tip(kinesis: Kinesis) -> None:
    page = kinesis.reads.get_records(kinesis.reads.iterator(SHARD, At(kinesis.arrival(COUNT))))
    assert (page.data, page.at_tip) == ([], True)


def test_now_is_a_time_that_can_be_asked_for_and_a_minute_on_is_not(kinesis: Kinesis) -> None:
    now = kinesis.reads.now()
    kinesis.reads.iterator(SHARD, At(now))
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        kinesis.reads.iterator(SHARD, At(now + timedelta(seconds=60)))


def test_a_number_that_no_record_has_is_refused(kinesis: Kinesis) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        kinesis.reads.iterator(SHARD, After("7777777"))


def test_an_unknown_shard_is_gone(kinesis: Kinesis) -> None:
    with pytest.raises(ShardGoneError, match="shardId-000000000009"):
        kinesis.reads.iterator("shardId-000000000009", TrimHorizon())


def test_the_stream_says_when_it_was_made_and_shows_its_shards(kinesis: Kinesis) -> None:
    assert kinesis.reads.summary().created == kinesis.first_arrival
    assert kinesis.reads.list_shards() == [Shard(SHARD)]


def test_an_iterator_that_was_never_given_is_refused(kinesis: Kinesis) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        kinesis.reads.get_records("anything")


def test_the_fake_keeps_records_to_itself_until_they_arrive() -> None:
    shards = FakeShards(SHARD, clock=9.999)
    shards.put(SHARD, 0, 10)
    assert shards.arrived_numbers(SHARD) == shards.numbers(SHARD)[:1]
    shards.clock = 10
    assert shards.arrived_numbers(SHARD) == shards.numbers(SHARD)


def test_the_fake_answers_a_gap_emptily_as_often_as_it_takes() -> None:
    shards = FakeShards(SHARD, clock=300, covers=40)
    shards.put(SHARD, 0, 100)
    found = [(len(page.data), page.at_tip) for page in Kinesis(shards, T0).pages(limit=10)]
    assert found == [
        (1, False),
        (0, False),
        (1, False),
        (0, False),
        (0, False),
        (0, False),
        (0, False),
        (0, True),
    ]


def test_the_fake_counts_the_distance_to_the_tip_between_arrivals() -> None:
    shards = FakeShards(SHARD, clock=300, page_size=2)
    shards.put(SHARD, 0, 1, 7, 7, 7)
    pages = Kinesis(shards, T0).pages(limit=10)
    # The second ends among records of one millisecond, and doesn't tell that there is one more.
    assert [(len(page.data), page.millis_behind) for page in pages] == [(2, 6000), (2, 0), (1, 0), (0, 0)]


def test_the_fake_forgets_an_iterator_after_five_minutes() -> None:
    shards = FakeShards(SHARD)
    iterator = shards.iterator(SHARD, TrimHorizon())
    shards.clock = 300.001
    with pytest.raises(IteratorExpiredError):
        shards.get_records(iterator)


def test_the_fake_forgets_records_and_shards_after_the_retention() -> None:
    shards = FakeShards("a", clock=50, retention=100)
    shards.put("a", 0, 20)
    shards.split("a", 40, "b", "c")
    one, other = shards.numbers("a")
    found = []
    for clock in (99.9, 100, 120, 139.9):
        shards.clock = clock
        page = shards.get_records(shards.iterator("a", After(one), inclusive=True))
        found.append((list(page.sequence_numbers), page.next_iterator))
    assert found == [([one, other], None), ([other], None), ([], None), ([], None)]
    shards.clock = 140
    assert shards.list_shards() == [Shard("b", ("a",)), Shard("c", ("a",))]
    with pytest.raises(ShardGoneError):
        shards.iterator("a", TrimHorizon())


def test_the_fake_tells_with_a_closed_shards_last_records_or_one_answer_later_that_they_are_the_last() -> None:
    for late, expected in ((False, [(2, None)]), (True, [(2, "more"), (0, None)])):
        shards = FakeShards("a", clock=50, tells_end_late=late)
        shards.put("a", 0, 20)
        shards.split("a", 40, "b", "c")
        found, iterator = [], shards.iterator("a", TrimHorizon())
        while iterator:
            page = shards.get_records(iterator)
            iterator = page.next_iterator or ""
            found.append((len(page.data), (iterator and "more") or None))
        assert found == expected


def test_the_fake_lists_a_reshard_late() -> None:
    shards = FakeShards("a", clock=41.9, lists_late=2)
    shards.split("a", 40, "b", "c")
    assert shards.list_shards() == [Shard("a")]
    shards.clock = 42
    assert shards.list_shards() == [Shard("a"), Shard("b", ("a",)), Shard("c", ("a",))]


def test_the_fake_can_be_deleted_and_made_again() -> None:
    shards = FakeShards("a", clock=50)
    shards.exists = False
    with pytest.raises(StreamNotFoundError):
        shards.summary()
    shards.exists = True
    shards.make_again(45)
    assert shards.summary() == Summary(T0 + timedelta(seconds=45), timedelta(days=1))


def test_a_record_holds_what_was_put() -> None:
    shards = FakeShards("a", clock=50)
    shards.put("a", 1, 2)
    shards.put("a", 3, data=b"said")
    assert shards.get_records(shards.iterator("a", TrimHorizon())).data == [b"0", b"1", b"said"]
