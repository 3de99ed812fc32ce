"""What the client asks, and what it makes of answers; see test_fake_shards and test_replay, and test_client_errors."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.replay import calls
from event_lake.errors import UserError
from event_lake.kinesis.api.client import KinesisClient
from event_lake.kinesis.api.reads import Page
from event_lake.kinesis.api.retries import Calls
from event_lake.kinesis.offsets import After, At, Position, Summary, TrimHorizon
from event_lake.kinesis.shards import Shard
from support.replayed_streams import REGION, Stream, any_credentials, serve
from support.scripted import Answer, ok, script

START = datetime.now(UTC) - timedelta(hours=1)
SHARD = "shardId-000000000000"


@pytest.fixture(autouse=True)
def credentials() -> Iterator[None]:
    with any_credentials():
        yield


def a_page(**columns: Any) -> Page:
    values: dict[str, Any] = {
        "sequence_numbers": ["1", "2", "3"],
        "arrived": [1.0, 2.0, 3.0],
        "partition_keys": ["a", "b", "c"],
        "data": [b"x", b"y", b"z"],
        "next_iterator": "next",
        "millis_behind": 5,
    }
    return Page(**(values | columns))


def records(count: int, millis_behind: int = 0, **rest: Any) -> Answer:
    """A GetRecords answer of records 1 to `count`."""
    made = [
        {
            "SequenceNumber": str(n),
            "ApproximateArrivalTimestamp": n + 0.25,
            "Data": b64encode(b"%d" % n).decode(),
            "PartitionKey": f"key {n}",
        }
        for n in range(1, count + 1)
    ]
    return ok(Records=made, MillisBehindLatest=millis_behind, **rest)


def test_shards_are_listed_to_the_last_page() -> None:
    with serve(lambda: Stream([[]] * 5, START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        assert client.list_shards() == [Shard(f"shardId-{n:012}") for n in range(5)]
        assert (calls(url), client.calls) == ({"ListShards": 3}, Calls(made=3))


def test_the_next_page_of_shards_is_asked_for_by_its_token_alone() -> None:
    with script(ok(Shards=[], NextToken="t"), ok(Shards=[])) as kinesis:
        kinesis.client.list_shards()
    assert kinesis.requests == [("ListShards", {"StreamName": "events"}), ("ListShards", {"NextToken": "t"})]


def test_parents_are_seen() -> None:
    numbers = {"StartingSequenceNumber": "10"}
    shards = [
        {"ShardId": "s-0", "SequenceNumberRange": numbers | {"EndingSequenceNumber": "20"}},
        {"ShardId": "s-1", "ParentShardId": "s-0", "SequenceNumberRange": numbers},
        {"ShardId": "s-2", "ParentShardId": "s-0", "AdjacentParentShardId": "s-x", "SequenceNumberRange": numbers},
    ]
    with script(ok(Shards=shards)) as kinesis:
        assert kinesis.client.list_shards() == [
            Shard("s-0"),
            Shard("s-1", parents=("s-0",)),
            Shard("s-2", parents=("s-0", "s-x")),
        ]


def test_the_streams_birth_and_retention_are_asked_for() -> None:
    summary = {"StreamCreationTimestamp": 1795251600.5, "RetentionPeriodHours": 48}
    with script(ok(StreamDescriptionSummary=summary)) as kinesis:
        made = datetime(2026, 11, 21, 9, 0, 0, 500_000, tzinfo=UTC)
        assert kinesis.client.summary() == Summary(made, timedelta(days=2))
    assert kinesis.requests == [("DescribeStreamSummary", {"StreamName": "events"})]


@pytest.mark.parametrize(
    ("position", "inclusive", "kind"),
    [
        (TrimHorizon(), False, {"ShardIteratorType": "TRIM_HORIZON"}),
        (After("7"), False, {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "7"}),
        (After("7"), True, {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "7"}),
        (
            At(datetime(2026, 11, 21, 9, 0, 0, 500_000, tzinfo=UTC)),
            False,
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1795251600.5},
        ),
    ],
    ids=str,
)
def test_every_position_has_its_iterator(position: Position, kind: dict[str, Any], *, inclusive: bool) -> None:
    with script(ok(ShardIterator="i")) as kinesis:
        assert kinesis.client.iterator(SHARD, position, inclusive=inclusive) == "i"  # type: ignore[arg-type]
    assert kinesis.requests == [("GetShardIterator", {"StreamName": "events", "ShardId": SHARD} | kind)]


def test_a_page_has_a_column_for_each_field() -> None:
    with script(records(2, millis_behind=7, NextShardIterator="next")) as kinesis:
        assert kinesis.client.get_records("i", limit=5) == Page(
            sequence_numbers=["1", "2"],
            arrived=[1.25, 2.25],
            partition_keys=["key 1", "key 2"],
            data=[b"1", b"2"],
            next_iterator="next",
            millis_behind=7,
        )
    assert kinesis.requests == [("GetRecords", {"ShardIterator": "i", "Limit": 5})]


@pytest.mark.parametrize(
    ("answer", "at_tip"),
    [
        (records(0, 0, NextShardIterator="n"), True),
        (records(0, 5, NextShardIterator="n"), False),
        # More of the same millisecond may lie after any record: a page holds 10 MB at most, whatever is asked for.
        (records(1, 0, NextShardIterator="n"), False),
        (records(2, 0, NextShardIterator="n"), False),
        # A closed shard that is read to its end.
        (records(2, 0), True),
        (records(0, 0, NextShardIterator=None), True),
    ],
)
def test_an_answer_is_at_the_tip_where_nothing_can_be_after_it(answer: Answer, *, at_tip: bool) -> None:
    with script(answer) as kinesis:
        assert kinesis.client.get_records("i", limit=2).at_tip is at_tip


def test_a_closed_shard_read_to_its_end_has_no_next_iterator() -> None:
    with script(records(0)) as kinesis:
        assert kinesis.client.get_records("i") == Page([], [], [], [], None, 0)


def test_put_records_tells_which_were_refused() -> None:
    with script(ok(Records=[{"SequenceNumber": "1"}, {"ErrorCode": "InternalFailure"}])) as kinesis:
        entries = [{"Data": b"x", "PartitionKey": "k"}, {"Data": b"y", "PartitionKey": "l"}]
        assert kinesis.client.put_records(entries) == [None, "InternalFailure"]  # type: ignore[arg-type]


def test_now_is_kinesis_clock_at_most_some_seconds_slow_and_costs_one_call() -> None:
    with serve(lambda: Stream([[]], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        times = [client.now() for _ in range(3)]
        assert times == sorted(times)
        assert timedelta(0) <= datetime.now(UTC) - times[-1] < timedelta(seconds=3)
        assert calls(url) == {"DescribeStreamSummary": 1}


def test_now_costs_nothing_after_any_call() -> None:
    with serve(lambda: Stream([[]], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        client.list_shards()
        client.now()
        assert calls(url) == {"ListShards": 1}


@pytest.mark.parametrize("size", [0, 1, 10 << 20])
def test_every_byte_of_data_survives(size: int) -> None:
    data = bytes(range(256))
    payloads = [data, bytes(size)]
    with serve(lambda: Stream([payloads], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        page = client.get_records(client.iterator(SHARD, TrimHorizon()))
        rest = client.get_records(page.next_iterator or "")
        assert [*page.data, *rest.data] == payloads


def test_every_partition_key_survives() -> None:
    keys = ["東京/🗼", "مفتاح", "\x00", 'a"b\\c\n']
    made = [
        {"SequenceNumber": "1", "ApproximateArrivalTimestamp": 1.0, "Data": "", "PartitionKey": key} for key in keys
    ]
    for ascii_only in (False, True):
        body = json.dumps({"Records": made, "MillisBehindLatest": 0}, ensure_ascii=ascii_only).encode()
        with script(Answer(body)) as kinesis:
            assert kinesis.client.get_records("i").partition_keys == keys


def test_a_part_of_a_page_cuts_every_column_and_keeps_the_rest() -> None:
    assert a_page().part(0, 2) == a_page(
        sequence_numbers=["1", "2"], arrived=[1.0, 2.0], partition_keys=["a", "b"], data=[b"x", b"y"]
    )
    assert a_page().part(2) == a_page(sequence_numbers=["3"], arrived=[3.0], partition_keys=["c"], data=[b"z"])


def test_a_region_that_nobody_names_is_the_users_to_set(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "none"))
        with pytest.raises(UserError) as missing:
            KinesisClient("events")
    assert str(missing.value) == "stream 'events': You must specify a region; configure the AWS SDK's usual chain"
