"""The only module that talks to Kinesis: its calls as our values, its errors as ours."""

import time
from binascii import a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from json import loads
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from event_lake.kinesis.offsets import After, At, Position
from event_lake.kinesis.shards import Shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient as BotoClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

# Kinesis answers within seconds; its throttling asks for waits that botocore's standard mode knows.
_BOTO_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=30)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TRY_LATER = {
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
}
_USER_ERRORS = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSNotFoundException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
}


@dataclass(frozen=True)
class Page:
    """One GetRecords answer, a column per field, all of one length, in sequence order.

    `arrived` is in seconds since 1970; `millis_behind` is Kinesis' own measure of the distance to the tip.
    `at_tip`: at the time of the answer the shard held nothing behind it. `next_iterator` is None once a closed
    shard is read to its end.
    """

    sequence_numbers: Sequence[str]
    arrived: Sequence[float]
    partition_keys: Sequence[str]
    data: Sequence[bytes]
    next_iterator: str | None
    millis_behind: int
    at_tip: bool

    def head(self, count: int) -> "Page":
        """The same answer with its first `count` records only."""
        return replace(
            self,
            sequence_numbers=self.sequence_numbers[:count],
            arrived=self.arrived[:count],
            partition_keys=self.partition_keys[:count],
            data=self.data[:count],
        )


class KinesisClient:
    """The calls Event Lake makes to one stream.

    Every method raises UserError where the user must act, ServiceUnavailableError where Kinesis stayed out of
    reach through all retries. Make one per process: it holds connections.
    """

    def __init__(self, stream: str, region: str | None = None, endpoint_url: str | None = None) -> None:
        self.stream = stream
        self._ahead: timedelta | None = None
        with _translated(stream, "connect"):
            self._boto: BotoClient = boto3.client(
                "kinesis", region_name=region, endpoint_url=endpoint_url, config=_BOTO_CONFIG
            )
        self._boto.meta.events.register("before-parse.kinesis.GetRecords", _take_body)

    def list_shards(self) -> list[Shard]:
        """All shards that still hold records or take them, open and closed."""
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamName": self.stream}
        while True:
            with _translated(self.stream, "ListShards"):
                answer = self._boto.list_shards(**request)
            self._note_time(answer["ResponseMetadata"]["HTTPHeaders"])
            shards += [
                Shard(
                    shard_id=entry["ShardId"],
                    closed="EndingSequenceNumber" in entry["SequenceNumberRange"],
                    parents=tuple(entry[key] for key in ("ParentShardId", "AdjacentParentShardId") if entry.get(key)),
                )
                for entry in answer["Shards"]
            ]
            if not answer.get("NextToken"):
                return shards
            request = {"NextToken": answer["NextToken"]}

    def retention(self) -> timedelta:
        """How long the stream keeps a record."""
        with _translated(self.stream, "DescribeStreamSummary"):
            answer = self._boto.describe_stream_summary(StreamName=self.stream)
        return timedelta(hours=answer["StreamDescriptionSummary"]["RetentionPeriodHours"])

    def now(self) -> datetime:
        """Kinesis' own clock, at most a second slow and never fast: Kinesis refuses times in its future."""
        if self._ahead is None:
            self.list_shards()
        assert self._ahead is not None, "every answer has a date"
        return _EPOCH + timedelta(seconds=time.monotonic()) + self._ahead

    def iterator(self, shard_id: str, position: Position) -> str:
        """An iterator to the first record behind `position`. Lives 5 minutes."""
        kind: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if isinstance(position, After):
            kind = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": position.sequence_number,
            }
        elif isinstance(position, At):
            kind = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": position.time}
        with _translated(self.stream, "GetShardIterator"):
            return self._boto.get_shard_iterator(StreamName=self.stream, ShardId=shard_id, **kind)["ShardIterator"]

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        """Up to `limit` records (Kinesis' own bounds: 10,000 records or 10 MB); none doesn't mean the end."""
        with _translated(self.stream, "GetRecords"):
            answer: Mapping[str, Any] = self._boto.get_records(ShardIterator=iterator, Limit=limit)
        self._note_time(answer["ResponseMetadata"]["HTTPHeaders"])
        body = loads(answer["body"])
        records = body["Records"]
        return Page(
            sequence_numbers=[r["SequenceNumber"] for r in records],
            arrived=[r["ApproximateArrivalTimestamp"] for r in records],
            partition_keys=[r["PartitionKey"] for r in records],
            data=[a2b_base64(r["Data"], strict_mode=True) for r in records],
            next_iterator=body.get("NextShardIterator"),
            millis_behind=body["MillisBehindLatest"],
            # A full page may end among records of one millisecond, which MillisBehindLatest can't tell apart.
            at_tip=body["MillisBehindLatest"] == 0 and len(records) < limit,
        )

    def put_records(self, entries: Sequence["PutRecordsRequestEntryTypeDef"]) -> list[str | None]:
        """Put up to 500 records or 5 MiB; per entry None where it was taken, else the error's code."""
        with _translated(self.stream, "PutRecords"):
            answer = self._boto.put_records(StreamName=self.stream, Records=entries)
        return [entry.get("ErrorCode") for entry in answer["Records"]]

    def _note_time(self, headers: Mapping[str, str]) -> None:
        # An HTTP date is whole seconds, rounded down: of many the latest is nearest, and the clock never goes back.
        ahead = parsedate_to_datetime(headers["date"]) - (_EPOCH + timedelta(seconds=time.monotonic()))
        self._ahead = max(ahead, self._ahead or ahead)


def _take_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Keep botocore's parser off the records: it takes 16 us for each, `json` and `a2b_base64` take 2."""
    if response_dict["status_code"] == 200:
        customized_response_dict["body"] = response_dict["body"]
        response_dict["body"] = b"{}"


@contextmanager
def _translated(stream: str, action: str) -> Iterator[None]:
    try:
        yield
    except aws.ClientError as error:
        raise _explained(stream, action, error) from error
    except (
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.NoRegionError,
        aws.ProfileNotFound,
    ) as error:
        raise UserError(f"stream {stream!r}: {str(error).rstrip('.')}; configure the AWS SDK's usual chain") from error
    except (aws.HTTPClientError, aws.BotoCoreError) as error:
        raise ServiceUnavailableError(f"stream {stream!r}: {action}: {error}") from error


def _explained(stream: str, action: str, error: aws.ClientError) -> EventLakeError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    where = f"stream {stream!r}: {action}: {code}: {message}"
    if code == "ResourceNotFoundException":
        return UserError(f"{where}; check source.stream and source.region")
    if code == "AccessDeniedException":
        return UserError(f"{where}; allow kinesis:{action} on the stream's ARN")
    if code in _USER_ERRORS:
        return UserError(f"{where}; check the credentials and keys in use")
    if status >= 500 or code in _TRY_LATER:
        return ServiceUnavailableError(where)
    return EventLakeError(where)
