"""What the fakes of the unit tests assume of Kinesis, asked of a real stream: `make test-aws STREAM=name`.

Best is a stream that nobody else writes to: the tests look for records of their own, but they can't wait for a tip that
never stands still. docs/decisions/0008-ask-a-real-stream-what-the-fakes-assume.md names the assumptions, also those
that can't be tried here, and what a run costs.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import boto3
import pytest

from event_lake.errors import EventLakeError
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.api.cursor import Cursor
from event_lake.kinesis.api.reads import Page, ShardGoneError
from event_lake.kinesis.offsets import After, At, TrimHorizon, instant_of_seconds

STREAM, REGION = os.environ.get("STREAM"), os.environ.get("REGION") or None
pytestmark = [
    pytest.mark.aws,
    pytest.mark.skipif(not STREAM, reason="asks a real stream: make test-aws STREAM=name REGION=eu-west-1"),
]
# Their arrivals are to differ, and a batch's to be of the same millisecond, or nearly.
SINGLE, TOGETHER = 5, 500
GAP_SECONDS = 0.3


@dataclass(frozen=True)
class Put:
    """Records of this run in one shard, in the order in which they were put: five one by one, then 500 at once."""

    client: KinesisClient
    key: str
    shard_id: str
    numbers: Sequence[str]
    began: datetime

    def cursor(self, before: int) -> Cursor:
        """Behind the record with that index."""
        return Cursor(self.client, self.shard_id, After(self.numbers[before]))

    def first_page(self, position: TrimHorizon | At | After, limit: int = 1, *, inclusive: bool = False) -> Page:
        return Cursor(self.client, self.shard_id, position, inclusive=inclusive).records(limit)

    def own(self, page: Page) -> list[str]:
        """The records of this run in a page: there may be others' between them."""
        return [
            number for number, key in zip(page.sequence_numbers, page.partition_keys, strict=True) if key == self.key
        ]

    def pages(self, cursor: Cursor, limit: int) -> Iterator[Page]:
        """Up to the last record of this run, and on to the tip after it."""
        while not cursor.at_tip:
            yield cursor.records(limit)


@pytest.fixture(scope="module")
def boto() -> Any:
    return boto3.client("kinesis", region_name=REGION)


@pytest.fixture(scope="module")
def put(boto: Any) -> Put:
    client, key = KinesisClient(str(STREAM), REGION), uuid4().hex
    began, answers = client.now(), []
    for number in range(SINGLE):
        answers.append(boto.put_record(StreamName=STREAM, PartitionKey=key, Data=b"%d" % number))
        time.sleep(GAP_SECONDS)
    entries = [{"PartitionKey": key, "Data": b"%d" % (SINGLE + number)} for number in range(TOGETHER)]
    answers += boto.put_records(StreamName=STREAM, Records=entries)["Records"]
    assert {record["ShardId"] for record in answers} == {answers[0]["ShardId"]}, "throttled: use a stream that is idle"
    made = Put(client, key, answers[0]["ShardId"], [record["SequenceNumber"] for record in answers], began)
    # What was put is to be read a moment later.
    for _ in range(50):
        if made.own(made.first_page(After(made.numbers[-2]), limit=100)):
            return made
        client.pause(0.2)
    pytest.fail("what was put can't be read after 10 s")


def test_the_stream_tells_its_birth_its_retention_and_its_shards(put: Put) -> None:
    summary = put.client.summary()
    assert summary.created < put.client.now()
    assert summary.retention >= timedelta(hours=24)
    assert put.shard_id in {shard.shard_id for shard in put.client.list_shards()}


def test_the_date_of_an_answer_is_a_time_that_can_be_asked_for(put: Put) -> None:
    for _ in range(5):
        put.client.iterator(put.shard_id, At(put.client.now()))


def test_a_time_in_the_future_is_refused(put: Put) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        put.client.iterator(put.shard_id, At(put.client.now() + timedelta(seconds=60)))


def test_sequence_numbers_grow_as_numbers_in_the_order_of_puts(put: Put) -> None:
    assert all(int(one) < int(other) for one, other in pairwise(put.numbers))


def test_an_arrival_is_of_this_minute_by_the_clock_of_answers(put: Put) -> None:
    page = put.first_page(After(put.numbers[0]), inclusive=True)
    # The clock of answers is whole seconds, rounded down.
    assert put.began - timedelta(seconds=1) <= instant_of_seconds(page.arrived[0]) <= put.began + timedelta(seconds=60)


def test_after_a_record_comes_the_next_and_inclusive_is_the_record_itself(put: Put) -> None:
    after = put.first_page(After(put.numbers[1]))
    itself = put.first_page(After(put.numbers[1]), inclusive=True)
    assert [put.own(after), put.own(itself)] == [[put.numbers[2]], [put.numbers[1]]]


@pytest.mark.parametrize("off", [0, 1], ids=["its own arrival", "a millisecond later"])
def test_a_time_begins_with_the_first_record_that_arrived_then_or_later(put: Put, off: int) -> None:
    arrived = instant_of_seconds(put.first_page(After(put.numbers[1]), inclusive=True).arrived[0])
    page = put.first_page(At(arrived + timedelta(milliseconds=off)))
    assert put.own(page) == [put.numbers[1 + off]]


