"""Serves `FakeShards` over HTTP as a Kinesis that real clients call, and that fails as its rules say.

    with serve(shards, Rule((Fault.RESET,), action="GetRecords", calls=range(2, 4))) as kinesis:
        KinesisClient("any-name", "eu-west-1", kinesis.url)

It runs in threads of this process. Its clock stands still until the first call and then runs like the real one.
It has no signatures, hash keys and LATEST, and takes every stream name for this stream.
"""

import json
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from http.server import BaseHTTPRequestHandler
from random import Random
from typing import Any, NamedTuple, TypeAlias

from event_lake.errors import EventLakeError
from event_lake.kinesis.api.reads import IteratorExpiredError, ShardGoneError
from event_lake.kinesis.offsets import After, At, TrimHorizon, instant_of_seconds
from support.fake_shards import FakeShards
from support.http_servers import serving

Request: TypeAlias = Mapping[str, Any]

_ACCOUNT = "123456789012"


class Fault(Enum):
    """A way for a call to fail. The value of a refusal is Kinesis' own name for it."""

    THROTTLED = "ProvisionedThroughputExceededException"
    LIMIT_EXCEEDED = "LimitExceededException"
    KMS_THROTTLED = "KMSThrottlingException"
    EXPIRED = "ExpiredIteratorException"
    INTERNAL = "InternalFailure"
    DENIED = "AccessDeniedException"
    OLD_CREDENTIALS = "ExpiredTokenException"
    RESET = "the connection is closed without an answer"
    HALF = "the connection is closed in the middle of the answer"
    TRUNCATED = "half of the answer's JSON"
    SLOW = "an answer that takes its time"
    EMPTY = "no records, and the same iterator again"


RETRYABLE = tuple(fault for fault in Fault if fault not in (Fault.DENIED, Fault.OLD_CREDENTIALS))
_MESSAGES = {
    Fault.DENIED: (
        f"User: arn:aws:iam::{_ACCOUNT}:user/reader is not authorized to perform: kinesis:{{action}} on resource:"
        f" arn:aws:kinesis:us-east-1:{_ACCOUNT}:stream/its-name"
    ),
    Fault.OLD_CREDENTIALS: "The security token included in the request is expired",
}


class _Call(NamedTuple):
    action: str
    shard: str | None = None
    # The ShardIteratorType: of the iterator that the call wants, or of the first one in the chain of the one it has.
    iterator: str | None = None
    impossible: Collection[Fault] = (Fault.EXPIRED, Fault.EMPTY)

    @classmethod
    def of(cls, action: str, request: Request) -> "_Call":
        if action != "GetRecords":
            return cls(action, request.get("ShardId"), request.get("ShardIteratorType"))
        kind, age, token = request["ShardIterator"].split("/")
        # A new iterator can't expire: it lives long enough to be used once.
        return cls(action, token.partition(":")[0], kind, (Fault.EXPIRED,) if age == "new" else ())


@dataclass
class Rule:
    """A rule that gives matching calls one of `faults`, in turn.

    A call matches if its action, shard and iterator type are the rule's, where that has one. The rule hits those of
    them whose number, from 0, is in `calls`, by `chance`. Before these `passes` seconds of the stream's time pass.
    """

    faults: Collection[Fault] = ()
    action: str | None = None
    shard: str | None = None
    iterator: str | None = None
    calls: Container[int] = range(10**9)
    chance: float = 1.0
    seed: int = 0
    passes: float = 0.0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._turns = self._random.sample(list(self.faults), len(self.faults))
        self._matched = 0

    def hits(self, call: _Call) -> bool:
        pattern = (self.action, self.shard, self.iterator)
        if any(field not in (None, value) for field, value in zip(pattern, call[:3], strict=True)):
            return False
        self._matched += 1
        return self._matched - 1 in self.calls and self._random.random() < self.chance

    def fault(self, call: _Call) -> Fault | None:
        fault = next((fault for fault in self._turns if fault not in call.impossible), None)
        self._turns.sort(key=lambda turn: turn is fault)
        return fault


class _RefusedError(Exception):
    """Kinesis refuses a call. The arguments are Kinesis' own name for the error, and a message."""


