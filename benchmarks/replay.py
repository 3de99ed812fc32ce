"""Serves a Kinesis stream that is made beforehand, and so cheaply that a benchmark measures its reader.

    with serve(lambda: Replay([events(0), events(1)], start, records_per_second=1_000)) as endpoint_url:
        KinesisClient("any-name", "eu-west-1", endpoint_url)

Each record's JSON is made once: a page of 10,000 records is one slice of a buffer, which the kernel copies.

It has Kinesis' protocol, sequence numbers, bounds of a page and refusals, and records arrive as time passes. It has
no throttling, reshards, expiry, hash keys and signatures, and takes every stream name for this stream.
"""

import json
import multiprocessing
import signal
import time
from array import array
from binascii import b2a_base64
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil, floor
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeAlias
from urllib.request import urlopen

Body: TypeAlias = Sequence[bytes | memoryview]

_MAX_RECORDS = 10_000
_MAX_DATA = 10 * 1024 * 1024
_RETENTION_HOURS = 168
_RECORD = b'{"SequenceNumber":"%d","ApproximateArrivalTimestamp":%d.%03d,"Data":"%b","PartitionKey":"%d"},'
_TARGET_PREFIX = "Kinesis_20131202."

# Sequence numbers as AWS makes them: of 56 digits the low ones name the shard, and those of one shard are far apart.
_FIRST_NUMBER = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_802
_NUMBER_STEP = 1 << 69


class RefusedError(Exception):
    """Kinesis refuses a call with status 400. `code` is Kinesis' own name for the error."""

    def __init__(self, message: str, code: str = "InvalidArgumentException") -> None:
        super().__init__(message)
        self.code = code


class Replay:
    """The answers of a stream. `shards` has the payloads of each of its shards.

    The stream is made at `first_arrival`, and record k of each shard arrives k / `records_per_second` seconds later,
    rounded down to a ms. Takes 4/3 of the payloads' size in memory, and some 180 bytes for each record.
    """

    def __init__(self, shards: Sequence[Iterable[bytes]], first_arrival: datetime, records_per_second: float) -> None:
        self._created = first_arrival.timestamp()
        arrivals = _Arrivals(first_arrival, records_per_second)
        replayed = [_Shard(index, payloads, arrivals) for index, payloads in enumerate(shards)]
        self._shards = {shard.shard_id: shard for shard in replayed}

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        """Return the pieces of the JSON that Kinesis answers at `now_ms` (since 1970). Raise RefusedError."""
        match action:
            case "ListShards":
                return [_json({"Shards": [shard.description for shard in self._shards.values()]})]
            case "DescribeStreamSummary":
                summary = {"StreamCreationTimestamp": self._created, "RetentionPeriodHours": _RETENTION_HOURS}
                return [_json({"StreamDescriptionSummary": summary})]
            case "GetShardIterator":
                shard_id = _required(request, "ShardId")
                if shard_id not in self._shards:
                    raise RefusedError(f"{shard_id} does not exist", "ResourceNotFoundException")
                start = self._shards[shard_id].start(request, now_ms)
                return [_json({"ShardIterator": f"{shard_id}:{start}"})]
            case "GetRecords":
                limit = request.get("Limit", _MAX_RECORDS)
                if not 1 <= limit <= _MAX_RECORDS:
                    raise RefusedError(f"Limit {limit} is not from 1 to {_MAX_RECORDS}")
                shard_id, _, record = _required(request, "ShardIterator").partition(":")
                if shard_id not in self._shards or not record.isdecimal():
                    raise RefusedError("no such ShardIterator")
                return self._shards[shard_id].page(int(record), limit, now_ms)
        raise RefusedError(f"{action!r} is not replayed", "UnknownOperationException")