def test_an_answer_holds_no_more_than_its_limit_and_pages_follow_each_other(put: Put) -> None:
    pages = list(put.pages(Cursor(put.client, put.shard_id, After(put.numbers[0]), inclusive=True), limit=100))
    assert max(len(page.data) for page in pages) <= 100
    assert [number for page in pages for number in put.own(page)] == put.numbers


def test_the_same_iterator_gives_the_same_records_again(put: Put) -> None:
    iterator = put.client.iterator(put.shard_id, After(put.numbers[0]))
    once, again = (put.client.get_records(iterator, limit=3) for _ in range(2))
    assert once.sequence_numbers == again.sequence_numbers


def test_records_that_arrived_later_are_behind_by_more_than_0_ms(put: Put) -> None:
    page = put.first_page(After(put.numbers[0]), inclusive=True)
    assert page.millis_behind > 0


def test_an_empty_answer_with_0_ms_behind_it_is_the_tip_of_a_shard_that_goes_on(put: Put) -> None:
    *_, tip = put.pages(put.cursor(0), limit=10_000)
    assert (tip.data, tip.millis_behind) == ([], 0)
    assert tip.next_iterator
    assert put.client.get_records(tip.next_iterator).data == []


def test_no_empty_answer_says_0_ms_while_records_of_the_same_millisecond_are_after_it(put: Put) -> None:
    for before in range(SINGLE, SINGLE + TOGETHER - 1, 100):
        page = put.client.get_records(put.client.iterator(put.shard_id, After(put.numbers[before])), limit=1)
        assert page.data or not page.at_tip


def test_the_oldest_record_is_found_through_empty_answers(put: Put) -> None:
    page = put.first_page(TrimHorizon())
    assert page.sequence_numbers


def test_a_number_that_was_trimmed_or_begins_the_shard_leads_to_the_oldest_record(put: Put, boto: Any) -> None:
    shards = boto.list_shards(StreamName=STREAM)["Shards"]
    ranges = {shard["ShardId"]: shard["SequenceNumberRange"] for shard in shards}
    start = After(ranges[put.shard_id]["StartingSequenceNumber"])
    oldest = put.first_page(TrimHorizon())
    assert put.first_page(start, inclusive=True).sequence_numbers == oldest.sequence_numbers


def test_a_number_that_no_record_has_is_refused(put: Put) -> None:
    with pytest.raises(EventLakeError):
        put.client.iterator(put.shard_id, After("7777777"))


def test_an_unknown_shard_is_gone(put: Put) -> None:
    with pytest.raises(ShardGoneError):
        put.client.iterator("shardId-999999999999", TrimHorizon())


@pytest.mark.skipif(not os.environ.get("RESHARD"), reason="splits a shard and merges it again: RESHARD=1")
def test_a_shard_that_is_split_ends_after_its_last_record_and_its_children_begin_later(put: Put, boto: Any) -> None:
    children = split(boto, put.shard_id)
    try:
        answers = boto.put_record(StreamName=STREAM, PartitionKey=put.key, Data=b"child")
        assert answers["ShardId"] in children
        cursor = Cursor(put.client, put.shard_id, After(put.numbers[0]), inclusive=True)
        pages = []
        while not cursor.closed:
            pages.append(cursor.records(limit=100))
        assert [number for page in pages for number in put.own(page)] == put.numbers
        assert [page.next_iterator is None for page in pages] == [False] * (len(pages) - 1) + [True]
        end = put.first_page(After(put.numbers[-1]))
        assert (end.data, end.next_iterator) == ([], None)
        listed = {shard.shard_id: shard.parents for shard in put.client.list_shards()}
        assert {listed[child] for child in children} == {(put.shard_id,)}
        first = Cursor(put.client, answers["ShardId"], TrimHorizon()).records(limit=1)
        assert first.sequence_numbers == [answers["SequenceNumber"]]
        assert first.arrived[0] >= [page for page in pages if page.arrived][-1].arrived[-1]
    finally:
        boto.merge_shards(StreamName=STREAM, ShardToMerge=children[0], AdjacentShardToMerge=children[1])
        wait_until_active(boto)


def split(boto: Any, shard_id: str) -> list[str]:
    """The children of a shard that is split in its middle."""
    shards = {shard["ShardId"]: shard for shard in boto.list_shards(StreamName=STREAM)["Shards"]}
    hashes = shards[shard_id]["HashKeyRange"]
    middle = (int(hashes["StartingHashKey"]) + int(hashes["EndingHashKey"])) // 2
    boto.split_shard(StreamName=STREAM, ShardToSplit=shard_id, NewStartingHashKey=str(middle))
    wait_until_active(boto)
    return [s["ShardId"] for s in boto.list_shards(StreamName=STREAM)["Shards"] if s.get("ParentShardId") == shard_id]


def wait_until_active(boto: Any) -> None:
    while boto.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(1)
