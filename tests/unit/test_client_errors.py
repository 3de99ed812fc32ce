"""What the client does about every way in which Kinesis can fail."""

import socket
from contextlib import closing

import pytest
from botocore import exceptions as aws

from event_lake.errors import EventLakeError, ServiceUnavailableError, StreamNotFoundError, UserError
from event_lake.kinesis.api.client import KinesisClient, _translated
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, ShardGoneError
from event_lake.kinesis.api.retries import Calls
from event_lake.kinesis.offsets import TrimHorizon
from support.replayed_streams import REGION, any_credentials
from support.scripted import Answer, broken, ok, refused, script

SHARD = "shardId-000000000000"
EMPTY = ok(Records=[], MillisBehindLatest=0)
PAGE = Page([], [], [], [], None, 0)

THROTTLED = [
    refused("ProvisionedThroughputExceededException"),
    refused("LimitExceededException"),
    refused("ThrottlingException"),
    refused("Throttling"),
    refused("KMSThrottlingException"),
    refused("SlowDown", status=503),
]
FAILED = [
    refused("InternalFailure", status=500),
    refused("ServiceUnavailable", status=503),
    refused("RequestTimeout"),
    Answer(b"<html>Bad Gateway</html>", 502),
    broken(EMPTY, after=0),
    broken(EMPTY, after=20),
    broken(EMPTY, after=len(EMPTY.body) - 1),
    Answer(EMPTY.body[:-1]),
    Answer(b""),
    Answer(b"[]"),
    ok(Records=[]),
    ok(MillisBehindLatest=0),
    ok(Records=[{"SequenceNumber": "1"}], MillisBehindLatest=0),
    ok(
        Records=[{"SequenceNumber": "1", "ApproximateArrivalTimestamp": 1.0, "PartitionKey": "k", "Data": "YWJ"}],
        MillisBehindLatest=0,
    ),
]


@pytest.mark.parametrize("answer", THROTTLED, ids=str)
def test_what_is_throttled_is_asked_again_and_counted(answer: Answer) -> None:
    with script(answer, answer, EMPTY) as kinesis:
        assert kinesis.client.get_records("i") == PAGE
        assert kinesis.client.calls == Calls(made=3, throttled=2)
    assert kinesis.actions == ["GetRecords"] * 3
    assert 0 <= kinesis.delays[0] <= 0.4
    assert 0 <= kinesis.delays[1] <= 0.8
    assert len(kinesis.delays) == 2


@pytest.mark.parametrize("answer", FAILED, ids=str)
def test_what_breaks_or_comes_by_halves_is_asked_again_and_counted(answer: Answer) -> None:
    with script(answer, EMPTY) as kinesis:
        assert kinesis.client.get_records("i") == PAGE
        assert kinesis.client.calls == Calls(made=2, failed=1)
    assert len(kinesis.delays) == 1


def test_every_call_is_asked_again() -> None:
    answer = refused("InternalFailure", status=500)
    with script(answer, ok(Shards=[]), answer, ok(ShardIterator="i")) as kinesis:
        assert (kinesis.client.list_shards(), kinesis.client.iterator(SHARD, TrimHorizon())) == ([], "i")
        assert kinesis.client.calls == Calls(made=4, failed=2)


@pytest.mark.parametrize("answer", [broken(ok(Shards=[]), after=3), Answer(b"{"), Answer(b"{}")], ids=str)
def test_half_an_answer_to_any_call_is_asked_again(answer: Answer) -> None:
    with script(answer, ok(Shards=[])) as kinesis:
        assert kinesis.client.list_shards() == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            refused("ProvisionedThroughputExceededException", "Rate exceeded"),
            "stream 'events': GetRecords: ProvisionedThroughputExceededException: Rate exceeded (1 times)",
        ),
        (refused("InternalFailure", status=500), "stream 'events': GetRecords: InternalFailure: why (1 times)"),
        (Answer(b"{"), "stream 'events': GetRecords: half an answer: "),
    ],
    ids=str,
)
def test_without_patience_left_the_service_is_unavailable(answer: Answer, message: str) -> None:
    with script(answer, patience_seconds=0) as kinesis, pytest.raises(ServiceUnavailableError) as ended:
        kinesis.client.get_records("i")
    assert str(ended.value).startswith(message)
    assert (len(kinesis.requests), kinesis.delays) == (1, [])


