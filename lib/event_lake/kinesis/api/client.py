"""The only module that calls Kinesis. It turns the answers into values of ours, and the errors into ours."""

import time
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from json import loads
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from event_lake.aws.errors import Cause, Explainer, cause_of, code_of, text_of, translate_errors
from event_lake.errors import StreamNotFoundError, UserError
from event_lake.kinesis.api.clock import Clock
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, ShardGoneError
from event_lake.kinesis.api.retries import Calls, Retrying, ThrottledError, TransientError
from event_lake.kinesis.offsets import After, At, Summary, TrimHorizon
from event_lake.kinesis.shards import Shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient as BotoClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

# `Retrying` repeats calls and counts that; botocore would repeat them uncounted. A planner calls for 16 shards at once.
_BOTO_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, max_pool_connections=16)

_KEY_REFUSED = {
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
}


class KinesisClient:
    """The calls that Event Lake makes to one stream. Several threads may make them.

    Every method repeats a call that Kinesis throttles or fails to answer, and counts that in `calls`. It does so for up
    to `patience_seconds`; the default is less than the 5 minutes that an iterator lives. It raises UserError at once if
    the user must act, and ServiceUnavailableError if Kinesis stays out of reach. Make one client per process, as it
    holds connections.
    """

    def __init__(
        self,
        stream: str,
        region: str | None = None,
        endpoint_url: str | None = None,
        *,
        patience_seconds: float = 200.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.stream = stream
        self.calls = Calls()
        self._retrying = Retrying(self.calls, patience_seconds=patience_seconds, sleep=sleep)
        self._sleep = sleep
        self._clock = Clock()
        with translate_errors(
            _explainer(stream).unusable, ValueError
        ):  # ValueError: AWS_ENDPOINT_URL_KINESIS holds no URL
            self._boto: BotoClient = boto3.client(
                "kinesis", region_name=region, endpoint_url=endpoint_url, config=_BOTO_CONFIG
            )
        self._boto.meta.events.register("before-parse.kinesis.GetRecords", _take_body)

    def list_shards(self) -> list[Shard]:
        """Return all shards that still hold records or take them, open and closed."""
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamName": self.stream}
        while True:
            entries, token = self._call(
                "ListShards",
                self._boto.list_shards,
                request,
                lambda answer: (answer["Shards"], answer.get("NextToken")),
            )
            shards += [
                Shard(
                    entry["ShardId"],
                    tuple(entry[key] for key in ("ParentShardId", "AdjacentParentShardId") if entry.get(key)),
                )
                for entry in entries
            ]
            if not token:
                return shards
            request = {"NextToken": token}

    def summary(self) -> Summary:
        """Return when the stream was made, and how long it keeps a record. Raise StreamNotFoundError if it's gone."""
        summary: Summary = self._call(
            "DescribeStreamSummary", self._boto.describe_stream_summary, {"StreamName": self.stream}, _summary
        )
        return summary

    def now(self) -> datetime:
        """Return the time by Kinesis' own clock, at most a second slow and never fast.

        Kinesis refuses times in its future. Costs a call if there was none before.
        """
        if not self._clock.is_set:
            self.summary()
        return self._clock.now()

    def pause(self, seconds: float) -> None:
        """Wait before the next call."""
        self._sleep(seconds)

    def iterator(self, shard_id: str, position: TrimHorizon | At | After, *, inclusive: bool = False) -> str:
        """Return an iterator to the first record after `position`. If `inclusive`, an After's leads to its own record.

        An iterator lives 5 minutes. Raise ShardGoneError if Kinesis doesn't know the shard.
        """
        request: dict[str, Any] = {"StreamName": self.stream, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        if isinstance(position, After):
            request |= {
                "ShardIteratorType": "AT_SEQUENCE_NUMBER" if inclusive else "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": position.sequence_number,
            }
        elif isinstance(position, At):
            request |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": position.time}
        iterator: str = self._call(
            "GetShardIterator", self._boto.get_shard_iterator, request, lambda answer: answer["ShardIterator"]
        )
        return iterator

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        """Return up to `limit` records within Kinesis' own bounds, which are 10,000 records or 10 MB.

        An answer without records doesn't mean that there are no more. Raise IteratorExpiredError if the iterator has
        expired.
        """
        request = {"ShardIterator": iterator, "Limit": limit}
        page: Page = self._call("GetRecords", self._boto.get_records, request, lambda answer: _page(answer["body"]))
        return page

    def put_records(self, entries: Sequence["PutRecordsRequestEntryTypeDef"]) -> list[str | None]:
        """Put up to 500 records or 5 MiB. Return None for each entry that Kinesis took, else the error's code."""
        request = {"StreamName": self.stream, "Records": entries}
        codes: list[str | None] = self._call(
            "PutRecords",
            self._boto.put_records,
            request,
            lambda answer: [entry.get("ErrorCode") for entry in answer["Records"]],
        )
        return codes

    def _call(
        self,
        action: str,
        method: Callable[..., Any],
        request: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], Any],
    ) -> Any:
        """Return what `read` makes of the answer. Repeat the call if `read` can't read the answer."""

        def once() -> Any:
            with _translated(self.stream, action):
                answer = method(**request)
                self._clock.note(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
                try:
                    return read(answer)
                except (KeyError, TypeError, ValueError) as error:
                    raise TransientError(f"stream {self.stream!r}: {action}: half an answer: {error!r}") from error

        return self._retrying(once)


def _summary(answer: Mapping[str, Any]) -> Summary:
    description = answer["StreamDescriptionSummary"]
    created: datetime = description["StreamCreationTimestamp"]
    return Summary(created.astimezone(UTC), timedelta(hours=description["RetentionPeriodHours"]))


def _page(body: bytes) -> Page:
    answer = loads(body)
    records = answer["Records"]
    return Page(
        sequence_numbers=[r["SequenceNumber"] for r in records],
        arrived=[r["ApproximateArrivalTimestamp"] for r in records],
        partition_keys=[r["PartitionKey"] for r in records],
        data=[a2b_base64(r["Data"], strict_mode=True) for r in records],
        next_iterator=answer.get("NextShardIterator"),
        millis_behind=answer["MillisBehindLatest"],
    )


def _take_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Keep botocore's parser off the records: it takes 16 us for each, while `json` and `a2b_base64` take 2 us."""
    if response_dict["status_code"] == 200:
        customized_response_dict["body"] = response_dict["body"]
        response_dict["body"] = b"{}"


def _explainer(stream: str) -> Explainer:
    return Explainer(f"stream {stream!r}", check="check the credentials and keys in use")


def _translated(stream: str, action: str) -> AbstractContextManager[None]:
    return translate_errors(partial(_explained, stream, action))


def _explained(stream: str, action: str, error: Exception) -> Exception:
    explainer, text, code, cause = _explainer(stream), text_of(error), code_of(error), cause_of(error)
    what = f"{action}: {text}"
    where = f"{explainer.subject}: {what}"
    if code == "ExpiredIteratorException":
        explained: Exception = IteratorExpiredError(where)
    elif code == "ResourceNotFoundException" and action == "GetShardIterator" and "shardId-" in text:
        explained = ShardGoneError(where)
    elif code == "ResourceNotFoundException":
        explained = StreamNotFoundError(f"{where}; check source.stream and source.region")
    elif code in _KEY_REFUSED:
        explained = UserError(f"{where}; {explainer.check}")
    elif cause is Cause.THROTTLED:
        explained = ThrottledError(where)
    elif cause is Cause.OUT_OF_REACH:
        explained = TransientError(where)
    else:
        allow = f"allow kinesis:{action} on arn:aws:kinesis:*:*:stream/{stream}"
        explained = explainer.explained(error, what, allow=allow)
    return explained
