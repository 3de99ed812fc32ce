"""What the client makes of Kinesis' answers; for its calls see test_fake_shards and test_replay."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import exceptions as aws

from bench.replay import Body, RefusedError, calls
from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from event_lake.kinesis.client import KinesisClient, Page, _translated
from event_lake.kinesis.offsets import TrimHorizon
from event_lake.kinesis.shards import Shard
from unit.replayed import REGION, Stream, any_credentials, serve

START = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def credentials() -> Iterator[None]:
    with any_credentials():
        yield


class Resharded(Stream):
    """Says of its shards that a split closed the first."""

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        if action != "ListShards":
            return super().answer(action, request, now_ms)
        return [
            (
                b'{"Shards": [{"ShardId": "s-0", "SequenceNumberRange":'
                b' {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}},'
                b' {"ShardId": "s-1", "ParentShardId": "s-0",'
                b' "SequenceNumberRange": {"StartingSequenceNumber": "10"}},'
                b' {"ShardId": "s-2", "ParentShardId": "s-0", "AdjacentParentShardId": "s-x",'
                b' "SequenceNumberRange": {"StartingSequenceNumber": "10"}}]}'
            )
        ]


class Ended(Stream):
    """Has one shard, closed and read to its end."""

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        if action == "GetRecords":
            return [b'{"MillisBehindLatest": 0, "Records": []}']
        return super().answer(action, request, now_ms)


class Denying(Stream):
    """Refuses every call as IAM does."""

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        raise RefusedError("not authorized", "AccessDeniedException")


def a_page(**columns: Any) -> Page:
    values: dict[str, Any] = {
        "sequence_numbers": ["1", "2", "3"],
        "arrived": [1.0, 2.0, 3.0],
        "partition_keys": ["a", "b", "c"],
        "data": [b"x", b"y", b"z"],
        "next_iterator": "next",
        "millis_behind": 5,
        "at_tip": False,
    }
    return Page(**(values | columns))


def aws_error(code: str, status: int = 400) -> aws.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "why"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return aws.ClientError(response, "GetRecords")


def translated(error: Exception) -> EventLakeError:
    with pytest.raises(EventLakeError) as ours, _translated("events", "GetRecords"):
        raise error
    return ours.value


def test_shards_are_listed_to_the_last_page() -> None:
    with serve(lambda: Stream([[]] * 5, START, 1)) as url:
        assert KinesisClient("events", REGION, url).list_shards() == [Shard(f"shardId-{n:012}") for n in range(5)]
        assert calls(url) == {"ListShards": 3}


def test_closed_shards_and_parents_are_seen() -> None:
    with serve(lambda: Resharded([], START, 1)) as url:
        assert KinesisClient("events", REGION, url).list_shards() == [
            Shard("s-0", closed=True),
            Shard("s-1", parents=("s-0",)),
            Shard("s-2", parents=("s-0", "s-x")),
        ]


def test_the_retention_is_asked_for() -> None:
    with serve(lambda: Stream([], START, 1)) as url:
        assert KinesisClient("events", REGION, url).retention() == timedelta(days=1)


def test_a_closed_shard_read_to_its_end_has_no_next_iterator() -> None:
    with serve(lambda: Ended([[]], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        page = client.get_records(client.iterator("shardId-000000000000", TrimHorizon()))
        assert page == Page([], [], [], [], None, 0, at_tip=True)


def test_now_is_kinesis_clock_at_most_some_seconds_slow_and_costs_one_call() -> None:
    with serve(lambda: Stream([[]], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        times = [client.now() for _ in range(3)]
        assert times == sorted(times)
        assert timedelta(0) <= datetime.now(UTC) - times[-1] < timedelta(seconds=3)
        assert calls(url) == {"ListShards": 1}


def test_every_byte_of_data_survives() -> None:
    data = bytes(range(256))
    with serve(lambda: Stream([[data, b"", data * 100]], START, 1)) as url:
        client = KinesisClient("events", REGION, url)
        page = client.get_records(client.iterator("shardId-000000000000", TrimHorizon()))
        assert page.data == [data, b"", data * 100]


def test_the_head_of_a_page_cuts_every_column_and_keeps_the_rest() -> None:
    assert a_page().head(2) == a_page(
        sequence_numbers=["1", "2"], arrived=[1.0, 2.0], partition_keys=["a", "b"], data=[b"x", b"y"]
    )


def test_a_denied_call_is_named_with_the_permission_it_needs() -> None:
    with serve(lambda: Denying([], START, 1)) as url, pytest.raises(UserError) as denied:
        KinesisClient("events", REGION, url).list_shards()
    assert str(denied.value) == (
        "stream 'events': ListShards: AccessDeniedException: not authorized; allow kinesis:ListShards"
        " on the stream's ARN"
    )


def test_a_region_that_nobody_names_is_the_users_to_set(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "none"))
        with pytest.raises(UserError) as missing:
            KinesisClient("events")
    assert str(missing.value) == "stream 'events': You must specify a region; configure the AWS SDK's usual chain"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ResourceNotFoundException", "check source.stream and source.region"),
        ("AccessDeniedException", "allow kinesis:GetRecords on the stream's ARN"),
        ("ExpiredTokenException", "check the credentials and keys in use"),
        ("KMSDisabledException", "check the credentials and keys in use"),
    ],
)
def test_what_the_user_can_fix_says_how(code: str, advice: str) -> None:
    error = translated(aws_error(code))
    assert (type(error), str(error)) == (UserError, f"stream 'events': GetRecords: {code}: why; {advice}")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ProvisionedThroughputExceededException"),
        aws_error("KMSThrottlingException"),
        aws_error("LimitExceededException"),
        aws_error("InternalFailure", 500),
        aws_error("ServiceUnavailable", 503),
        aws.EndpointConnectionError(endpoint_url="https://kinesis"),
        aws.ReadTimeoutError(endpoint_url="https://kinesis"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_by_itself_is_an_unavailable_service(error: Exception) -> None:
    assert type(translated(error)) is ServiceUnavailableError


def test_missing_credentials_are_the_users_to_configure() -> None:
    error = translated(aws.NoCredentialsError())
    assert (type(error), str(error)) == (
        UserError,
        "stream 'events': Unable to locate credentials; configure the AWS SDK's usual chain",
    )


def test_any_other_refusal_is_one_line_without_advice() -> None:
    error = translated(aws_error("InvalidArgumentException"))
    assert (type(error), str(error)) == (
        EventLakeError,
        "stream 'events': GetRecords: InvalidArgumentException: why",
    )