class _Arrivals:
    """The arrival times of records, rounded down to milliseconds: exact, so that `at_ms` and `before` agree."""

    def __init__(self, first: datetime, records_per_second: float) -> None:
        self._first_ms = floor(Decimal(str(first.timestamp())) * 1000)
        rate = Fraction(records_per_second).limit_denominator(1_000_000)
        self._records, self._ms = rate.numerator, 1000 * rate.denominator

    def at_ms(self, record: int) -> int:
        return self._first_ms + record * self._ms // self._records

    def before(self, ms: int) -> int:
        """Return how many records arrive before `ms`, which is the index of the first that doesn't."""
        return max(0, -((self._first_ms - ms) * self._records // self._ms))


class _Shard:
    """A shard: the JSON of its records end to end, each with a comma after it, and the index where each starts."""

    def __init__(self, index: int, payloads: Iterable[bytes], arrivals: _Arrivals) -> None:
        self.shard_id = f"shardId-{index:012}"
        self._number_before = _FIRST_NUMBER + 16 * index
        numbers = {"StartingSequenceNumber": str(self._number_before)}
        self.description = {"ShardId": self.shard_id, "SequenceNumberRange": numbers}
        self._arrivals = arrivals
        self._starts = array("Q", [0])
        self._data_starts = array("Q", [0])
        buffer = bytearray()
        for record, payload in enumerate(payloads):
            seconds, ms = divmod(arrivals.at_ms(record), 1000)
            data = b2a_base64(payload, newline=False)
            buffer += _RECORD % (self._number(record), seconds, ms, data, record)
            self._starts.append(len(buffer))
            self._data_starts.append(self._data_starts[-1] + len(payload))
        self._buffer = memoryview(buffer)

    def start(self, request: Mapping[str, Any], now_ms: int) -> int:
        """Return the index of the first record that the requested iterator gives, also if that hasn't arrived yet."""
        match _required(request, "ShardIteratorType"):
            case "TRIM_HORIZON":
                return 0
            case "LATEST":
                return self._before(now_ms + 1)
            case "AT_SEQUENCE_NUMBER":
                return max(0, self._record(_required(request, "StartingSequenceNumber"), now_ms))
            case "AFTER_SEQUENCE_NUMBER":
                return self._record(_required(request, "StartingSequenceNumber"), now_ms) + 1
            case "AT_TIMESTAMP":
                ms = Decimal(_required(request, "Timestamp")) * 1000
                if floor(ms) > now_ms:
                    raise RefusedError(f"Timestamp {ms} ms is greater than the current {now_ms} ms")
                return self._before(ceil(ms))
        raise RefusedError("no such ShardIteratorType")

    def page(self, start: int, limit: int, now_ms: int) -> Body:
        """Return an answer with up to `limit` records and 10 MiB from the index `start` on, if they have arrived."""
        arrived = self._before(now_ms + 1)
        start = min(start, arrived)
        fitting = bisect_right(self._data_starts, self._data_starts[start] + _MAX_DATA) - 1
        end = min(start + limit, arrived, max(fitting, start + 1))
        behind_ms = 0 if end == arrived else now_ms - self._arrivals.at_ms(end - 1)
        head = b'{"MillisBehindLatest":%d,"NextShardIterator":"%b:%d","Records":['
        records = self._buffer[self._starts[start] : self._starts[end]]
        return [head % (behind_ms, self.shard_id.encode(), end), records[:-1], b"]}"]

    def _before(self, ms: int) -> int:
        return min(self._arrivals.before(ms), len(self._starts) - 1)

    def _number(self, record: int) -> int:
        return self._number_before + (record + 1) * _NUMBER_STEP

    def _record(self, number: str, now_ms: int) -> int:
        """Return the index of the record with this sequence number, or -1 for the number that the shard starts with."""
        record = (int(number) - self._number_before) // _NUMBER_STEP - 1 if number.isdecimal() else -2
        if not -1 <= record < self._before(now_ms + 1) or int(number) != self._number(record):
            raise RefusedError(f"StartingSequenceNumber {number} is none of {self.shard_id}")
        return record


@contextmanager
def serve(make: Callable[[], Replay]) -> Iterator[str]:
    """Serve `make()` in a process of its own, and give the block its endpoint URL. `make` runs in that process, too.

    This forks, so enter it before Spark starts. The process ends with the block, or with its parent. Raise EOFError if
    `make` fails; its traceback goes to stderr.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_serve_until_orphaned, args=(make, sender), name="replay", daemon=True)
    process.start()
    sender.close()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        process.kill()
        process.join()
        receiver.close()


def calls(endpoint_url: str) -> dict[str, int]:
    """Return how often each action has been called so far, refused or not."""
    with urlopen(f"{endpoint_url}/calls", timeout=10) as answer:  # noqa: S310 - a server of ours
        return dict(json.load(answer))


def _serve_until_orphaned(make: Callable[[], Replay], ready: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    server = _Server(make())
    Thread(target=server.serve_forever, daemon=True).start()
    ready.send(server.server_port)
    if parent := multiprocessing.parent_process():
        parent.join()


class _Server(ThreadingHTTPServer):
    # With socketserver's 5, some of many connections at once wait a second for a second try.
    request_queue_size = 64

    def __init__(self, replay: Replay) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replay = replay
        self.calls: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # A buffer sends headers and the head of a page together. Pieces longer than the buffer aren't copied into it.
    wbufsize = 8192

    def do_POST(self) -> None:
        action = self.headers.get("X-Amz-Target", "").removeprefix(_TARGET_PREFIX)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(action)
        try:
            # Decimal, because 1000 times a float may be beyond the millisecond that was meant.
            request = json.loads(body, parse_float=Decimal)
            self._send(200, self.server.replay.answer(action, request, time.time_ns() // 1_000_000))
        except RefusedError as refused:
            self._send(400, [_json({"__type": refused.code, "message": str(refused)})])

    def do_GET(self) -> None:
        self._send(200 if self.path == "/calls" else 404, [_json(Counter(self.server.calls))])

    def log_message(self, *_: object, **__: object) -> None:
        """Log nothing: a line for each call costs more than most calls."""

    def _send(self, status: int, body: Body) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(sum(map(len, body))))
        self.end_headers()
        for piece in body:
            self.wfile.write(piece)


def _required(request: Mapping[str, Any], name: str) -> Any:
    if name not in request:
        raise RefusedError(f"{name} is missing", "ValidationException")
    return request[name]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