@dataclass
class FaultyKinesis:
    """The answers of Kinesis. `calls` counts the calls by action, and `injected` the faults that happened."""

    shards: FakeShards
    rules: Collection[Rule]
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    injected: Counter[Fault] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._origin: float | None = None

    def pass_time(self, seconds: float) -> None:
        """Let `seconds` of the stream's time pass at once, besides the time that passed since the last call."""
        with self._lock:
            now = time.monotonic()
            if self._origin is None:
                self._origin = now - self.shards.clock
            self._origin -= seconds
            self.shards.clock = now - self._origin

    def answer(self, action: str, request: Request) -> tuple[Fault | None, int, datetime, bytes]:
        """Return the fault that happened, if any, the HTTP status, the stream's time, and the body."""
        call = _Call.of(action, request)
        with self._lock:
            self.pass_time(0)
            self.calls[action] += 1
            fault = self._fault(call)
            try:
                status, body = 200, self._body(fault, call, request)
            except _RefusedError as refused:
                status = 500 if fault is Fault.INTERNAL else 400
                body = dict(zip(("__type", "message"), refused.args, strict=True))
            return fault, status, self.shards.now(), json.dumps(body).encode()

    def _fault(self, call: _Call) -> Fault | None:
        for rule in self.rules:
            if rule.hits(call):
                self.pass_time(rule.passes)
                if fault := rule.fault(call):
                    self.injected[fault] += 1
                    return fault
        return None

    def _body(self, fault: Fault | None, call: _Call, request: Request) -> dict[str, Any]:
        stream = f"{request.get('StreamName', 'its-name')} under account {_ACCOUNT}"
        if fault is Fault.EMPTY:
            return {"Records": [], "NextShardIterator": request["ShardIterator"], "MillisBehindLatest": 1000}
        if fault and fault.value.isidentifier():
            raise _RefusedError(fault.value, _MESSAGES.get(fault, "injected").format(action=call.action))
        if not self.shards.exists:
            raise _RefusedError("ResourceNotFoundException", f"Stream {stream} not found.")
        try:
            return dict(getattr(self, f"_{call.action}")(call, request))
        except ShardGoneError:
            message = f"Shard {call.shard} in stream {stream} does not exist"
            raise _RefusedError("ResourceNotFoundException", message) from None
        except IteratorExpiredError:
            self.injected[Fault.EXPIRED] += 1
            raise _RefusedError(Fault.EXPIRED.value, "Iterator expired.") from None
        except EventLakeError as refused:
            raise _RefusedError("InvalidArgumentException", str(refused)) from None

    def _DescribeStreamSummary(self, _: _Call, __: Request) -> dict[str, Any]:
        summary = self.shards.summary()
        hours = summary.retention // timedelta(hours=1)
        description = {"StreamCreationTimestamp": summary.created.timestamp(), "RetentionPeriodHours": hours}
        return {"StreamDescriptionSummary": description}

    def _ListShards(self, _: _Call, request: Request) -> dict[str, Any]:
        begin = int(request.get("NextToken", 0))
        shards, end = self.shards.list_shards(), begin + 2
        names = ("ParentShardId", "AdjacentParentShardId")
        listed = [{"ShardId": s.shard_id, **dict(zip(names, s.parents, strict=False))} for s in shards[begin:end]]
        return {"Shards": listed, **({"NextToken": str(end)} if end < len(shards) else {})}

    def _GetShardIterator(self, call: _Call, request: Request) -> dict[str, Any]:
        position: TrimHorizon | At | After = TrimHorizon()
        if call.iterator == "AT_TIMESTAMP":
            position = At(instant_of_seconds(request["Timestamp"]))
        elif call.iterator != "TRIM_HORIZON":
            position = After(request["StartingSequenceNumber"])
        token = self.shards.iterator(request["ShardId"], position, inclusive=call.iterator == "AT_SEQUENCE_NUMBER")
        return {"ShardIterator": f"{call.iterator}/new/{token}"}

    def _GetRecords(self, call: _Call, request: Request) -> dict[str, Any]:
        page = self.shards.get_records(request["ShardIterator"].split("/")[2], request["Limit"])
        names = ("SequenceNumber", "ApproximateArrivalTimestamp", "PartitionKey", "Data")
        data = [b64encode(value).decode() for value in page.data]
        rows = zip(page.sequence_numbers, page.arrived, page.partition_keys, data, strict=True)
        records = {"Records": [dict(zip(names, row, strict=True)) for row in rows]}
        following = {"NextShardIterator": f"{call.iterator}/next/{page.next_iterator}"} if page.next_iterator else {}
        return {**records, **following, "MillisBehindLatest": page.millis_behind}


@contextmanager
def serve(shards: FakeShards, *rules: Rule) -> Iterator[FaultyKinesis]:
    """Serve `shards` as Kinesis on a free port of loopback while the block runs."""
    kinesis = FaultyKinesis(shards, rules)
    with serving(type("Handler", (_Handler,), {"kinesis": kinesis})) as kinesis.url:
        yield kinesis


class _Handler(BaseHTTPRequestHandler):
    kinesis: FaultyKinesis
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault, status, now, body = self.kinesis.answer(self.headers["X-Amz-Target"].partition(".")[2], request)
        self.close_connection = fault in (Fault.RESET, Fault.HALF)
        if fault is Fault.RESET:
            return
        if fault is Fault.SLOW:
            threading.Event().wait(0.3)
        half = body[: len(body) // 2]
        self.send_response_only(status)
        self.send_header("Date", format_datetime(now, usegmt=True))
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(half if fault is Fault.TRUNCATED else body)))
        self.end_headers()
        self.wfile.write(half if fault in (Fault.HALF, Fault.TRUNCATED) else body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
