"""What a benchmark may take for granted of the replayed stream, asked over HTTP as a reader asks Kinesis."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import boto3
import pytest

from benchmarks.replay import Replay, calls, serve
from event_lake.errors import EventLakeError
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.api.reads import Page, ShardGoneError
from event_lake.kinesis.offsets import After, At, Summary, TrimHorizon, instant_of_seconds
from event_lake.kinesis.shards import Shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis.literals import ShardIteratorTypeType
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
REGION = "eu-west-1"

# Three records a second, of which at least an hour's have arrived, or all of them.
START = instant_of_seconds(datetime.now(UTC).timestamp() - 3600)
PER_SECOND = 3


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "any")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "any")
        yield


@pytest.fixture(scope="module")
def endpoint_url() -> Iterator[str]:
    with serve(lambda: Replay([payloads(20), payloads(12_000)], START, PER_SECOND)) as url:
        yield url


@pytest.fixture(scope="module")
def client(endpoint_url: str) -> KinesisClient:
    return KinesisClient("any-stream", REGION, endpoint_url)


def payloads(count: int) -> list[bytes]:
    return [f'{{"n": {n}}}'.encode() for n in range(count)]


def arrival(record: int) -> datetime:
    return START + timedelta(milliseconds=record * 1000 // PER_SECOND)


def whole(client: KinesisClient, shard_id: str) -> Page:
    return client.get_records(client.iterator(shard_id, TrimHorizon()))


def test_every_shard_is_listed_open_and_without_parents(client: KinesisClient) -> None:
    assert client.list_shards() == [Shard(FIRST), Shard(SECOND)]


def test_a_stream_is_made_with_its_first_record_and_keeps_it_for_a_week(client: KinesisClient) -> None:
    assert client.summary() == Summary(START, timedelta(days=7))


def test_a_shard_gives_its_payloads_in_order(client: KinesisClient) -> None:
    assert whole(client, FIRST).data == payloads(20)


def test_records_arrive_at_the_given_rate(client: KinesisClient) -> None:
    assert [instant_of_seconds(seconds) for seconds in whole(client, FIRST).arrived] == [arrival(n) for n in range(20)]


def test_sequence_numbers_have_56_digits_and_increase(client: KinesisClient) -> None:
    numbers = whole(client, SECOND).sequence_numbers
    assert {len(number) for number in numbers} == {56}
    assert all(int(one) < int(other) for one, other in pairwise(numbers))


def test_shards_share_no_sequence_number(client: KinesisClient) -> None:
    assert set(whole(client, FIRST).sequence_numbers).isdisjoint(whole(client, SECOND).sequence_numbers)


def test_pages_follow_each_other_without_gap_or_overlap(client: KinesisClient) -> None:
    iterator: str | None = client.iterator(FIRST, TrimHorizon())
    sizes, data = [], list[bytes]()
    for _ in range(4):
        assert iterator
        page = client.get_records(iterator, limit=7)
        iterator = page.next_iterator
        sizes.append(len(page.data))
        data += page.data
    assert (sizes, data) == ([7, 7, 6, 0], payloads(20))


def test_an_open_shard_goes_on_after_its_last_record(client: KinesisClient) -> None:
    page = whole(client, FIRST)
    assert page.next_iterator
    assert client.get_records(page.next_iterator).at_tip


def test_a_page_starts_after_or_on_the_sequence_number_asked_for(client: KinesisClient) -> None:
    page = whole(client, FIRST)
    after = client.get_records(client.iterator(FIRST, After(page.sequence_numbers[11])))
    assert after.sequence_numbers == page.sequence_numbers[12:]
    inclusive = client.get_records(client.iterator(FIRST, After(page.sequence_numbers[11]), inclusive=True))
    assert inclusive.sequence_numbers == page.sequence_numbers[11:]


def test_a_page_starts_with_the_first_record_at_the_time_asked_for(client: KinesisClient) -> None:
    page = client.get_records(client.iterator(FIRST, At(arrival(7))))
    assert page.data == payloads(20)[7:]


def test_a_page_starts_with_the_next_record_where_none_arrived_at_the_time(client: KinesisClient) -> None:
    a_millisecond_later = arrival(7) + timedelta(milliseconds=1)
    assert client.get_records(client.iterator(FIRST, At(a_millisecond_later))).data == payloads(20)[8:]


def test_a_time_before_the_first_record_is_the_horizon(client: KinesisClient) -> None:
    assert client.get_records(client.iterator(FIRST, At(START - timedelta(days=1)))).data == payloads(20)


def test_a_time_in_the_future_is_refused(client: KinesisClient) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        client.iterator(FIRST, At(datetime.now(UTC) + timedelta(seconds=60)))


def test_the_time_that_the_client_takes_for_now_is_not_in_the_future(client: KinesisClient) -> None:
    client.iterator(FIRST, At(client.now()))


def test_a_record_is_not_read_before_it_arrives() -> None:
    # Of its own: a stream that begins when this module is imported has run dry after a long suite.
    start = instant_of_seconds(datetime.now(UTC).timestamp() - 10)
    with serve(lambda: Replay([payloads(12_000)], start, PER_SECOND)) as url:
        page = whole(KinesisClient("any-stream", REGION, url), FIRST)
    assert 30 <= len(page.data) < 10_000
    assert instant_of_seconds(page.arrived[-1]) <= datetime.now(UTC)


def test_a_page_holds_10_000_records_at_most(client: KinesisClient) -> None:
    page = whole(client, SECOND)
    assert len(page.data) == 10_000
    assert not page.at_tip


def test_a_page_holds_10_mebibytes_at_most_and_never_half_a_record() -> None:
    three_mebibytes = bytes(3 << 20)
    with serve(lambda: Replay([[three_mebibytes] * 5], START, PER_SECOND)) as url:
        assert whole(KinesisClient("any-stream", REGION, url), FIRST).data == [three_mebibytes] * 3


def test_an_empty_record_is_a_record() -> None:
    with serve(lambda: Replay([[b"", b"", b"x"]], START, PER_SECOND)) as url:
        assert whole(KinesisClient("any-stream", REGION, url), FIRST).data == [b"", b"", b"x"]


def test_an_empty_shard_is_read_at_once() -> None:
    with serve(lambda: Replay([[]], START, PER_SECOND)) as url:
        page = whole(KinesisClient("any-stream", REGION, url), FIRST)
        assert (page.data, page.at_tip) == ([], True)


def test_an_unknown_shard_is_gone(client: KinesisClient) -> None:
    with pytest.raises(ShardGoneError, match="ResourceNotFoundException"):
        client.iterator("shardId-000000000002", TrimHorizon())


def test_a_sequence_number_of_another_shard_is_refused(client: KinesisClient) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        client.iterator(SECOND, After(whole(client, FIRST).sequence_numbers[0]))


def test_an_iterator_that_was_never_given_is_refused(client: KinesisClient) -> None:
    with pytest.raises(EventLakeError, match="InvalidArgumentException"):
        client.get_records("anything")


def test_an_action_that_is_not_replayed_is_refused(client: KinesisClient) -> None:
    with pytest.raises(EventLakeError, match="UnknownOperationException"):
        client.put_records([{"Data": b"x", "PartitionKey": "x"}])


def test_plain_boto3_reads_it_with_every_kind_of_iterator(endpoint_url: str) -> None:
    boto = boto3.client("kinesis", region_name=REGION, endpoint_url=endpoint_url)
    shard = boto.list_shards(StreamName="any-stream")["Shards"][0]
    before_all = shard["SequenceNumberRange"]["StartingSequenceNumber"]

    def first_page(kind: "ShardIteratorTypeType", number: str = "0") -> list["RecordTypeDef"]:
        answer = boto.get_shard_iterator(
            StreamName="any-stream", ShardId=FIRST, ShardIteratorType=kind, StartingSequenceNumber=number
        )
        return boto.get_records(ShardIterator=answer["ShardIterator"])["Records"]

    records = first_page("TRIM_HORIZON")
    assert [record["Data"] for record in records] == payloads(20)
    assert records[4]["ApproximateArrivalTimestamp"] == arrival(4)
    assert first_page("AT_SEQUENCE_NUMBER", records[4]["SequenceNumber"]) == records[4:]
    assert first_page("AT_SEQUENCE_NUMBER", before_all) == records
    assert first_page("AFTER_SEQUENCE_NUMBER", before_all) == records
    assert first_page("LATEST") == []


def test_how_far_a_page_lies_behind_is_the_age_of_its_last_record(endpoint_url: str) -> None:
    boto = boto3.client("kinesis", region_name=REGION, endpoint_url=endpoint_url)
    iterator = KinesisClient("any-stream", REGION, endpoint_url).iterator(FIRST, TrimHorizon())
    before = datetime.now(UTC)
    behind = timedelta(milliseconds=boto.get_records(ShardIterator=iterator, Limit=5)["MillisBehindLatest"])
    a_millisecond = timedelta(milliseconds=1)
    assert before - arrival(4) - a_millisecond <= behind <= datetime.now(UTC) - arrival(4) + a_millisecond


def test_calls_are_counted_by_action() -> None:
    with serve(lambda: Replay([payloads(2)], START, PER_SECOND)) as url:
        client = KinesisClient("any-stream", REGION, url)
        client.get_records(client.get_records(client.iterator(FIRST, TrimHorizon())).next_iterator or "")
        assert calls(url) == {"GetShardIterator": 1, "GetRecords": 2}


def test_data_that_cannot_be_made_is_no_stream(capfd: pytest.CaptureFixture[str]) -> None:
    def failing() -> Replay:
        raise ValueError("no payloads")

    with pytest.raises(EOFError), serve(failing):
        pass
    assert "no payloads" in capfd.readouterr().err