def test_where_nobody_listens_the_service_is_unavailable() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with any_credentials():
        client = KinesisClient("events", REGION, f"http://127.0.0.1:{port}", patience_seconds=0)
        with pytest.raises(ServiceUnavailableError, match="stream 'events': ListShards: Could not connect"):
            client.list_shards()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "allow kinesis:GetRecords on arn:aws:kinesis:*:*:stream/events"),
        ("ExpiredTokenException", "check the credentials and keys in use"),
        ("UnrecognizedClientException", "check the credentials and keys in use"),
        ("InvalidSignatureException", "check the credentials and keys in use"),
        ("RequestTimeTooSkewed", "check the credentials and keys in use"),
        ("KMSAccessDeniedException", "check the credentials and keys in use"),
        ("KMSDisabledException", "check the credentials and keys in use"),
    ],
)
def test_what_the_user_can_fix_is_told_at_once_and_says_how(code: str, advice: str) -> None:
    with script(refused(code)) as kinesis, pytest.raises(UserError) as denied:
        kinesis.client.get_records("i")
    assert (type(denied.value), str(denied.value)) == (
        UserError,
        f"stream 'events': GetRecords: {code}: why; {advice}",
    )
    assert (len(kinesis.requests), kinesis.delays) == (1, [])


def test_missing_credentials_are_the_users_to_configure() -> None:
    with pytest.raises(UserError) as missing, _translated("events", "GetRecords"):
        raise aws.NoCredentialsError
    assert str(missing.value) == "stream 'events': Unable to locate credentials; configure the AWS SDK's usual chain"


def test_what_is_no_endpoint_is_the_users_to_fix() -> None:
    with pytest.raises(UserError) as refused:
        KinesisClient("events", REGION, "nowhere")
    assert str(refused.value) == "stream 'events': Invalid endpoint: nowhere; configure the AWS SDK's usual chain"


def test_a_request_that_cannot_be_sent_is_told_at_once_in_one_line() -> None:
    slept: list[float] = []
    with any_credentials(), pytest.raises(UserError) as wrong:
        KinesisClient("", REGION, "http://127.0.0.1:9", sleep=slept.append).list_shards()
    assert str(wrong.value) == (
        "stream '': Parameter validation failed: Invalid length for parameter StreamName, value: 0,"
        " valid min length: 1; configure the AWS SDK's usual chain"
    )
    assert slept == []


def test_a_denied_call_is_named_with_the_permission_it_needs() -> None:
    with script(refused("AccessDeniedException", "not authorized")) as kinesis, pytest.raises(UserError) as denied:
        kinesis.client.summary()
    assert str(denied.value) == (
        "stream 'events': DescribeStreamSummary: AccessDeniedException: not authorized;"
        " allow kinesis:DescribeStreamSummary on arn:aws:kinesis:*:*:stream/events"
    )


NO_SHARD = refused("ResourceNotFoundException", f"Shard {SHARD} in stream events under account 123 does not exist")
NO_STREAM = refused("ResourceNotFoundException", "Stream events under account 123 not found.")


def test_a_shard_that_is_not_there_is_gone() -> None:
    with script(NO_SHARD) as kinesis, pytest.raises(ShardGoneError, match=SHARD):
        kinesis.client.iterator(SHARD, TrimHorizon())
    assert kinesis.delays == []


def test_a_stream_that_is_not_there_is_named_with_what_to_check() -> None:
    with script(NO_STREAM) as kinesis:
        for call in (
            kinesis.client.summary,
            kinesis.client.list_shards,
            lambda: kinesis.client.iterator(SHARD, TrimHorizon()),
            lambda: kinesis.client.get_records("i"),
        ):
            with pytest.raises(StreamNotFoundError, match=r"check source[.]stream and source[.]region"):
                call()
    assert kinesis.delays == []


def test_a_stream_with_the_name_of_a_shard_is_still_a_stream() -> None:
    answer = refused("ResourceNotFoundException", f"Stream {SHARD} under account 123 not found.")
    with script(answer) as kinesis, pytest.raises(StreamNotFoundError):
        kinesis.client.summary()


def test_an_iterator_that_expired_is_for_the_caller_to_replace() -> None:
    with script(refused("ExpiredIteratorException")) as kinesis, pytest.raises(IteratorExpiredError):
        kinesis.client.get_records("i")
    assert (len(kinesis.requests), kinesis.delays) == (1, [])


def test_any_other_refusal_is_one_line_without_advice() -> None:
    with script(refused("InvalidArgumentException")) as kinesis, pytest.raises(EventLakeError) as denied:
        kinesis.client.get_records("i")
    assert (type(denied.value), str(denied.value)) == (
        EventLakeError,
        "stream 'events': GetRecords: InvalidArgumentException: why",
    )
